"""What nights are compared by."""

import hashlib
from collections.abc import Sequence
from typing import Final

from jobmojito_batch.intake import local_path
from jobmojito_batch.ledger import Ledger, account_of
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.accounts import merchant_for
from jobmojito_batch.settings import Settings
from jobmojito_batch.urls import is_url, shown

LABEL_DIGITS: Final = 12


def series_of(
    parameters: InviteParameters, settings: Settings, token: str | None, ledger: Ledger | None
) -> str:
    """Account and inputs as they were asked for, dates not put in: alike every night."""
    merchant = merchant_for(token, ledger, settings)
    account = account_of(settings.base_url, merchant, settings.environment)
    places = _places(parameters.inputs)
    return "|".join([account, "inbox" if parameters.inbox else "inputs", *places])


def series_label(inputs: Sequence[str]) -> str:
    """The inputs as they were asked for in a few digits: a path may name a person."""
    places = "|".join(_places(inputs)).encode("utf-8", "surrogatepass")  # of any name there is
    return hashlib.sha256(places).hexdigest()[:LABEL_DIGITS]


def inputs_text(inputs: Sequence[str]) -> str:
    """What messages call the inputs, without what a URL may hold of secrets."""
    return ", ".join(map(shown, inputs))


def _places(inputs: Sequence[str]) -> list[str]:
    return [shown(text) if is_url(text) else str(local_path(text).absolute()) for text in inputs]
