"""
Settings, read once from the environment and `.env` files, overridden by options.

The only module that reads the environment. Secrets are SecretStr: no repr, log or error shows them.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from jobmojito_batch.alerts import AlertKind
from jobmojito_batch.columns import REHEARSAL
from jobmojito_batch.env_files import (
    ANYHOW,
    APP_NAME,
    PREFIX,
    EnvFile,
    env_files,
    folder_sets_prefect,
)
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.urls import is_loopback

PRODUCTION_URL: Final = "https://cool.jobmojito.com/functions/v1"
ENV_FILE: Final = "JOBMOJITO_ENV_FILE"
"""The file of `--env-file`, for the processes that a command starts, and for services."""
LOG_JSON: Final = PREFIX + "LOG_JSON"
"""What `--log-json` says, for the same."""
METRICS: Final = PREFIX + "METRICS"
"""What `--metrics` says, for the same."""
TOKENS: Final = ("api_token", "api_token_file", "api_token_command")
"""One setting in three ways: where the token comes from."""

A_FOLDER_MAY_SET: Final = frozenset(
    {
        "api_token",
        "apikey",
        "environment",
        "requests_per_second",
        "max_in_flight",
        "connect_timeout_seconds",
        "read_timeout_seconds",
        "settle_seconds",
        "max_attempts",
        "credits_per_candidate",
        "max_credits_per_run",
        "max_credits_per_day",
        "chase_days",
        "breaker_failures",
        "max_resume_characters",
        "min_resume_characters",
        "inbox_stable_seconds",
        "inbox_needs_markers",
    }
)
"""
What a `.env` in the current folder may say: nothing that is run, read, written or sent to.

