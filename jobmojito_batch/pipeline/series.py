"""What nights are compared by."""

from jobmojito_batch.intake import is_remote, local_path, shown
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.accounts import account_of
from jobmojito_batch.settings import Settings


def series_of(parameters: InviteParameters, settings: Settings, merchant: str) -> str:
    """Account and inputs as they were asked for, dates not put in: alike every night."""
    account = account_of(settings.base_url, merchant, settings.environment)
    places = [
        shown(text) if is_remote(text) else str(local_path(text).absolute())
        for text in parameters.inputs
    ]
    return "|".join([account, "inbox" if parameters.inbox else "inputs", *places])
