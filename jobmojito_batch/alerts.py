"""
What a night has to tell beside its results, and whether it may send at all.

Pure: tonight and the recent nights in, alerts out. No person, link, token or cell is in any of
them, only counts and a run id, so that they may go into mails, chats and events.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from statistics import median
from typing import Final

from jobmojito_batch.columns import NEEDS_REPAIR, Outcome
from jobmojito_batch.exit_codes import ExitCode

RECENT_NIGHTS: Final = 14
"""How many nights are looked back: two weeks, so that a weekly peak is seen twice."""
FEWEST_NIGHTS: Final = 3
"""Nights with new rows before a rule judges; two may be a first load and a correction."""
SMALL_NIGHT: Final = 50
"""So many rows never trip a rule: a small mistake costs less than a night that waits."""
TIMES_USUAL: Final = 3.0
"""Far outside: so many times the usual. Below that a campaign or the day after a holiday lies."""
MOSTLY_KNOWN: Final = 0.5
"""A series of full exports: at least this share of its rows is known on a usual night."""
KNOWN_SHARE_LEFT: Final = 0.5
"""Full exports look new where less than this part of the usual share of known rows is left."""
MOST_NAMED: Final = 5
"""Files of an inbox, or positions, that one line names."""
LEAST_OVERRUN_SECONDS: Final = 900.0
"""Nobody is told of a run before a quarter of an hour, however short the others were."""
RAN_THROUGH: Final = (ExitCode.OK, ExitCode.NEEDS_REPAIR)
"""Every row is settled, if not to everybody's liking."""


class AlertKind(StrEnum):
    """What an alert is about."""

    VOLUME_UNUSUAL = "volume_unusual"
    ZERO_ROWS = "zero_rows"
    OVERRUN = "overrun"
    UNSETTLED = "unsettled"
    NEEDS_REPAIR = "needs_repair"
    STOPPED = "stopped"
    FAILED = "failed"
    RECOVERED = "recovered"
    REPORT = "report"
    """A good night; told only where somebody asked for it."""
    PREFECT_AWAY = "prefect_away"
    TOKEN_EXPIRES = "token_expires"  # noqa: S105 - the name of an alert
    CHASE = "chase"


class Severity(StrEnum):
    """How soon somebody should look."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Trouble(StrEnum):
    """Why a night ended without a run of its own."""

    VOLUME = "volume"
    """The volume guard held it."""
    FAULT = "fault"
    """Settings, input or ledger could not be used, or something unexpected happened."""
    LEDGER = "ledger"
    """The ledger is not the one of the earlier nights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A night as the rules see it: counts of one run, or of an end without a run."""

    day: date
    run_id: str | None = None
    exit_code: ExitCode | None = ExitCode.OK
    """None where the run crashed."""
    trouble: Trouble | None = None
    rows: int = 0
    new: int = 0
    """Rows that were planned to be sent."""
    known: int = 0
    """Rows that the ledger had an invitation for."""
    seconds: float | None = None
    outcomes: dict[Outcome, int] = field(default_factory=dict)
    unreadable_files: int = 0
    not_taken: tuple[str, ...] = ()
    """What lies in the inbox and is no export by its name."""
    closed: tuple[str, ...] = ()
    """Files of the inbox that may not be opened."""
    cause: str | None = None
    """Why it ended early or without a run: a sentence that quotes nobody."""
    may_have_sent: bool = False
    """Whether a night without a conclusion had begun to send."""
    stops_again: bool = False
    """Whether the next run will stop in the same place, until somebody mends something."""
    token_due: str | None = None
    """That the API token expires within days, as a sentence."""
    errors_file: str | None = None
    """Where the rows to correct are."""
    facts: tuple[str, ...] = ()
    """Lines for whoever reads an alert: host, inputs, what came of it, credits, files."""

    @property
    def is_good(self) -> bool:
        """Whether it needed nobody."""
        return self.exit_code == ExitCode.OK and self.trouble is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing to tell."""

    kind: AlertKind
    severity: Severity
    sentence: str
    run_id: str | None
    counts: dict[str, int | float]
    facts: tuple[str, ...] = ()
    """Lines below the sentence: host, inputs, what came of it, credits, files."""

    def as_event(self) -> dict[str, object]:
        """The payload of an event `jobmojito-batch.<kind>`."""
        return {
            "kind": self.kind.value,
            "severity": self.severity.value,
            "sentence": self.sentence,
            "run_id": self.run_id,
            "facts": "\n".join(self.facts),
            **self.counts,
        }


