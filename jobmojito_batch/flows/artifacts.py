"""What the watcher finds on a run's page: progress, summary, what needs a person; nobody's data."""

import shlex
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)

from jobmojito_batch.columns import Outcome
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.flows.best_effort_api import BestEffortApi
from jobmojito_batch.pipeline import Attention, advice_on
from jobmojito_batch.pipeline.nightly.trend import NightLine, most
from jobmojito_batch.sending import Progress, settling_text
from jobmojito_batch.summary import Latencies, Summary

PROGRESS_KEY: Final = "invite-progress"
SUMMARY_KEY: Final = "invite-summary"
ATTENTION_KEY: Final = "needs-a-person"
TABLE_ROWS: Final = 500
"""Rows of the table of what needs a person; the results file has all of them."""
MOST_POSITIONS: Final = 20
"""Positions that the summary shows one by one; the summary's JSON has all of them."""
NEARLY_FULL: Final = 99.0
"""As full as the bar gets while anything is looked up."""
BAR_CELLS: Final = 20
MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


class ProgressArtifact:
    """The moving progress of a run; made at the first word that gets through."""

    def __init__(self, link: BestEffortApi) -> None:
        self._link = link
        self._id: Any = None
        self.zone: tzinfo | None = None
        """Whose clock the text of the bar goes by; the machine's where none is said."""

    async def show(self, settled: int, total: int) -> None:
        """Move the bar."""
        await self._move(settled, total, 0, f"rows done: {settled} / {total}")

    async def _move(self, settled: int, total: int, in_doubt: int, text: str) -> None:
        done = settled if not in_doubt else min(settled, total - in_doubt)
        share = 100.0 if total == 0 else round(100.0 * max(0, done) / total, 1)
        if in_doubt:
            share = min(share, NEARLY_FULL)
        if self._id is None:
            self._id = await self._link.quietly(
                acreate_progress_artifact(progress=share, key=PROGRESS_KEY, description=text)
            )
        else:
            await self._link.quietly(
                aupdate_progress_artifact(self._id, progress=share, description=text)
            )

    async def tell(self, progress: Progress) -> None:
        """Move the bar to where the run is; it is not full while rows are looked up."""
        text = f"rows done: {progress.settled} / {progress.total}"
        if progress.in_doubt:
            text += f"; {settling_text(progress, self.zone)}"
        await self._move(progress.settled, progress.total, progress.in_doubt, text)


async def publish(
    link: BestEffortApi, summary: Summary, attention: Attention, nights: Sequence[NightLine] = ()
) -> None:
    """The summary, and the table of what needs a person where anything does."""
    text = summary_markdown(summary, attention, nights)
    await link.quietly(acreate_markdown_artifact(markdown=text, key=SUMMARY_KEY))
    if attention.total:
        await link.quietly(
            acreate_table_artifact(
                table=attention_table(attention),
                key=ATTENTION_KEY,
                description=_about(attention),
            )
        )


async def publish_broken_off(link: BestEffortApi, cause: str, last: Progress | None) -> None:
    """The summary of a run that began and has no conclusion: why, and where it was."""
    lines = [cause, "", "**The run stopped there.** What was under way reads as unknown and is"]
    lines += ["settled by the next run; nobody is invited twice.", ""]
    if last is not None:
        rows = [(outcome.value, count) for outcome, count in last.outcomes.items() if count]
        lines += _table("outcome", "rows when it was last heard of", rows)
        lines += [f"{last.settled} of {last.total} rows were done, {last.calls} calls made."]
    await link.quietly(acreate_markdown_artifact(markdown="\n".join(lines), key=SUMMARY_KEY))


def attention_table(attention: Attention) -> list[dict[str, Any]]:
    """The rows that wait for a person: where, why, what to do; no name, link or free text."""
    return [
        {
            "source": row.source,
            "row": row.row,
            "code": row.code,
            "advice": row.advice,  # before the rest, which a narrow window cuts off
            "outcome": row.outcome,
            "field": row.field,
        }
        for row in attention.rows
    ]


def _about(attention: Attention) -> str:
    more = f"; {attention.left_out} more are in the results file" if attention.left_out else ""
    needs = "1 row needs" if attention.total == 1 else f"{attention.total} rows need"
    return f"{needs} a person{more}"


def summary_markdown(
    summary: Summary, attention: Attention, nights: Sequence[NightLine] = ()
) -> str:
    """The summary as Markdown: the sentence first, then what is to be done, the nights last."""
    lines = [summary.sentence, "", *_to_do(summary)]
    if summary.token_due is not None:
        lines += [f"**Soon:** {summary.token_due}", ""]
    if summary.stop_message:
        lines += [f"**Stopped:** {_cell(summary.stop_message)}", ""]
    if attention.total:
        lines += [f"**{_about(attention)}** (artifact `{ATTENTION_KEY}`)", ""]
    lines += _outcomes(summary)
    lines += _reasons(summary.reasons)
    lines += _new_by_position(summary.new_by_position)
    unreadable = [(file.file, file.reason) for file in summary.unreadable]
    lines += _table("file in failed/", "why it could not be read", unreadable)
    not_taken = [(name, "") for name in summary.not_taken]
    lines += _table("in the inbox, not taken for its suffix", "", not_taken)
    staying = [(left.file, left.reason) for left in summary.left_aside]
    lines += _table("in the inbox, not taken", "why", staying)
    lines += _latencies(summary.latency_seconds)
    lines += _table("run", "", list(_facts(summary).items()))
    files = [(name, _place(path)) for name, path in summary.files.written()]
    lines += _table("file", "on the machine that ran", files)
    lines += _nights(nights)
    return "\n".join(lines)


