"""The scenario: how the sandbox behaves, as a TOML file or in code (format: docs/sandbox.md)."""

import re
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from jobmojito_batch.contract import Status
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.sandbox.request_record import Endpoint

_MIN_POSITION_LATENCY: Final = 0.02
"""Opening a position takes time even where nothing else does: twins need a moment to overlap."""


_UUID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_uuid(text: str) -> bool:
    """Tell whether *text* is what the contract calls a uuid."""
    return _UUID.fullmatch(text) is not None


def _as_merchant(text: str) -> str:
    if not is_uuid(text):
        raise ValueError("a merchant's id is a UUID")
    return text.lower()


def _as_number(value: object) -> object:
    return None if value == "null" else value


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


Ordinals = Annotated[tuple[PositiveInt, ...], BeforeValidator(_as_tuple)]
"""One number or a list of them, counted from 1."""
MerchantId = Annotated[str, AfterValidator(_as_merchant)]
Balance = Annotated[FiniteFloat | None, BeforeValidator(_as_number)]
"""A number, whole or not, or nothing (in the file, which knows no null: "null")."""
BalanceName = Literal[
    "credits_interview_monthly",
    "credits_interview_monthly_limit",
    "credits_interview_extra",
    "credits_interview_single",
    "invitations_sent",
    "invitations_limit",
    "invitations_available",
]
BodyKind = Literal["jobmojito", "platform", "html", "empty", "text", "rejected", "status"]
"""The last two are what a 200 has: a status and, as its reason, the message."""
Disconnect = Literal["before", "after", "midway", "meanwhile"]
Garbage = Literal[
    "html",
    "truncated",
    "empty",
    "wrong_type",
    "huge",
    "null_members",
    "no_link",
    "null_link",
    "other_candidate",
    "redirect",
]


class _Strict(BaseModel):
    """Base of the file's tables: nothing unknown passes, and no value stands in an error text."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True
    )


class Fault(_Strict):
    """One thing that goes wrong: which calls it strikes, and what it does to them."""

    # Which calls: every condition that is given has to hold
    endpoint: Endpoint | None = Endpoint.CREATE
    """None (in the file: "any") for all endpoints; "create" is short for the long name."""
    email: str | None = None
    emails: tuple[str, ...] = ()
    position: str | None = None
    """The position's name, external id or id."""
    call: Ordinals | None = None
    """The nth calls of the endpoint."""
    every: PositiveInt | None = None
    share: float | None = Field(None, ge=0, le=1)
    attempt: Ordinals | None = None
    """The nth calls of the endpoint for one e-mail."""
    times: PositiveInt | None = None
    """How often it strikes before it is used up."""
    # What happens
    status: int | None = Field(None, ge=200, le=599)
    body: BodyKind | None = None
    message: str | None = None
    code: str | None = None
    name: str | None = None
    """The field that JobMojito's own error body blames."""
    retry_after: str | None = None
    """The header as it is to be sent: seconds, a date or rubbish."""
    headers: dict[str, str] = {}
    disconnect: Disconnect | None = None
    garbage: Garbage | None = None
    slow_drip: float | None = Field(None, gt=0)
    """Seconds over which the true answer trickles in."""
    hang: float = Field(0.0, ge=0)
    """Seconds by which the answer is late."""
    when: Literal["before", "after"] | None = None

    @field_validator("endpoint", mode="before")
    @classmethod
    def _short_names(cls, value: object) -> object:
        if value == "any":
            return None
        return Endpoint.CREATE if value == "create" else value

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        acts = [
            name for name in ("status", "disconnect", "garbage", "slow_drip") if self._has(name)
        ]
        if len(acts) > 1:
            raise ValueError(f"{' and '.join(acts)} cannot go together; make it two faults")
        if not acts and not self.hang:
            raise ValueError("does nothing; give status, disconnect, garbage, slow_drip or hang")
        if self.when and (self.disconnect or self.slow_drip):
            raise ValueError("when goes with status, garbage or hang alone")
        extras = [name for name in ("body", "message", "code", "name") if self._has(name)]
        if extras and self.status is None:
            raise ValueError(f"{extras[0]} needs a status")
        return self

    def _has(self, name: str) -> bool:
        return getattr(self, name) is not None

    @cached_property
    def wanted_emails(self) -> frozenset[str]:
        """The e-mails it is about, folded; none means everybody."""
        return frozenset(email.lower() for email in (*self.emails, self.email) if email)

    @cached_property
    def does_work(self) -> bool:
        """Whether the candidate is enrolled although the answer is bad."""
        if self.disconnect is not None:
            return self.disconnect != "before"
        if self.when is not None:
            return self.when == "after"
        return self.status is None

    @cached_property
    def is_late_work(self) -> bool:
        """Whether the work itself begins only after the wait."""
        return self.when == "before" and self.status is None and self.garbage is None

    @cached_property
    def title(self) -> str:
        """What the log calls it."""
        parts = (
            self.status and str(self.status),
            self.disconnect and f"disconnect {self.disconnect}",
            self.garbage and f"garbage {self.garbage}",
            self.slow_drip and "slow_drip",
            self.hang and "hang",
        )
        return " ".join(part for part in parts if part)


