"""The garbage collector while a run sends."""

import gc
import weakref

import pytest

from jobmojito_batch.pipeline.gc_tuning import rare_collections


class Loop:
    """Holds itself: only the collector can let it go."""

    def __init__(self) -> None:
        self.me = self


def test_what_was_there_before_is_left_alone_only_while_sending() -> None:
    before = gc.get_threshold()

    with rare_collections():
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold() > before

    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == before


def test_a_run_that_fails_puts_it_back() -> None:
    before = gc.get_threshold()

    with pytest.raises(RuntimeError), rare_collections():
        raise RuntimeError

    assert (gc.get_freeze_count(), gc.get_threshold()) == (0, before)


def test_of_two_runs_the_last_to_end_puts_it_back() -> None:
    before = gc.get_threshold()
    first, second = rare_collections(), rare_collections()

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_freeze_count() > 0
    second.__exit__(None, None, None)

    assert (gc.get_freeze_count(), gc.get_threshold()) == (0, before)


def test_a_run_that_leaves_cycles_has_them_collected() -> None:
    with rare_collections():
        seen = weakref.ref(Loop())
        kept: list[list[object]] = []
        while seen() is not None and len(kept) < 1_000_000:
            kept.append([])
        assert seen() is None
