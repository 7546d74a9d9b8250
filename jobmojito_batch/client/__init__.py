"""The API over HTTP: one method per endpoint; the only room that knows HTTP."""

from jobmojito_batch.client.api import JobMojito
from jobmojito_batch.client.token import TokenSource, merchant_of

__all__ = ["JobMojito", "TokenSource", "merchant_of"]