# Whether tonight may be sent unasked


def lost_ledger(*, runs: int, example: str, ledger: str, is_older: bool = False) -> str:
    """
    The folders of earlier nights are of runs that the ledger does not know: no question of numbers.

    Everybody looks new then, and would be paid for again. There is no option that releases it.
    *runs*: how many; *example*: one of their folders; *ledger*: where it lies, without a password.
    *is_older*: it knows runs before them, and so is a copy of the time before.
    """
    if is_older:
        latest = "the latest run" if runs == 1 else f"the {runs} latest runs"
        return (
            f"the ledger {ledger} does not know {latest} of the inbox, with files in {example}: it "
            "is an older copy, and whoever was invited since would be paid for again. Point "
            "JOBMOJITO_LEDGER at the ledger of those runs; where there is none any more, see "
            "docs/ledger.md for what a restored backup has forgotten, and move the folders of "
            "those runs away"
        )
    missing = (
        f"does not know the one earlier run, whose results lie in {example}"
        if runs == 1
        else f"knows none of the {runs} earlier runs, whose results lie in folders such as "
        f"{example}"
    )
    return (
        f"the ledger {ledger} {missing}: it is new, or another one, and whoever was invited "
        "before would be paid for again. Point JOBMOJITO_LEDGER at the ledger of those runs, or "
        "restore its backup; where you mean to begin anew, move those folders away first "
        "(docs/ledger.md)"
    )


def volume_doubt(*, new: int, known: int, history: Sequence[Night]) -> str | None:
    """
    Why tonight's plan does not look like a night of this series, as a sentence; None where it does.

    *history*: earlier nights of the series, in any order.
    """
    if new <= SMALL_NIGHT:
        return None
    nights = by_day(history)
    usual_known = _usual_known_share(nights)
    share = known / (new + known)
    if usual_known >= MOSTLY_KNOWN and share < usual_known * KNOWN_SHARE_LEFT:
        return (
            f"{new} new rows would be sent and {known} are known ({share:.0%}), where usually "
            f"{usual_known:.0%} are, as with an e-mail or position column that was renamed or "
            "another ledger"
        )
    most = _most_usual([night.new for night in nights if night.new])
    if most is not None and new > max(SMALL_NIGHT, TIMES_USUAL * most):
        return f"{new} new rows would be sent, where the recent nights had up to {most:g}"
    return None


def by_day(history: Sequence[Night]) -> list[Night]:
    """
    One night for each of the RECENT_NIGHTS latest days: the one with the most new rows.

    A night that was carried on or run again by hand does not make the days look smaller.
    """
    days: dict[date, Night] = {}
    for night in history:
        best = days.get(night.day)
        if night.trouble is None and (best is None or night.new > best.new):
            days[night.day] = night
    return [days[day] for day in sorted(days, reverse=True)[:RECENT_NIGHTS]]


def _most_usual(figures: Sequence[float]) -> float | None:
    """The largest figure but one, so that a first load does not excuse the next; None for few."""
    return sorted(figures)[-2] if len(figures) >= FEWEST_NIGHTS else None


def _usual_known_share(nights: Sequence[Night]) -> float:
    shares = [night.known / (night.known + night.new) for night in nights if night.known]
    # A first load knows nobody: only nights that could have known somebody are counted.
    return median(shares) if len(shares) >= FEWEST_NIGHTS else 0.0


# How long a run may take


def overrun_after_seconds(history: Sequence[Night]) -> float | None:
    """After how long a run goes on far longer than the recent nights; None where too few tell."""
    took = [
        night.seconds
        for night in by_day(history)
        if night.seconds is not None and night.exit_code is not None
    ]
    most = _most_usual(took)
    return None if most is None else max(LEAST_OVERRUN_SECONDS, TIMES_USUAL * most)


