"""Where the bearer token comes from, and how a fresh one is had after a 401."""

import asyncio
import base64
import binascii
import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Final

from jobmojito_batch.env_files import own_path
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.settings import Settings

COMMAND_TIMEOUT_SECONDS: Final = 60.0
REPLACED_DAYS: Final = 7
"""So many days ahead somebody hears that the token ends; one that never lasts longer is renewed."""


class TokenSource:
    """A token that is fixed, read from a file, or printed by a command."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = asyncio.Lock()
        self._token: str | None = None

    def __repr__(self) -> str:
        return "<TokenSource>"

    def current(self) -> str:
        """
        The token in use; read at the first call.

        Raises SettingsError where there is none or it cannot be one.
        """
        if self._token is None:
            self._token = self._read()
        return self._token

    async def renewed(self, refused: str) -> bool:
        """
        Read the token again after the API refused *refused*; True where there is another now.

        Many calls may meet the 401 at once: the first one reads, the others find it done.
        """
        async with self._lock:
            if self._token == refused:
                try:
                    self._token = await asyncio.to_thread(self._read)
                except SettingsError:
                    return False
            return self._token != refused

    def _read(self) -> str:
        settings = self._settings
        if settings.api_token is not None:
            return _checked(settings.api_token.get_secret_value(), "JOBMOJITO_API_TOKEN")
        if settings.api_token_file is not None:
            try:
                text = settings.api_token_file.expanduser().read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as exc:
                raise SettingsError(
                    f"JOBMOJITO_API_TOKEN_FILE: cannot read the file ({type(exc).__name__})"
                ) from None
            return _checked(text, "JOBMOJITO_API_TOKEN_FILE")
        if settings.api_token_command is not None:
            return _checked(_printed_by(settings.api_token_command), "JOBMOJITO_API_TOKEN_COMMAND")
        raise SettingsError(
            f"no API token: write a line JOBMOJITO_API_TOKEN=… into {own_path()}, or set "
            "JOBMOJITO_API_TOKEN, JOBMOJITO_API_TOKEN_FILE or JOBMOJITO_API_TOKEN_COMMAND (or try "
            "`jobmojito-batch demo`, which needs none)"
        )


def _printed_by(command: str) -> str:
    try:
        done = subprocess.run(  # noqa: S602 - the user's own setting, a shell line by design
            command,
            shell=True,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_SECONDS,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError, UnicodeDecodeError) as exc:
        raise SettingsError(
            f"JOBMOJITO_API_TOKEN_COMMAND: the command gave no token ({type(exc).__name__})"
        ) from None
    if done.returncode != 0:
        raise SettingsError(
            f"JOBMOJITO_API_TOKEN_COMMAND: the command ended with status {done.returncode}"
        )
    return done.stdout


def _checked(text: str, where: str) -> str:
    token = text.strip()
    if not token:
        raise SettingsError(f"{where}: the token is empty")
    if not token.isascii() or any(c.isspace() or not c.isprintable() for c in token):
        raise SettingsError(f"{where}: this is no token (it has blanks or odd characters)")
    return token


def merchant_of(token: str) -> str:
    """
    The home merchant that a JWT names in `app_metadata.merchant_id`, read without verifying.

    Empty where the token is no JWT or names none: then the account is the base URL and the
    environment label alone (decision 0006).
    """
    claims = _claims(token)
    metadata = claims.get("app_metadata")
    merchant = metadata.get("merchant_id") if isinstance(metadata, dict) else None
    return str(merchant) if merchant else ""


def expiry_of(token: str) -> datetime | None:
    """When a JWT says that it expires, read without verifying; None where it says nothing."""
    return _moment(_claims(token).get("exp"))


def replaced_by(token: str) -> datetime | None:
    """
    By when a person has to replace the token; None where it says nothing.

    One that was issued for REPLACED_DAYS or less is renewed by a program: None, too.
    """
    claims = _claims(token)
    expires, issued = _moment(claims.get("exp")), _moment(claims.get("iat"))
    if expires is None or issued is None:
        return expires
    return expires if expires - issued > timedelta(days=REPLACED_DAYS) else None


def replacement_due(replaced: datetime | None, now: datetime) -> str | None:
    """That the token ends within REPLACED_DAYS, and what to do, as a sentence; None if not."""
    if replaced is None or not timedelta(0) < replaced - now <= timedelta(days=REPLACED_DAYS):
        return None
    return (
        f"the API token expires at {replaced.astimezone(UTC):%Y-%m-%d %H:%M} UTC: get a fresh one "
        "and put it where this one comes from"
    )


def _moment(seconds: object) -> datetime | None:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _claims(token: str) -> dict[str, object]:
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        return {}
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.urlsafe_b64decode(padded))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
