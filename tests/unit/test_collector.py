"""The garbage collector while a run sends."""

import gc

from jobmojito_batch.pipeline.collector import rare_collections


def test_what_was_there_before_is_left_alone_only_while_sending() -> None:
    before = gc.get_threshold()
    frozen = gc.get_freeze_count()

    with rare_collections():
        assert gc.get_freeze_count() > frozen
        assert gc.get_threshold() > before

    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == before


def test_cycles_are_still_collected() -> None:
    """A run that leaves cycles behind does not grow for ever."""
    with rare_collections():
        collections = sum(one["collections"] for one in gc.get_stats())
        kept: list[list[object]] = [[] for _ in range(200_000)]
        assert sum(one["collections"] for one in gc.get_stats()) > collections
        assert len(kept) == 200_000
