"""A person at a run: sees the plan, is asked, watches the bar, reads what came of it."""

from collections.abc import Iterable, Iterator, Sequence
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
    say_as_is,
    say_warning,
    seconds_text,
)
from jobmojito_batch.cli.mapping_file import save_mapping
from jobmojito_batch.cli.next_steps import NextStep, next_steps
from jobmojito_batch.cli.plan_view import plan_lines, sending_question
from jobmojito_batch.ledger import RowEnd
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import NextTry, Planned, ReadyRun, RunObserver, write_faulty
from jobmojito_batch.sending import OUTAGE_SECONDS, FirstRows, settling_text
from jobmojito_batch.sending import Progress as RunProgress
from jobmojito_batch.summary import Files, LinkCounts, SettledCounts, Summary


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


def tell_settled(settled: SettledCounts) -> None:
    """What looking unknown rows up brought to light, and what it means."""
    for count, meaning in (
        (settled.found, "lost answers: the interviews exist and were not sent again"),
        (settled.older, "lost answers: the candidates had applied before"),
        (settled.did_not_happen, f"lost calls: nothing was created; {_sent_again(settled)}"),
        (settled.left, "could not be settled; see error_message"),
    ):
        if count:
            say(f"looked up     {count} {meaning}")


def _sent_again(settled: SettledCounts) -> str:
    """What became of calls that did not happen; a row's second one is not followed by a third."""
    if settled.sent_again == settled.did_not_happen:
        return "they were sent once more"
    return f"{settled.sent_again or 'none'} of them sent once more"


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


def tell_saved(target: Path, planned: Planned, asked: InviteParameters | None) -> None:
    """Keep in *target* how the inputs were read, and say so. Raises what written_whole raises."""
    say(f"saved         {save_mapping(target, planned.inputs, asked or planned.parameters)}")


def tell_faulty(planned: Planned) -> None:
    """Write the rows to correct, and say how many. Raises what write_faulty raises."""
    rows, kept = write_faulty(planned)
    path = planned.targets.errors
    _tell_kept(kept)
    if rows:
        say(f"errors        {path}: {rows} row{'s' if rows > 1 else ''} to correct")
    else:
        say(f"errors        no row is to be corrected, so there is no {path}")


def tell_ending(summary: Summary, given: InviteParameters | None = None) -> None:
    """
    The sentence, why it stopped, who has a link, where the files are.

    And what to do next, if it is known what was *given* to the run.
    """
    say(f"\n{summary.sentence}")
    if summary.stop_message:
        say(f"stopped       {summary.stop_message}")
    if summary.reasons:
        texts = (f"{code.replace('_', ' ')} {count}" for code, count in summary.reasons.items())
        say(f"reasons       {', '.join(texts)}")
    _tell_left_out(summary)
    if summary.settled is not None:
        tell_settled(summary.settled)
    if summary.links is not None:
        say(f"links         {links_text(summary.links)}")
    tell_files(summary.files)
    if summary.idle is None:
        say(f"run           {summary.run_id} on {summary.host}")
    if summary.token_due is not None:
        say(f"token         {summary.token_due}")
    if given is not None:
        tell_next(next_steps(summary, given))


def _tell_left_out(summary: Summary) -> None:
    """What lies in an inbox, or lay there, and no row of the run comes from."""
    for file in summary.unreadable:
        say(f"unreadable    {file.reason}")
    for name in summary.not_taken:
        say(f"not taken     {name}: its suffix is none of an export")
    for left in summary.left_aside:
        say(f"not taken     {left.file}: {left.reason}")


def links_text(links: LinkCounts) -> str:
    """How many people have a link, and how many of them had it before."""
    people = links.new + links.earlier
    who = "1 person has" if people == 1 else f"{people} people have"
    return f"{who} a link ({links.new} new, {links.earlier} earlier)"


def tell_next(steps: Iterable[NextStep]) -> None:
    """What to do next: why, and below it the command to copy."""
    for number, step in enumerate(steps):
        if number == 0:
            say("\nwhat to do next")
        say(f"  {step.why}")
        say_as_is(f"    {step.command}")


def tell_files(files: Files) -> None:
    """Where the files lie."""
    for name, path in files.written():
        say(f"{name:<12}  {path}")
    _tell_kept(files.kept)


def _tell_kept(paths: Iterable[str]) -> None:
    for path in paths:
        say(f"kept          {path}: changed since it was written, so it has this name now")
