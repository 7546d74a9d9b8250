"""
What came of a run, in counts and ids: no person (spec section 6).

The one model of a run that ended, of an idle one (the inbox held nothing to do), and of one that
only the ledger tells of. All that is said of a run is written from it: its JSON, the terminal, the
artifact, the log, alerts and the state.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from jobmojito_batch.columns import REHEARSAL, ErrorCode, Outcome
from jobmojito_batch.exit_codes import ExitCode

SCHEMA_VERSION: Final = 1
KNOWN_TO_THE_RUN: Final = frozenset(
    {
        "settled",
        "unreadable_files",
        "unreadable",
        "notes",
        "not_taken",
        "left_aside",
        "doubts",
        "resumes",
        "host",
    }
)
"""What the ledger alone cannot tell: left out of the JSON where it is not known."""

Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.replace(microsecond=0))]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class PositionCounts(_Frozen):
    """Positions that the run opened, and those that it knew before."""

    created: int | None = 0
    reused: int | None = 0


class Latencies(_Frozen):
    """Seconds of the calls that were answered; None where there was none."""

    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    max: float | None = None

    def known(self) -> dict[str, float]:
        """Those that there are, by name."""
        return self.model_dump(exclude_none=True)


class SettledCounts(_Frozen):
    """What looking unknown rows up came to."""

    found: int = 0
    older: int = 0
    did_not_happen: int = 0
    sent_again: int = 0
    left: int = 0
    links: int = 0


class LinkCounts(_Frozen):
    """People of the run who have a link, each once."""

    new: int = 0
    earlier: int = 0
    """From an earlier run alone."""


class UnreadableInput(_Frozen):
    """A file of the inbox that could not be read, and why."""

    file: str
    reason: str


class EarlierTries(_Frozen):
    """The tries of a night before its last (`--retry-until`); each is a run of its own."""

    count: int
    credits_estimated: float


class LeftFile(_Frozen):
    """A file of the inbox that is not taken, or a number of them (a name may be a person's)."""

    file: str
    reason: str


class Files(_Frozen):
    """Where the files of the run lie; None for one that was not written."""

    results: str | None = None
    errors: str | None = None
    summary: str | None = None
    kept: tuple[str, ...] = ()
    """Files of earlier runs that somebody changed since, under the names that they have now."""

    def written(self) -> Iterator[tuple[str, str]]:
        """The name and the path of each that there is."""
        yield from self.model_dump(exclude_none=True, exclude={"kept"}).items()


class IdleInbox(_Frozen):
    """What an inbox held that gave a run nothing to do."""

    place: str
    without_rows: int = 0
    done_before: int = 0
    """Files whose content was done in an earlier run."""
    waiting: int = 0
    """Files that were not whole yet."""


class Summary(_Frozen):
    """A run that has ended. The fields stand in the order of the JSON."""

    model_config = ConfigDict(
        frozen=True, extra="allow", defer_build=True
    )  # a later version may have kept more

    schema_version: int = SCHEMA_VERSION
    run_id: str
    sources: tuple[str, ...] = ()
    environment: str
    started_at: Moment
    ended_at: Moment | None
    """None for a run that crashed."""
    exit_code: ExitCode
    rows: int = 0
    outcomes: dict[Outcome, int] = Field({}, validate_default=True)
    """All ten of them."""
    reasons: dict[str, int] = {}
    """Rows by error code, the most frequent first."""
    positions: PositionCounts = PositionCounts()
    new_by_position: dict[str, int] = {}
    """Interviews that the run created, by position_def_set_id, the most first; "" for no id."""
    calls: int = 0
    retries: int | None = 0
    lookups: int | None = 0
    credits_estimated: float = 0.0
    sending_seconds: float | None = 0.0
    rate_reached: float | None = 0.0
    """Calls a second."""
    latency_seconds: Latencies = Latencies()
    settled: SettledCounts | None = None
    """None where unknown rows were left alone."""
    unreadable_files: int = 0
    closed_files: int = Field(0, exclude=True)
    """Those of `left_aside` that nobody has been able to read yet."""
    unreadable: tuple[UnreadableInput, ...] = ()
    notes: tuple[str, ...] = ()
    not_taken: tuple[str, ...] = ()
    """What lies in the inbox and is no export by its name."""
    left_aside: tuple[LeftFile, ...] = ()
    """What else of the inbox was not taken tonight, each with its reason."""
    doubts: tuple[str, ...] = ()
    resumes: dict[str, int] | None = None
    host: str | None = None
    """The machine that ran; None where only the ledger tells of the run."""
    files: Files = Files()

    # Told, never written
    stop_message: str | None = Field(None, exclude=True)
    """Why the run ended before its last row."""
    stop_code: ErrorCode | None = Field(None, exclude=True)
    """The same as a code; None where every row had its turn."""
    earlier_tries: EarlierTries | None = Field(None, exclude=True)
    """None where the night had one try."""
    links: LinkCounts | None = Field(None, exclude=True)
    """How many people have a link; None where nobody has counted them."""
    credits_before: float | None = Field(None, exclude=True)
    """What the account had before the run; None where the API did not say."""
    token_replaced_by: AwareDatetime | None = Field(None, exclude=True)
    """By when a person has to replace the API token; None where it does not say, or is renewed."""
    token_due: str | None = Field(None, exclude=True)
    """That this is within days, as a sentence."""
    idle: IdleInbox | None = Field(None, exclude=True)
    """Why there was nothing to do, of a run that is not in the ledger."""

    @field_validator("outcomes")
    @classmethod
    def _all_ten(cls, counts: Mapping[Outcome, int]) -> dict[Outcome, int]:
        return {outcome: counts.get(outcome, 0) for outcome in Outcome}

    @classmethod
    def kept(cls, text: str | None) -> Self | None:
        """The summary that the ledger keeps as *text*; None where it has none that can be read."""
        try:
            return cls.model_validate_json(text) if text else None
        except ValidationError:
            return None

    def as_json(self) -> dict[str, Any]:
        """What is written: the file, `--json`, the ledger."""
        unknown = KNOWN_TO_THE_RUN - self.model_fields_set if self.host is None else set()
        return self.model_dump(mode="json", exclude=set(unknown))

    @property
    def occurring(self) -> dict[Outcome, int]:
        """The outcomes that there are."""
        return {outcome: count for outcome, count in self.outcomes.items() if count}

    @property
    def seconds(self) -> float | None:
        """How long the run took; None for one that crashed."""
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None

    @property
    def credits_left(self) -> float | None:
        """What the account has left, estimated; None where the API did not say what it had."""
        if self.credits_before is None:
            return None
        return max(0.0, self.credits_before - self.credits_estimated)

    @property
    def sentence(self) -> str:
        """The run in one sentence with counts: what every front door says of it."""
        return "; ".join(self._clauses() if self.idle is None else self._idle_clauses(self.idle))

    def _clauses(self) -> Iterator[str]:
        counts = (
            f"{count} {outcome.replace('_', ' ')}" for outcome, count in self.occurring.items()
        )
        said = ", ".join(counts) or "nothing to do"
        if self.environment == REHEARSAL:
            yield "a rehearsal: nothing was created, nothing was spent"
        yield f"{self.rows} {'row' if self.rows == 1 else 'rows'}: {said}"
        yield f"about {self.credits_estimated:g} credits"
        if self.earlier_tries is not None:
            spent = self.earlier_tries.credits_estimated
            yield f"try {self.earlier_tries.count + 1} of the night, about {spent:g} credits before"
        if self.unreadable_files:
            yield f"{_files(self.unreadable_files)} could not be read (see failed/)"
        if self.closed_files:
            yield f"{_files(self.closed_files)} of the inbox cannot be taken"

    def _idle_clauses(self, inbox: IdleInbox) -> Iterator[str]:
        yield f"0 rows: the inbox {inbox.place} holds no new rows"
        yield "nothing was sent"
        for count, what in (
            (inbox.without_rows, "without rows"),
            (inbox.done_before, "done before, under this or another name"),
            (inbox.waiting, "not whole yet"),
            (self.unreadable_files, "that could not be read (see failed/)"),
            (self.closed_files, "that cannot be taken"),
        ):
            if count:
                yield f"{_files(count)} {what}"
        if self.not_taken:
            yield f"not taken for their suffix: {', '.join(self.not_taken)}"


def _files(count: int) -> str:
    return f"{count} file{'s' if count > 1 else ''}"
