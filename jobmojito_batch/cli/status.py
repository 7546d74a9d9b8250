"""`status`: where the ledger lies, and what it tells of runs and invitations."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

from jobmojito_batch.cli.console import print_json, seconds_text, show
from jobmojito_batch.cli.next_steps import command
from jobmojito_batch.ledger import ClaimState, Doubted, KnownRun, Ledger, RunState, named
from jobmojito_batch.pipeline import sources_in
from jobmojito_batch.settings import Settings

_SHOWN_RUNS: Final = 5
_SHOWN_SOURCES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """A run in a line."""

    run_id: str
    state: str
    environment: str
    sources: tuple[str, ...]
    started_at: str
    exit_code: int | None
    rows: int
    outcomes: dict[str, int]
    credits: float
    """Of its calls that cost or may have cost, estimated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtStatus:
    """A doubt without a person in it."""

    run_id: str | None
    state: str
    """unknown, crashed or in_flight."""
    error_code: str | None
    age_seconds: float
    may_be_settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Runs, the latest first, invitations by outcome, and what is in doubt: the JSON as well."""

    ledger: str
    """Where it lies, without a password."""
    number_of_runs: int = 0
    runs: tuple[RunStatus, ...] = ()
    invitations: dict[str, int]
    doubts: tuple[DoubtStatus, ...] = ()


def show_status(settings: Settings, *, as_json: bool) -> None:
    """Where the ledger lies, runs, newest first, and invitations by outcome."""
    with Ledger.existing(settings.ledger_url) as ledger:
        if ledger is None:
            status = Status(ledger=named(settings.ledger_url), invitations={})
        else:
            status = _status(ledger, settings)
    if as_json:
        print_json(asdict(status))
        return
    for line in _lines(status):
        show(line)


def _lines(status: Status) -> Iterator[str]:
    yield f"ledger        {status.ledger}"
    if not status.runs:
        yield "no runs yet"
        return
    yield f"invitations   {_listed(status.invitations) or 'none'}"
    yield from _doubt_lines(status.doubts)
    yield f"runs          {status.number_of_runs}, the latest first"
    for run in status.runs[:_SHOWN_RUNS]:
        yield from _run_lines(run)
    if status.number_of_runs > _SHOWN_RUNS:
        yield f"… and {status.number_of_runs - _SHOWN_RUNS} earlier; --json has {len(status.runs)}"


def _run_lines(run: RunStatus) -> Iterator[str]:
    """When, of what, how it ended; its counts; its id, which `results` takes."""
    ended = f"exit {run.exit_code}" if run.exit_code is not None else run.state
    yield f"{run.started_at[:16].replace('T', ' ')}  {_sources(run)}, {run.environment}: {ended}"
    counts = f": {_listed(run.outcomes)}" if run.outcomes else ""
    rows = f"{run.rows} row{'s' * (run.rows != 1)}"
    yield f"                  {rows}{counts}; about {run.credits:g} credits"
    yield f"                  {run.run_id}"


def _sources(run: RunStatus) -> str:
    more = len(run.sources) - _SHOWN_SOURCES
    named_ones = ", ".join(run.sources[:_SHOWN_SOURCES]) or "no files"
    return f"{named_ones} and {more} more" if more > 0 else named_ones


def _doubt_lines(doubts: tuple[DoubtStatus, ...]) -> list[str]:
    """What is unknown, for how long, and what will happen to it."""
    states = [doubt.state for doubt in doubts]
    unknown = [doubt for doubt in doubts if doubt.state == "unknown"]
    lines = []
    if unknown:
        oldest = max(doubt.age_seconds for doubt in unknown)
        waiting = sum(not doubt.may_be_settled for doubt in unknown)
        lines.append(
            f"unknown: {len(unknown)}, the oldest for {seconds_text(oldest)}. They are never sent "
            f"again blind: the next run that has their rows, or `{command('reconcile')}`, looks "
            "them up"
            + (f"; {waiting} may still take effect, so that waits for them" if waiting else "")
        )
    if crashed := states.count("crashed"):
        lines.append(
            f"crashed: {crashed} call{'s' * (crashed != 1)} under way when the process died; the "
            "next run or reconcile settles them"
        )
    if in_flight := states.count("in_flight"):
        lines.append(f"in flight: {in_flight}, a living process is sending them")
    return lines


def _status(ledger: Ledger, settings: Settings) -> Status:
    return Status(
        ledger=named(settings.ledger_url),
        number_of_runs=ledger.runs.count(),
        runs=tuple(_run(ledger, run) for run in ledger.runs.latest()),
        invitations=ledger.results.invitation_counts(),
        doubts=tuple(_doubt(doubted, settings) for doubted in ledger.doubts.all()),
    )


def _run(ledger: Ledger, run: KnownRun) -> RunStatus:
    has_crashed = run.state is RunState.RUNNING and not ledger.runs.is_running(run)
    outcomes = ledger.results.outcomes(run.run_id)
    return RunStatus(
        run_id=run.run_id,
        state="crashed" if has_crashed else run.state.value,
        environment=run.environment,
        sources=tuple(sources_in(run.layouts)),
        started_at=run.started_at.replace(tzinfo=UTC).isoformat(),
        exit_code=run.exit_code,
        rows=run.rows,
        outcomes={outcome.value: count for outcome, count in outcomes.items()},
        credits=round(ledger.results.credits_of(run.run_id), 6),
    )


def _doubt(doubted: Doubted, settings: Settings) -> DoubtStatus:
    age = (datetime.now(UTC) - doubted.unknown_since.replace(tzinfo=UTC)).total_seconds()
    state = "unknown" if doubted.state is ClaimState.UNKNOWN else "crashed"
    return DoubtStatus(
        run_id=doubted.run_id,
        state="in_flight" if doubted.is_held else state,
        error_code=doubted.error_code,
        age_seconds=round(age, 1),
        may_be_settled=age >= settings.settle_seconds,
    )


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