def _to_do(summary: Summary) -> list[str]:
    """What somebody has to do, as commands to copy; nothing where nobody is needed."""
    steps = []
    if summary.files.errors is not None:
        errors = shlex.quote(_place(summary.files.errors))
        steps.append(("correct the rows, then", f"jobmojito-batch invite {errors}"))
    if summary.outcomes[Outcome.UNKNOWN]:
        steps.append(("look the unknown rows up", "jobmojito-batch reconcile"))
    if summary.exit_code is ExitCode.STOPPED:
        steps.append(("see what stopped it", "jobmojito-batch doctor"))
    return [*(f"- {what}: `{_cell(command)}`" for what, command in steps), *([""] if steps else [])]


def _nights(nights: Sequence[NightLine]) -> list[str]:
    """The recent nights, a bar for the rows of each."""
    rows = [
        (
            f"{night.started_at:%Y-%m-%d %H:%M}",
            "crashed" if night.exit_code is None else night.exit_code,
            f"{bar(night.rows / most(nights))} {night.rows}",
            night.invited,
            night.to_repair,
            night.unknown,
            f"{night.credits:g}",
            "" if night.seconds is None else f"{night.seconds:.0f} s",
        )
        for night in nights
    ]
    heads = ("night (UTC)", "exit", "rows", "invited", "to repair", "unknown", "credits", "took")
    return _wide_table(heads, rows)


def _outcomes(summary: Summary) -> list[str]:
    rows = max(1, summary.rows)
    shares = [
        (name, count, f"{bar(count / rows)} {100 * count / rows:.0f} %")
        for name, count in summary.occurring.items()
    ]
    return _table("outcome", "rows", shares, "share")


def _reasons(reasons: dict[str, int]) -> list[str]:
    rows = [(code, count, advice_on(code)) for code, count in reasons.items()]
    return _table("reason", "rows", rows, "what to do")


def _new_by_position(counts: dict[str, int]) -> list[str]:
    """How many are new at each position, by its id: a name is somebody's own words."""
    rows: list[tuple[object, ...]] = [
        (position or "(the platform gave no id)", count)
        for position, count in list(counts.items())[:MOST_POSITIONS]
    ]
    if len(counts) > MOST_POSITIONS:
        others = list(counts.values())[MOST_POSITIONS:]
        rows.append((f"{len(others)} more positions", sum(others)))
    return _table("position_def_set_id", "new people", rows)


def _latencies(latencies: Latencies) -> list[str]:
    known = latencies.known()
    longest = max(known.values(), default=0.0) or 1.0
    rows = [(name, f"{seconds:g} s", bar(seconds / longest)) for name, seconds in known.items()]
    return _table("answer took", "seconds", rows, "")


def _facts(summary: Summary) -> dict[str, object]:
    return {
        "run": summary.run_id,
        "host": summary.host,
        "sources": ", ".join(summary.sources),
        "environment": summary.environment,
        "started, ended": f"{summary.started_at:{MOMENT}}, {summary.ended_at:{MOMENT}}",
        "positions": f"{summary.positions.created} created, {summary.positions.reused} reused",
        "calls": f"{summary.calls}, of them {summary.retries} retries; {summary.lookups} look-ups",
        "credits used, estimated": f"{summary.credits_estimated:g}",
        "credits left": _credits_left(summary),
        "rate reached": f"{summary.rate_reached:g} a second",
    }


def _place(path: str) -> str:
    """Where a file lies, for somebody who does not know in which folder the run was started."""
    return path if "://" in path else str(Path(path).absolute())


def _credits_left(summary: Summary) -> str:
    if summary.credits_left is None:
        return "the API did not say"
    return f"about {summary.credits_left:g} of {summary.credits_before:g} before the run"


def bar(share: float) -> str:
    """A share of 1 as a bar of text, an eighth of a cell at the finest."""
    eighths = round(max(0.0, min(1.0, share)) * BAR_CELLS * 8)
    if share > 0:
        eighths = max(1, eighths)
    full, rest = divmod(eighths, 8)
    return "█" * full + (EIGHTHS[rest] if rest else "")


def _table(
    left: str, right: str, rows: Sequence[tuple[object, ...]], third: str | None = None
) -> list[str]:
    """A Markdown table and the blank line after it; nothing where there are no rows."""
    return _wide_table([left, right] if third is None else [left, right, third], rows)


def _wide_table(heads: Sequence[str], rows: Sequence[tuple[object, ...]]) -> list[str]:
    if not rows:
        return []
    return [
        f"| {' | '.join(heads)} |",
        f"|{' --- |' * len(heads)}",
        *(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows),
        "",
    ]


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
