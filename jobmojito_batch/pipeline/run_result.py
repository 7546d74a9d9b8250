"""How a run ended, for whoever asked for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobmojito_batch.alerts import Alert
from jobmojito_batch.errors import BatchError, DoubtError, VolumeError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended: with a conclusion, declined, or by an error."""

    conclusion: Summary | None = None
    error: Exception | None = None
    was_declined: bool = False
    has_begun: bool = False
    """Whether the ledger may hold claims of the run."""
    alerts: Sequence[Alert] = ()
    """What is to be told of it."""
    was_broken_off: bool = False
    """Whether it would have been tried again, and was told to end meanwhile."""

    @property
    def exit_code(self) -> ExitCode:
        """The run in a number: 2 says that nothing was sent, and is none of one that had begun."""
        if self.conclusion is not None:
            return self.conclusion.exit_code
        return ExitCode.STOPPED if self.has_begun else ExitCode.USAGE

    @property
    def is_held(self) -> bool:
        """Whether nothing was sent because the plan rests on what nobody has seen."""
        return isinstance(self.error, (VolumeError, DoubtError))

    @property
    def concluded(self) -> Summary:
        """The conclusion. Raises what the run ended by if it has none."""
        if self.error is not None:
            raise self.error
        if self.conclusion is None:
            raise BatchError("the run ended without a result; please report this")
        return self.conclusion
