"""What a command says of itself in one number (spec section 3)."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, Self

from jobmojito_batch.columns import NEEDS_REPAIR, Outcome

_SIGNALS_FROM: Final = 128


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    """Every row is settled and needs nobody's repair."""
    NEEDS_REPAIR = 1
    """Some rows are invalid or failed, or something else waits for a person."""
    USAGE = 2
    """Usage, settings or an unreadable input: nothing was sent."""
    UNSETTLED = 3
    """Some rows are unknown, or wait for one that is: the first of their position."""
    STOPPED = 4
    """The run ended before its last row: token, permission, credits, cap, breaker."""
    INTERRUPTED = 130
    TERMINATED = 143

    @classmethod
    def of_signal(cls, number: int) -> Self:
        """The code of a run that SIGINT or SIGTERM ended."""
        return cls(_SIGNALS_FROM + number)

    @property
    def is_signal(self) -> bool:
        """Whether a signal ended the run."""
        return self > _SIGNALS_FROM


def exit_code_of(
    counts: Mapping[Outcome, int],
    *,
    is_stopped: bool,
    waiting_rows: int = 0,
    signal_number: int | None = None,
    unreadable_files: int = 0,
) -> ExitCode:
    """
    The exit code of a run by its outcomes: the signal, then 4, 3, 1, 0.

    A stop that came after the last row had its outcome left nothing unsent. *waiting_rows* are not
    sent since the first call of their position is unknown, in this run or in an earlier one.
    """
    if signal_number is not None:
        return ExitCode.of_signal(signal_number)
    if is_stopped and counts.get(Outcome.NOT_SENT):
        return ExitCode.STOPPED
    if counts.get(Outcome.UNKNOWN) or waiting_rows:
        return ExitCode.UNSETTLED
    if unreadable_files or any(counts.get(outcome) for outcome in NEEDS_REPAIR):
        return ExitCode.NEEDS_REPAIR
    return ExitCode.OK
