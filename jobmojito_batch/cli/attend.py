"""A person at a run: sees the plan, is asked, watches the bar, reads what came of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from jobmojito_batch.alerts import Alert
from jobmojito_batch.cli.options import mapping_text
from jobmojito_batch.cli.plan_view import plan_lines
from jobmojito_batch.cli.talk import err, say, seconds_text
from jobmojito_batch.pipeline import Attendant, Conclusion, Prepared
from jobmojito_batch.publish import written_whole
from jobmojito_batch.sending import OUTAGE_SECONDS, settling_text
from jobmojito_batch.sending import Progress as RunProgress


class Person(Attendant):
    """Somebody at the command line, or a log that somebody reads."""

    def __init__(self, *, asks: bool, save_mapping: Path | None = None) -> None:
        super().__init__()
        self._asks = asks
        self.confirms = asks
        self.notes: list[Alert] = []
        """What there is to tell beside what the run itself tells."""
        self._save_mapping = save_mapping
        self._has_told_of_doubts = False
        self._is_away = False
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def may_send(self, prepared: Prepared) -> bool:
        """Show the plan; ask before credits are spent."""
        if self._save_mapping is not None:
            write_mapping(self._save_mapping, prepared)
        for line in plan_lines(prepared, quotes_cells=self._asks):
            say(line)
        if prepared.plan.to_send == 0:
            say("\nnothing to send")
            return True
        if not self._asks:
            return True
        price = f"about {prepared.plan.credits:g} credits"
        return typer.confirm(f"\nSend {prepared.plan.to_send} rows ({price})?", err=True)

    def progress(self, progress: RunProgress) -> None:
        """Move the bar; it shows only on a terminal. Say once what a long wait is for."""
        self._tell_of_waits(progress)
        self._move_bar(progress)

    def _tell_of_waits(self, progress: RunProgress) -> None:
        if progress.in_doubt and not progress.in_flight and not self._has_told_of_doubts:
            self._has_told_of_doubts = True
            say(
                f"looking up {progress.in_doubt} without a trustworthy answer; what provably did "
                "not happen shows only when the settle time is over"
            )
        if progress.is_away != self._is_away:
            self._is_away = progress.is_away
            say(
                "no connection to the API: the run waits and tries again, for "
                f"{OUTAGE_SECONDS / 60:g} minutes at most; Ctrl-C ends it, and nothing is lost"
                if progress.is_away
                else "the API answers again"
            )

    def _move_bar(self, progress: RunProgress) -> None:
        if progress.total == 0 or not err().is_terminal:
            return
        if self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[detail]}"),
                console=err(),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("sending", total=progress.total, detail="")
        done = min(progress.settled, progress.total - progress.in_doubt)
        self._bar.update(self._task, completed=max(0, done), detail=_detail(progress))

    @contextmanager
    def bar(self) -> Iterator[None]:
        """Take the bar away at the end, whatever the end is."""
        try:
            yield
        finally:
            if self._bar is not None:
                self._bar.stop()


def tell_settled(settled: dict[str, int] | None) -> None:
    """What looking unknown rows up brought to light, and what it means."""
    if not settled or not any(settled.values()):
        return
    for name, meaning in (
        ("found", "lost answers: the interviews exist and were not sent again"),
        ("older", "lost answers: the candidates had applied before"),
        ("did_not_happen", "lost calls: nothing was created, so they were sent once more"),
        ("left", "could not be settled; see error_message"),
    ):
        if settled[name]:
            say(f"looked up     {settled[name]} {meaning}")


def _detail(progress: RunProgress) -> str:
    """Rate, calls in flight, counts, time left."""
    rate = progress.calls / progress.seconds if progress.seconds > 0 else 0.0
    counts = " ".join(f"{outcome.value} {n}" for outcome, n in progress.outcomes.items() if n)
    left = ""
    if progress.settled and progress.settled < progress.total:
        per_row = progress.seconds / progress.settled
        left = f"  {seconds_text(per_row * (progress.total - progress.settled))} left"
    doubts = f"  {settling_text(progress)}" if progress.in_doubt else ""
    return f"{rate:.1f}/s  {progress.in_flight} in flight  {counts}{doubts}{left}"


def write_mapping(target: Path, prepared: Prepared) -> None:
    """Write the mapping in use to *target* as TOML, whole. Raises what written_whole raises."""
    with written_whole(target) as path:
        path.write_text(mapping_text(prepared.inputs.mapping), encoding="utf-8")


def tell_ending(conclusion: Conclusion) -> None:
    """The sentence, why it stopped, where the files are."""
    say(f"\n{conclusion.sentence}")
    if conclusion.stop_message:
        say(f"stopped       {conclusion.stop_message}")
    reasons = conclusion.summary["reasons"]
    if reasons:
        texts = (f"{code.replace('_', ' ')} {count}" for code, count in reasons.items())
        say(f"reasons       {', '.join(texts)}")
    for file in conclusion.summary["unreadable"]:
        say(f"unreadable    {file['reason']}")
    tell_settled(conclusion.summary.get("settled"))
    for name, path in conclusion.summary["files"].items():
        if path is not None:
            say(f"{name:<12}  {path}")
    if conclusion.summary["outcomes"]["unknown"]:
        say(
            "unknown rows were sent and got no trustworthy answer: the interviews may exist and "
            "may have cost credits. They are never sent again blind: `jobmojito-batch reconcile` "
            "looks them up later"
        )
    if conclusion.summary["sources"]:
        say(f"run           {conclusion.run_id} on {conclusion.summary['host']}")