def overrun(run_id: str, seconds: float, limit: float, facts: Sequence[str] = ()) -> Alert:
    """The alert of a run that takes, or took, far longer than the recent nights."""
    return Alert(
        kind=AlertKind.OVERRUN,
        severity=Severity.WARNING,
        sentence=f"the run takes {_duration(seconds)} so far, where {_duration(limit)} would be "
        "far more than the recent nights took",
        run_id=run_id,
        counts={"seconds": round(seconds, 1), "limit_seconds": round(limit, 1)},
        facts=tuple(facts),
    )


# What to tell of those who were invited


def chase(waiting: int, invited: int, *, days: float) -> Alert:
    """The alert of people who have not started so many days after their invitation."""
    return Alert(
        kind=AlertKind.CHASE,
        severity=Severity.INFO,
        sentence=f"{waiting} of {invited} invited people have not started {days:g} days after "
        "their invitation; `jobmojito-batch followup --stage not_started` lists them",
        run_id=None,
        counts={"not_started": waiting, "invited": invited},
    )


# What to tell in the morning


def alerts_of(
    tonight: Night, history: Sequence[Night], *, reports_good: bool = False
) -> list[Alert]:
    """
    What somebody should know of tonight, the worst first; empty where all is as usual.

    *history*: earlier nights of the series, the latest first; *reports_good*: a night of which
    there is nothing to tell is told of, too.
    """
    alerts = [
        *_endings(tonight),
        *_zero_rows(tonight),
        *_volume(tonight, history),
        *_overrun(tonight, history),
    ]
    if tonight.is_good and tonight.rows and history and not history[0].is_good:
        alerts.append(
            _alert(
                AlertKind.RECOVERED,
                Severity.INFO,
                f"the run ended well again: {tonight.rows} rows, none needs repair",
                tonight,
            )
        )
    if reports_good and tonight.is_good and not alerts:
        alerts.append(
            _alert(AlertKind.REPORT, Severity.INFO, f"{_good(tonight)}; nobody is needed", tonight)
        )
    if tonight.token_due is not None:
        alerts.append(_alert(AlertKind.TOKEN_EXPIRES, Severity.WARNING, tonight.token_due, tonight))
    order = [Severity.ERROR, Severity.WARNING, Severity.INFO]
    return sorted(alerts, key=lambda alert: order.index(alert.severity))


def _good(tonight: Night) -> str:
    counts = ", ".join(
        f"{count} {outcome.value.replace('_', ' ')}" for outcome, count in tonight.outcomes.items()
    )
    return f"a good night: {tonight.rows} rows: {counts or 'nothing to do'}"


def _endings(tonight: Night) -> list[Alert]:
    """By the exit code, and by what it hides: a run that was stopped may also leave unknowns."""
    count = tonight.outcomes.get
    unknown, not_sent = count(Outcome.UNKNOWN, 0), count(Outcome.NOT_SENT, 0)
    repairs = sum(count(outcome, 0) for outcome in NEEDS_REPAIR)
    alerts = []
    if tonight.trouble in {Trouble.FAULT, Trouble.LEDGER}:
        sent = (
            "What was sent before is in the ledger and is not sent again; the next run settles it"
            if tonight.may_have_sent
            else "Nothing was sent"
        )
        cause = (tonight.cause or "its log says where").removesuffix(f". {sent}")
        alerts.append(
            _alert(
                AlertKind.FAILED,
                Severity.ERROR,
                f"the run failed: {cause}. {sent}. "
                "`jobmojito-batch doctor` looks at settings, token, API, ledger and Prefect",
                tonight,
            )
        )
    elif tonight.trouble is None and tonight.exit_code not in {*RAN_THROUGH, ExitCode.UNSETTLED}:
        then = (
            "the next run will stop there too, until that is mended"
            if tonight.stops_again
            else "the next run carries on"
        )
        alerts.append(
            _alert(
                AlertKind.STOPPED,
                Severity.ERROR,
                f"the run ended early: {tonight.cause or 'it was interrupted'}. {not_sent} of "
                f"{tonight.rows} rows were not sent; {then}",
                tonight,
            )
        )
    if unknown:
        alerts.append(
            _alert(
                AlertKind.UNSETTLED,
                Severity.ERROR,
                f"{unknown} of {tonight.rows} rows are unknown: they may exist and may have cost "
                "credits; the next run or `jobmojito-batch reconcile` looks them up",
                tonight,
            )
        )
    if repairs or tonight.unreadable_files or tonight.not_taken or tonight.closed:
        files = tonight.unreadable_files
        parts = [f"{repairs} of {tonight.rows} rows are invalid or failed"] if repairs else []
        parts += [f"{files} file{'s' if files > 1 else ''} could not be read"] if files else []
        parts += [_not_taken(tonight.not_taken)] if tonight.not_taken else []
        parts += [f"in the inbox lies what cannot be taken: {_named(tonight.closed)}"] * bool(
            tonight.closed
        )
        alerts.append(
            _alert(
                AlertKind.NEEDS_REPAIR,
                Severity.WARNING,
                f"{' and '.join(parts)}; {_where_to_repair(tonight)}",
                tonight,
            )
        )
    return alerts