class KnownPosition(_Strict):
    """A position that exists before the first call."""

    name: str
    id: str | None = None
    external_id: str | None = None
    merchant_id: MerchantId | None = None
    """None for the token's own merchant."""


class KnownEnrolment(_Strict):
    """A candidate who is enrolled before the first call; the position is opened where needed."""

    email: str
    position: str
    name: str = "Known Candidate"
    external_id: str | None = None
    status: str = Status.AI_ACCEPT
    hours_ago: float = 24.0
    merchant_id: MerchantId | None = None


Share = Annotated[float, Field(ge=0, le=1)]


class LifeTimes(_Strict):
    """What candidates do once they are accepted; each share is one of those before."""

    starts: Share = 0.7
    start_days: float = Field(6.0, ge=0)
    """Who starts does so a day and a half after the invitation, or up to so many days later."""
    fails: Share = 0.1
    tries_again: Share = 0.4
    """Of those who failed: a second attempt, a day later, in a row of its own."""
    finishes: Share = 0.9
    submits: Share = 0.8
    """The others finish and do not press submit."""
    decides: Share = 0.7
    decide_days: float = Field(4.0, ge=0)
    selects: Share = 0.4
    other_words: Share = 0.2
    """Decisions that the list tells in the words of the create answer."""
    link_days: float = Field(30.0, gt=0)
    """How long a link opens the interview."""
    interview_credits: float = Field(1.0, ge=0)
    failed_credits: float = Field(0.25, ge=0)


