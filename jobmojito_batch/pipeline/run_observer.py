"""Who looks on while a run goes through its steps, and may be asked."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext

from jobmojito_batch.ledger import RowEnd
from jobmojito_batch.pipeline.nightly.prepared_runs import ReadyRun
from jobmojito_batch.pipeline.nightly.tries import NextTry
from jobmojito_batch.sending import FirstRows, Progress
from jobmojito_batch.summary import Summary


class RunObserver:
    """Lets everything pass and says nothing; subclasses ask and show."""

    confirms = False
    """Whether a person looks at the plan before anything is sent."""
    has_begun = False
    """Whether the ledger may hold claims of the run, even if it never comes to an end."""
    is_counted = True
    """Whether machines are told of the run; a demonstration is none."""

    def reading(self) -> AbstractContextManager[None]:
        """Meanwhile the inputs are taken, read and planned."""
        return nullcontext()

    def planned(self, run: ReadyRun) -> None:
        """The plan is there; whether it may be sent is not yet known."""

    def may_send(self, run: ReadyRun) -> bool:  # noqa: ARG002 - for those who ask
        """Whether to go on from the plan to sending."""
        return True

    def begins(self, run: ReadyRun) -> None:  # noqa: ARG002 - for those who wait for its end
        """From here on the ledger may hold claims of the run."""
        self.has_begun = True

    def may_go_on(self, first: FirstRows, ends: Sequence[RowEnd]) -> bool:  # noqa: ARG002 - as above
        """Whether the rows after the first follow; called in a thread of its own."""
        return first.are_settled

    def progress(self, progress: Progress) -> None:
        """Sending goes on; called a few times a second."""

    def concluded(self, run: ReadyRun, conclusion: Summary) -> None:
        """The files are written; the ledger is still open."""

    def waits(self, upcoming: NextTry) -> AbstractAsyncContextManager[None]:  # noqa: ARG002 - as above
        """Meanwhile the night waits for another try."""
        return nullcontext()

    def warns(self, text: str) -> None:
        """Something beside the run went wrong, which goes on: *text* is a sentence."""


class RelayingObserver(RunObserver):
    """Hands all that it is told, and every question, on to *another*; a subclass adds to it."""

    def __init__(self, another: RunObserver) -> None:
        self._another = another
        self.confirms = another.confirms
        self.is_counted = another.is_counted

    def reading(self) -> AbstractContextManager[None]:
        """As the other shows it."""
        return self._another.reading()

    def planned(self, run: ReadyRun) -> None:
        """To the other."""
        self._another.planned(run)

    def may_send(self, run: ReadyRun) -> bool:
        """As the other says."""
        return self._another.may_send(run)

    def begins(self, run: ReadyRun) -> None:
        """To the other."""
        super().begins(run)
        self._another.begins(run)

    def may_go_on(self, first: FirstRows, ends: Sequence[RowEnd]) -> bool:
        """As the other says."""
        return self._another.may_go_on(first, ends)

    def progress(self, progress: Progress) -> None:
        """To the other."""
        self._another.progress(progress)

    def concluded(self, run: ReadyRun, conclusion: Summary) -> None:
        """To the other."""
        self._another.concluded(run, conclusion)

    def waits(self, upcoming: NextTry) -> AbstractAsyncContextManager[None]:
        """As the other shows it."""
        return self._another.waits(upcoming)

    def warns(self, text: str) -> None:
        """To the other."""
        self._another.warns(text)