A setting that is not here is not taken from there, so a new one is safe until somebody has thought.
"""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Credits = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class AlertSettings(BaseSettings):
    """Who is told of a run: what has to be known even where nothing else can be read."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=None,  # which files there are, and what of them counts: env_files
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
        None,
        description="the kinds of alerts that go there, separated by commas; all but report",
    )

    log_json: str | None = Field(
        None, description="file that events are appended to, a JSON object a line; - is stderr"
    )

    metrics: str | None = Field(
        None, description="file of OpenMetrics text for node exporter's textfile collector"
    )
    ping_url: SecretStr | None = Field(
        None,
        description="asked at the end of each unattended run, /fail appended where it needs "
        "somebody",
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
        every = frozenset(AlertKind)
        return frozenset(map(AlertKind, _split(self.notify_on))) or every - {AlertKind.REPORT}


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
    chase_days: Credits = Field(
        3.0, description="days after which somebody who has not started is to be reminded"
    )
    breaker_failures: int = Field(
        10, ge=1, description="consecutive calls without a trustworthy answer that stop the run"
    )
    max_resume_characters: int = Field(
        50_000, ge=1, description="a longer résumé makes the row invalid; never cut"
    )
    min_resume_characters: int = Field(40, ge=0, description="letters below which a résumé is none")
    smtp_url: SecretStr | None = Field(
        None,
        description="where `letters --send` posts: smtps://user:password@host or "
        "smtp://user:password@host:587, with TLS save for loopback",
    )
    mail_from: str | None = Field(
        None, repr=False, description="as whom: Recruiting <recruiting@example.com>"
    )
    inbox_stable_seconds: Credits = Field(
        10.0, description="a file of an inbox is whole where it did not change for so long"
    )
    inbox_needs_markers: bool = Field(
        False, description="take a file of an inbox only when NAME.done lies beside it"
    )

    @field_validator("environment")
    @classmethod
    def _no_bar(cls, value: str) -> str:
        if "|" in value:  # it parts the names of an account in the ledger
            msg = "must not hold |"
            raise ValueError(msg)
        return value

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
    def _rehearses_here(self) -> Self:
        if self.environment == REHEARSAL and not is_loopback(urlsplit(self.base_url).hostname):
            msg = f"the label {REHEARSAL} is for --rehearse, which leaves this machine in peace"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _one_token_source(self) -> Self:
        given = [name for name in TOKENS if getattr(self, name) is not None]
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
    def desk_folder(self) -> Path:
        """Where the desk keeps uploads, and what was said of them."""
        return Path(platformdirs.user_data_dir(APP_NAME, appauthor=False)) / "desk"

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
    here = [is_loopback(part.hostname) for part in parts]
    if not any(here):
        return True
    places = {(part.port, part.path.rstrip("/")) for part in parts}
    return all(here) and len(places) == 1


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + field.upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where settings come from: the variables of the environment, then files, the first wins."""

    environment: tuple[str, ...]
    files: Sequence[EnvFile]

    @property
    def taken(self) -> Mapping[str, EnvFile]:
        """Which file each variable is from that the environment does not have."""
        settled = _settled_by(self.environment)
        file_of: dict[str, EnvFile] = {}
        for file in self.files:
            new = [name for name in file.values if name in _VARIABLES.keys() - settled]
            file_of |= dict.fromkeys(new, file)
            settled |= _settled_by(new)
        return file_of

    @property
    def values(self) -> dict[str, str]:
        """The fields of the settings that files give."""
        return {_VARIABLES[name]: file.values[name] for name, file in self.taken.items()}

    def refused(self, *fields: str) -> list[str]:
        """Variables of these fields that a file has, that are not taken, and that nothing sets."""
        missed = {name for file in self.files for name in file.refused}
        wanted = [variable(field) for field in fields]
        return [
            name
            for name in wanted
            if name in missed and name not in self.taken and name not in self.environment
        ]

    @property
    def notices(self) -> list[str]:
        """What was not taken and what to do, a sentence for each file."""
        return [file.notice for file in self.files if file.notice is not None]


def _settled_by(names: Iterable[str]) -> set[str]:
    """Variables that need no file any more: a token given in one way settles the other two."""
    tokens = {variable(field) for field in TOKENS}
    return tokens.union(names) if tokens.intersection(names) else set(names)


_VARIABLES: Final = {variable(field): field for field in Settings.model_fields}
_HARMLESS: Final = frozenset(map(variable, A_FOLDER_MAY_SET))


def settings_sources() -> Sources:
    """Where settings come from here and now. Raises SettingsError for a file that is unreadable."""
    return _sources(env_files(os.environ.get(ENV_FILE), _HARMLESS))


def prefects_in_folder() -> list[str]:
    """Files of the current folder that would set Prefect."""
    return folder_sets_prefect(os.environ.get(ENV_FILE))


def _sources(files: Sequence[EnvFile]) -> Sources:
    given = {name.upper() for name, value in os.environ.items() if value}
    return Sources(environment=tuple(sorted(given & _VARIABLES.keys())), files=files)


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401 - typed by the model
    """
    Read the settings; options given as keywords win, None means "not given".

    Raises SettingsError that names every variable at fault and never shows a value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    sources = settings_sources()
    try:
        return Settings(**(sources.values | given))
    except ValidationError as exc:
        files = {name: sources.taken[variable(name)] for name in sources.values.keys() - given}
        sentences = [_sentence(error, files) for error in exc.errors()]
        raise SettingsError("; ".join(sentences)) from None


def load_alert_settings() -> AlertSettings:
    """
    Where alerts go, whatever else is wrong with the settings; never raises.

    A `.env` that is no UTF-8, or a kind of alert that there is not, must not silence the alert that
    says so; nor must a file that is not there.
    """
    harmless: dict[str, Any] = {"environment": "live", "notify_on": ""}
    all_values = _sources(_files_anyhow()).values
    values = {name: all_values[name] for name in AlertSettings.model_fields if name in all_values}
    for given in (values, values | harmless):
        with suppress(ValidationError):
            return AlertSettings(**given)
    return AlertSettings(**harmless)


def _files_anyhow() -> list[EnvFile]:
    """The files that can be read, however they are written."""
    for given in (os.environ.get(ENV_FILE), None):
        with suppress(SettingsError, OSError):
            return env_files(given, _HARMLESS, ANYHOW)
    return []


def _sentence(error: Any, files: Mapping[str, EnvFile]) -> str:  # noqa: ANN401 - pydantic's dict
    message = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return str(message)
    field = str(error["loc"][0])
    name = field if field.isupper() else variable(field)
    where = f" in {files[field].path}" if field in files else ""
    return f"{name}{where}: {message[0].lower()}{message[1:]}"