class Scenario(_Strict):
    """How the sandbox behaves; the defaults are a patient, friendly day."""

    seed: int = 0
    latency: float = Field(0.05, ge=0)
    """Seconds that a create takes."""
    position_latency: float | None = Field(None, ge=0)
    """Seconds that opening a position takes on top; twice the latency where not given."""
    lookup_latency: float = Field(0.0, ge=0)
    jitter: float = Field(0.0, ge=0, le=1)
    """By which share a create may be quicker or slower."""
    credits: float = Field(100_000.0, ge=0)
    credits_per_candidate: float = Field(0.25, ge=0)
    credits_status: int = Field(402, ge=200, le=599)
    credits_body: BodyKind = "jobmojito"
    credits_message: str = "Insufficient credits: your account has no interview credits left."
    merchant_id: MerchantId | None = None
    """The token's own merchant; from the seed where none is given."""
    merchants: tuple[MerchantId, ...] | None = None
    """
    For whom else the token may act. None: it is an admin's, any UUID will do. Empty: it is an
    ordinary one; a create then goes by its own merchant whatever it asks for.
    """
    merchant_status: dict[BalanceName, Balance] = {}
    """Numbers of merchant-status that are said instead of the true ones."""
    rows_per_enrolment: Literal[1, 2] = 2
    """
    Rows of merchant-result-list: 2 is a row for the screening step, in its own words (ai_accept,
    recruiter_action...), and one for the interview; 1 is a row with the decision alone.
    """
    lives: LifeTimes = LifeTimes()
    """How candidates go on; nothing happens before a day and a half have passed."""
    moved_rows: Share = 0.0
    """Rows of a page that are at the list's end, as new, when its next page is asked for."""
    charged_twice: frozenset[str] = frozenset()
    """E-mails whose create is charged a second time in the credit ledger."""
    strange_charges: int = Field(0, ge=0)
    """Charges of the credit ledger for enrolments that nobody knows."""
    unreadable_dates: frozenset[str] = frozenset()
    """E-mails for whom the list has a date that is none, in one row of each enrolment."""
    environment: str = "test"
    """Where it is test, the rows of merchant-result-list are marked as tests."""
    tokens: tuple[SecretStr, ...] = ()
    """The tokens that are accepted; none given means any that is not past its exp."""
    decisions: dict[Status, Annotated[float, Field(ge=0)]] = {
        Status.AI_ACCEPT: 0.7,
        Status.RECRUITER_ACTION: 0.15,
        Status.AI_REJECT: 0.15,
    }
    """How often each status is decided, as weights."""
    statuses: dict[str, str] = {}
    """E-mail to status, for those whose decision is not left to the seed; any text is allowed."""
    requests_per_second: float | None = Field(None, gt=0)
    max_in_flight: PositiveInt | None = None
    """Creates at once, beyond which the platform answers 546."""
    max_body_bytes: PositiveInt | None = None
    """Beyond it 413."""
    token_wants: Literal["profile_interview_id", "profile_id", "either"] = "profile_interview_id"  # noqa: S105 - the name of a member
    """Which id job-interview-token knows as interview_profile_id: the contract leaves it open."""
    clock_offset: float = 0.0
    """Seconds by which the server's clock (Date, created_at) is ahead of ours."""
    keep_alive: PositiveInt = 5
    """Seconds after which an idle connection is closed."""
    idle_close_seconds: float | None = Field(None, gt=0)
    """Seconds after which an idle connection is lost: what comes on it then is not read."""
    idle_close_unseen_seconds: float = Field(0.1, ge=0)
    """Seconds until the client can see that; what it takes on a long way."""
    positions: tuple[KnownPosition, ...] = ()
    enrolments: tuple[KnownEnrolment, ...] = ()
    faults: tuple[Fault, ...] = ()

    @field_validator("decisions")
    @classmethod
    def _some_weight(cls, weights: dict[Status, float]) -> dict[Status, float]:
        if not sum(weights.values()):
            raise ValueError("needs a weight above 0")
        return weights

    @field_validator("unreadable_dates", "charged_twice")
    @classmethod
    def _folded(cls, emails: frozenset[str]) -> frozenset[str]:
        return frozenset(email.lower() for email in emails)

    @property
    def seconds_to_open(self) -> float:
        """What opening a position takes on top of a create."""
        if self.position_latency is not None:
            return self.position_latency
        return max(2 * self.latency, _MIN_POSITION_LATENCY)


def load_scenario(
    path: Path | None = None, *, seed: int | None = None, latency: float | None = None
) -> Scenario:
    """
    Read a scenario file; *seed* and *latency* win over the file's.

    Raises SettingsError, in one line that names the file and the setting.
    """
    source = path.name if path else "sandbox"
    members: dict[str, Any] = _read(path) if path else {}
    members |= {
        key: value for key, value in (("seed", seed), ("latency", latency)) if value is not None
    }
    try:
        return Scenario.model_validate(members)
    except ValidationError as exc:
        raise SettingsError(f"{source}: {_explained(exc)}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise SettingsError(f"{path.name}: cannot be read ({exc.strerror})") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path.name}: is not TOML: {exc}") from exc


def _explained(exc: ValidationError) -> str:
    """Name the first fault and how many more there are; a table is counted from 1."""
    first, *others = exc.errors(include_url=False, include_input=False)
    place = " ".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
    what = first["msg"].removeprefix("Value error, ").replace("\n", " ")
    more = f" (and {len(others)} more)" if others else ""
    return f"{place}: {what}{more}"
