"""
Settings, read once from the environment and a `.env` file, overridden by options.

The only module that reads the environment. Secrets are SecretStr: no repr, log or error shows them.
"""

import ipaddress
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from jobmojito_batch.alerts import AlertKind
from jobmojito_batch.errors import SettingsError

PREFIX: Final = "JOBMOJITO_"
PRODUCTION_URL: Final = "https://cool.jobmojito.com/functions/v1"
APP_NAME: Final = "jobmojito-batch"

_ENV_FILE_ENCODINGS: Final = ("utf-8-sig", "utf-16", "latin-1")
"""How a `.env` may be written, UTF-16 by PowerShell; each but the last refuses the others."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Credits = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class AlertSettings(BaseSettings):
    """Where alerts go: what has to be known even where nothing else can be read."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    environment: str = Field(
        "live",
        min_length=1,
        max_length=64,
        description="label that keeps test and live invitations apart in the ledger",
    )
    notify: SecretStr | None = Field(
        None, description="where alerts go: apprise URLs, separated by commas"
    )
    notify_on: str | None = Field(
        None, description="the kinds of alerts that go there, separated by commas; all"
    )

    @field_validator("notify_on")
    @classmethod
    def _known_kinds(cls, value: str | None) -> str | None:
        known = [kind.value for kind in AlertKind]
        odd = [kind for kind in _split(value) if kind not in known]
        if odd:
            msg = f"there is no alert {', '.join(odd)}; there are {', '.join(known)}"
            raise ValueError(msg)
        return value

    @property
    def alert_kinds(self) -> frozenset[AlertKind]:
        """The kinds of alerts that are sent to the addresses of `notify`."""
        return frozenset(map(AlertKind, _split(self.notify_on))) or frozenset(AlertKind)


class Settings(AlertSettings):
    """What every command needs to know of the world; units are in the names."""

    api_token: SecretStr | None = Field(None, description="bearer token")
    api_token_file: Path | None = Field(
        None, description="file that holds it, read again when the API answers 401"
    )
    api_token_command: str | None = Field(
        None, repr=False, description="command that prints it, run again when the API answers 401"
    )
    apikey: SecretStr | None = Field(
        None, description="optional project key, sent as the `apikey` header"
    )
    base_url: str = Field(PRODUCTION_URL, description="https only, save for loopback")
    ledger: str = Field("", repr=False, description="SQLAlchemy URL or path of the ledger")
    requests_per_second: float = Field(
        2.0, gt=0, le=10_000, allow_inf_nan=False, description="ceiling on requests started"
    )
    max_in_flight: int = Field(8, ge=1, le=10_000, description="ceiling on calls in flight")
    connect_timeout_seconds: Positive = 15.0
    read_timeout_seconds: Positive = Field(
        165.0,
        description="for the whole answer; above the platform's own 150 s, so that its answer wins",
    )
    settle_seconds: Credits = Field(
        400.0, description="how long a call that ended without an answer can still take effect"
    )
    max_attempts: int = Field(
        5, ge=1, le=100, description="calls for one row in a run; 429 answers do not count"
    )
    credits_per_candidate: Credits = Field(0.25, description="for estimates and caps")
    max_credits_per_run: Credits | None = Field(None, description="cap")
    max_credits_per_day: Credits | None = Field(None, description="cap, by the UTC day")
    breaker_failures: int = Field(
        10, ge=1, description="consecutive calls without a trustworthy answer that stop the run"
    )
    max_resume_characters: int = Field(
        50_000, ge=1, description="a longer résumé makes the row invalid; never cut"
    )
    min_resume_characters: int = Field(40, ge=0, description="letters below which a résumé is none")
    inbox_stable_seconds: Credits = Field(
        10.0, description="a file of an inbox is whole where it did not change for so long"
    )
    inbox_needs_markers: bool = Field(
        False, description="take a file of an inbox only when NAME.done lies beside it"
    )

    @field_validator("base_url")
    @classmethod
    def _safe_base_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not _has_port(parts):
            msg = "is no web address; it looks like https://host/functions/v1"
            raise ValueError(msg)
        if parts.username or parts.password or parts.query or parts.fragment:
            msg = "must be a plain address, without user, query or fragment"
            raise ValueError(msg)
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            msg = "must begin with https:// (http:// would send the token and résumés in the open)"
            raise ValueError(msg)
        return canonical_url(value)

    @model_validator(mode="after")
    def _one_token_source(self) -> Self:
        given = [
            name
            for name in ("api_token", "api_token_file", "api_token_command")
            if getattr(self, name) is not None
        ]
        if len(given) > 1:
            names = " and ".join(variable(name) for name in given)
            msg = f"{names} are both set; keep one of them"
            raise ValueError(msg)
        return self

    @cached_property
    def ledger_url(self) -> str:
        """The ledger as an SQLAlchemy URL; a path becomes an SQLite URL."""
        if not self.ledger:
            folder = Path(platformdirs.user_data_dir(APP_NAME, appauthor=False))
            return f"sqlite:///{folder / 'ledger.sqlite'}"
        if "://" in self.ledger:
            return self.ledger
        return f"sqlite:///{Path(self.ledger).expanduser().absolute()}"

    @property
    def has_token(self) -> bool:
        """Whether the settings say where a token is."""
        return bool(self.api_token or self.api_token_file or self.api_token_command)

    @property
    def spool_folder(self) -> Path:
        """Where a run keeps its prepared rows until it ends."""
        return Path(platformdirs.user_cache_dir(APP_NAME, appauthor=False)) / "spool"

    @property
    def proxy_url(self) -> str | None:
        """The proxy that the system names for the base URL; never one for loopback."""
        parts = urlsplit(self.base_url)
        host = parts.hostname or ""
        if is_loopback(host) or proxy_bypass(host):
            return None
        return getproxies().get(parts.scheme)


