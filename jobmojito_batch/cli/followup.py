"""`followup`: who started, finished, was scored, was decided."""

import asyncio

import typer

from jobmojito_batch.cli.console import err, print_json, say
from jobmojito_batch.columns import Stage
from jobmojito_batch.parameters import FollowUpParameters
from jobmojito_batch.pipeline.followup import (
    FollowUpObserver,
    FollowUpSummary,
    follow_up,
)


class FollowUpConsole(FollowUpObserver):
    """Somebody at the command line."""

    def __init__(self, *, asks: bool) -> None:
        self._asks = asks

    def looking(self, total: int, done: int) -> None:
        """A sign of life on a terminal."""
        if err().is_terminal:
            err().print(f"looked at {done} of {total} lists", end="\r", markup=False)

    def may_fetch(self, count: int) -> bool:
        """Ask, since a report may cost."""
        question = (
            f"Fetch {count} report{'' if count == 1 else 's'}? JobMojito's pages contradict each "
            "other on whether a report costs credits"
        )
        return not self._asks or typer.confirm(question, err=True)


def follow_up_inputs(parameters: FollowUpParameters, *, asks: bool, as_json: bool) -> int:
    """Look, write the file, tell. Raises BatchError."""
    summary = asyncio.run(follow_up(parameters, FollowUpConsole(asks=asks)))
    tell(summary)
    if as_json:
        print_json(summary.as_json())
    return summary.exit_code


def tell(summary: FollowUpSummary) -> None:
    """Counts, files, and what there is to do."""
    for stage in Stage:
        if count := summary.stages.get(stage.value, 0):
            say(f"{stage.value:<13} {count}")
    for name, count in summary.decisions.items():
        if count:
            say(f"{name:<13} {count}")
    _tell_beside(summary)
    for name, path in summary.files.model_dump(exclude_none=True).items():
        say(f"{name:<13} {path}")
    if summary.stop_message:
        say(f"stopped       {summary.stop_message}")
    if summary.to_chase:
        say(f"to remind     {summary.to_chase} have not started; --stage not_started lists them")
    say(summary.sentence)


def _tell_beside(summary: FollowUpSummary) -> None:
    """Links, reports and credits, as far as they were asked for."""
    if summary.links_due:
        say(f"fresh links   {summary.links_renewed} of {summary.links_due}; send the new ones")
    if summary.reports_written or summary.reports_failed:
        failed = f"; {summary.reports_failed} were not to be had" if summary.reports_failed else ""
        say(f"reports       {summary.reports_written} fetched{failed}")
    credits_ = summary.credits
    if credits_ is not None:
        say(
            f"credits       {credits_.total:g} in {credits_.charges} charges: invitations "
            f"{credits_.invitations:g}, old unknowns {credits_.old_unknowns:g}, not ours "
            f"{credits_.not_ours:g}"
        )
        if credits_.charged_twice:
            rows = ", ".join(credits_.charged_twice_rows)
            say(
                f"charged twice {credits_.charged_twice_credits:g} credits in "
                f"{credits_.charged_twice} charges: {rows}"
            )
