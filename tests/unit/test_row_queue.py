"""The waiting rows of a position."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobmojito_batch.sending import RowQueue

STEPS = st.lists(st.sampled_from(["take", "back", "more", "clear"]), max_size=40)


@given(steps=STEPS)
def test_it_is_a_deque(steps: list[str]) -> None:
    """Whatever is done to it, it holds what a deque would, in that order."""
    queue, model = RowQueue([1, 2, 3]), deque([1, 2, 3])
    for number, step in enumerate(steps, start=10):
        match step:
            case "take" if model:
                assert queue.popleft() == model.popleft()
            case "back":
                queue.appendleft(number)
                model.appendleft(number)
            case "more":
                queue.extend([number, number + 100])
                model.extend([number, number + 100])
            case "clear":
                queue.clear()
                model.clear()
        assert list(queue) == list(model)
        assert len(queue) == len(model)
        assert bool(queue) == bool(model)
        if model:
            assert queue.first() == model[0]


def test_nothing_is_taken_from_an_empty_one() -> None:
    with pytest.raises(IndexError):
        RowQueue().popleft()