def _split(text: str | None) -> list[str]:
    return [part.strip().lower() for part in (text or "").split(",") if part.strip()]


def _has_port(parts: SplitResult) -> bool:
    """Whether the port is one, or there is none."""
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def canonical_url(url: str) -> str:
    """
    The one spelling of a base URL: an account is known by it, so two would be two accounts.

    What is provably the same is one: case of scheme and host, the scheme's own port, a slash at
    the end.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    own_port = {"http": 80, "https": 443}.get(parts.scheme)
    port = f":{parts.port}" if parts.port not in {None, own_port} else ""
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def may_be_one_service(url: str, other: str) -> bool:
    """
    Whether two base URLs that differ may lead to one service, where the same people are paid for.

    On this machine by the same port and path under another name for it; elsewhere any two, since a
    service may have several host names. What is here and what is elsewhere are two: a rehearsal.
    """
    parts = urlsplit(url), urlsplit(other)
    here = [is_loopback(part.hostname or "") for part in parts]
    if not any(here):
        return True
    places = {(part.port, part.path.rstrip("/")) for part in parts}
    return all(here) and len(places) == 1


def is_loopback(host: str) -> bool:
    """Whether the host is this machine: localhost, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + field.upper()


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401 - typed by the model
    """
    Read the settings; options given as keywords win, None means "not given".

    Raises SettingsError that names every variable at fault and never shows a value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as exc:
        raise SettingsError("; ".join(_sentence(error) for error in exc.errors())) from None
    except UnicodeDecodeError:
        raise SettingsError(".env: not UTF-8 text; save it as UTF-8") from None
    except OSError as exc:
        raise SettingsError(f".env: cannot be read ({exc.strerror})") from None


def load_alert_settings() -> AlertSettings:
    """
    Where alerts go, whatever else is wrong with the settings; never raises.

    A `.env` that is no UTF-8, or a kind of alert that there is not, must not silence the alert that
    says so.
    """
    harmless: dict[str, Any] = {"environment": "live", "notify_on": ""}
    for given in ({}, harmless):
        for encoding in _ENV_FILE_ENCODINGS:
            with suppress(ValidationError, UnicodeError, OSError):
                return AlertSettings(_env_file_encoding=encoding, **given)
    return AlertSettings(_env_file=None, **harmless)


def _sentence(error: Any) -> str:  # noqa: ANN401 - pydantic's own dict
    message = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return str(message)
    field = str(error["loc"][0])
    name = field if field.isupper() else variable(field)
    return f"{name}: {message[0].lower()}{message[1:]}"
