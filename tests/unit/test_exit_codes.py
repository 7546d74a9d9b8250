"""The exit code of a run: the signal, then 4, 3, 1, 0 (spec section 3)."""

import pytest

from jobmojito_batch.columns import Outcome
from jobmojito_batch.exit_codes import exit_code_of


@pytest.mark.parametrize(
    ("counts", "is_stopped", "signal_number", "code"),
    [
        pytest.param({Outcome.INVITED: 3}, False, None, 0, id="all-is-well"),
        pytest.param({Outcome.INVITED: 3}, True, None, 0, id="stopped-after-its-last-row"),
        pytest.param({Outcome.INVITED: 2, Outcome.NOT_SENT: 1}, True, None, 4, id="stopped"),
        pytest.param({Outcome.INVITED: 2, Outcome.NOT_SENT: 1}, False, None, 0, id="a-limit"),
        pytest.param({Outcome.UNKNOWN: 1, Outcome.FAILED: 1}, True, None, 3, id="unknown"),
        pytest.param({Outcome.FAILED: 1}, False, None, 1, id="failed"),
        pytest.param({Outcome.INVALID: 1, Outcome.NOT_SENT: 1}, True, 15, 143, id="terminated"),
    ],
)
def test_the_worst_that_holds_is_the_code(
    counts: dict[Outcome, int], is_stopped: bool, signal_number: int | None, code: int
) -> None:
    assert exit_code_of(counts, is_stopped=is_stopped, signal_number=signal_number) == code


def test_rows_that_wait_for_an_unknown_one_are_not_settled() -> None:
    """The unknown row may be of another input: nothing of this one was sent."""
    assert exit_code_of({Outcome.NOT_SENT: 40}, is_stopped=False, waiting_rows=40) == 3