def _where_to_repair(tonight: Night) -> str:
    """What to do about rows and files that cannot be sent as they are."""
    parts = []
    if tonight.errors_file is not None:
        parts.append(
            f"correct {tonight.errors_file} and hand it over again (`jobmojito-batch invite`)"
        )
    if tonight.unreadable_files:
        parts.append("the folder failed/ has the files, each with its reason beside it")
    if tonight.not_taken:
        parts.append("export them in a kind that is read (CSV, .xlsx, JSON, Parquet)")
    if tonight.closed:
        parts.append("let the user of the service read and move it, or rename it as said below")
    return "; ".join(parts) or "the results file says which"


def _not_taken(names: Sequence[str]) -> str:
    return f"in the inbox lies what is not taken for its suffix: {_named(names)}"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"


def _zero_rows(tonight: Night) -> list[Alert]:
    if tonight.rows or tonight.trouble is not None or tonight.exit_code not in RAN_THROUGH:
        return []
    return [
        _alert(
            AlertKind.ZERO_ROWS,
            Severity.WARNING,
            "no rows arrived: nothing was sent. Does the export still run?",
            tonight,
        )
    ]


def _volume(tonight: Night, history: Sequence[Night]) -> list[Alert]:
    if tonight.trouble is Trouble.VOLUME:
        cause = tonight.cause or (
            f"{tonight.new} new and {tonight.known} known rows are far from the recent nights; "
            "nothing was sent"
        )
        return [_alert(AlertKind.VOLUME_UNUSUAL, Severity.ERROR, cause, tonight)]
    if tonight.trouble is not None:
        return []
    nights = by_day(history)
    usual = median(night.rows for night in nights) if len(nights) >= FEWEST_NIGHTS else 0
    if usual <= SMALL_NIGHT or tonight.rows == 0 or tonight.rows * TIMES_USUAL >= usual:
        return []
    return [
        _alert(
            AlertKind.VOLUME_UNUSUAL,
            Severity.WARNING,
            f"only {tonight.rows} rows arrived, where the recent nights had about {usual:g}: was "
            "the export cut short?",
            tonight,
        )
    ]


def _overrun(tonight: Night, history: Sequence[Night]) -> list[Alert]:
    limit = overrun_after_seconds(history)
    if tonight.run_id is None or tonight.seconds is None or limit is None:
        return []
    if tonight.seconds <= limit:
        return []
    return [overrun(tonight.run_id, tonight.seconds, limit, tonight.facts)]


def _alert(kind: AlertKind, severity: Severity, sentence: str, night: Night) -> Alert:
    counts: dict[str, int | float] = {
        "rows": night.rows,
        "new": night.new,
        "known": night.known,
        "unreadable_files": night.unreadable_files,
        **{outcome.value: rows for outcome, rows in night.outcomes.items()},
    }
    if night.exit_code is not None:
        counts["exit_code"] = night.exit_code
    return Alert(
        kind=kind,
        severity=severity,
        sentence=sentence,
        run_id=night.run_id,
        counts=counts,
        facts=night.facts,
    )


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004
