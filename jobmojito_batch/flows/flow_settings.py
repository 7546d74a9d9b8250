"""Settings inside a flow: with the API token of a Prefect Secret block, never a parameter."""

from typing import Any, Final

from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from pydantic import SecretStr

from jobmojito_batch.events import Event, warn
from jobmojito_batch.flows.best_effort_api import BestEffortApi
from jobmojito_batch.settings import Settings, settings_sources

BLOCK: Final = "jobmojito-api-token"


def tell_what_is_not_taken() -> None:
    """Say what of a `.env` in the flow's folder does not count. Raises SettingsError."""
    for file in settings_sources().files:
        if file.notice is not None:
            why = file.distrust or "a folder may not set them"
            warn(Event.SETTINGS_NOT_TAKEN, variables=file.refused or ["all"], says=f".env: {why}")


async def with_token(settings: Settings, link: BestEffortApi) -> Settings:
    """The settings; where they name no token, with that of the block where there is one."""
    if settings.has_token:
        return settings
    token = await link.quietly(stored_token())
    return settings.model_copy(update={"api_token": token}) if token is not None else settings


async def stored_token() -> SecretStr | None:
    """The token in the block; None where there is no block."""
    async with get_client() as client:
        try:
            block: Any = await Secret.aload(BLOCK, client=client)
        except (ObjectNotFound, ValueError):  # the second is what aload makes of the first
            return None
    # Not Secret.get(), which reads a token of digits as a number.
    return SecretStr(str(block.value.get_secret_value()))


async def store_token(token: SecretStr) -> None:
    """Make the block, or give it this token."""
    await Secret(value=token).asave(BLOCK, overwrite=True)
