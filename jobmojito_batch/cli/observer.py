"""A person at a run: sees the plan, is asked, watches the bar, reads what came of it."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from jobmojito_batch.alerts import Alert
from jobmojito_batch.cli.console import (
    ask,
    err,
    interruptible,
    say,
    say_warning,
    seconds_text,
)
from jobmojito_batch.cli.plan_view import plan_lines, sending_question
from jobmojito_batch.cli.telling import tell_saved
from jobmojito_batch.ledger import RowEnd
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import NextTry, ReadyRun, RunObserver
from jobmojito_batch.sending import OUTAGE_SECONDS, FirstRows, settling_text
from jobmojito_batch.sending import Progress as RunProgress


class ConsoleObserver(RunObserver):
    """Somebody at the command line, or a log that somebody reads."""

    def __init__(self, *, asks: bool, saves: Path | None = None, is_counted: bool = True) -> None:
        self._asks = asks
        self.is_counted = is_counted
        self.confirms = asks
        self.was_interrupted = False
        """Whether the person ended a question by Ctrl-C."""
        self.alerts: Sequence[Alert] = ()
        """What the run had to tell, once it is over."""
        self.notes: list[Alert] = []
        """What there is to tell beside what the run itself tells."""
        self._save_mapping = saves
        self.asked: InviteParameters | None = None
        """What was asked for, dates not put in."""
        self._has_told_of_doubts = False
        self._is_away = False
        self._is_asking = False
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def may_send(self, run: ReadyRun) -> bool:
        """Show the plan; ask before credits are spent."""
        if self._save_mapping is not None:
            tell_saved(self._save_mapping, run.planned, self.asked)
        for line in plan_lines(run, quotes_cells=self._asks):
            say(line)
        if run.planned.plan.to_send == 0:
            say("\nnothing to send")
            return True
        return not self._asks or self._agrees(sending_question(run.planned))

    def _agrees(self, question: str) -> bool:
        """Whether the person says yes; Ctrl-C is remembered."""
        *sentences, last = question.split("\n")
        for sentence in sentences:
            say(sentence)
        try:
            return ask(last)
        except KeyboardInterrupt:
            say("")
            self.was_interrupted = True
            return False

    def may_go_on(self, first: FirstRows, ends: Sequence[RowEnd]) -> bool:
        """Show what came of the first rows; ask about the others, or go by what came."""
        self._stop_bar()
        for line in first_lines(first, ends):
            say(line)
        if not self._asks:
            say("going on" if first.are_settled else "not going on: not each of them is settled")
            return first.are_settled
        self._is_asking = True
        rest = f"{first.waiting} other{'s' * (first.waiting != 1)}"
        goes_on = ask(f"Send the {rest}, too?")
        self._is_asking = False
        return goes_on

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Show on a terminal that the inputs are being read, and for how long; Ctrl-C ends it."""
        console = err()
        if not console.is_terminal:
            yield
            return
        sign = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        sign.add_task("reading", total=None)
        with interruptible(), sign:
            yield

    def waits(self, upcoming: NextTry) -> AbstractAsyncContextManager[None]:
        """A sentence; the bar goes, since nothing is sent."""
        self._stop_bar()
        say(f"\nwaiting       {upcoming.sentence}")
        return super().waits(upcoming)

    def warns(self, text: str) -> None:
        """A line of it."""
        say_warning(text)

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
        if progress.total == 0 or not err().is_terminal or self._is_asking:
            return
        if self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=16),
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
            self._stop_bar()

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def first_lines(first: FirstRows, ends: Sequence[RowEnd]) -> Iterator[str]:
    """What came of the first rows: counts, and of a few each."""
    counts = ", ".join(f"{n} {outcome.replace('_', ' ')}" for outcome, n in first.outcomes.items())
    yield f"\nthe first {len(first.ordinals)}: {counts or 'nothing yet'}"
    for end in ends:
        why = f", {end.error_message}" if end.error_message else ""
        yield f"  row {end.row}  {(end.outcome or 'not sent').replace('_', ' ')}{why}"


def _detail(progress: RunProgress) -> str:
    """Rate, time left, counts: what matters most first, since a narrow terminal cuts the end."""
    rate = progress.calls / progress.seconds if progress.seconds > 0 else 0.0
    counts = " ".join(f"{outcome.value} {n}" for outcome, n in progress.outcomes.items() if n)
    left = ""
    if progress.settled and progress.settled < progress.total:
        per_row = progress.seconds / progress.settled
        left = f"  {seconds_text(per_row * (progress.total - progress.settled))} left"
    doubts = f"  {settling_text(progress)}" if progress.in_doubt else ""
    return f"{rate:.1f}/s{left}{doubts}  {counts}"
