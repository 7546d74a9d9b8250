"""The garbage collector while a run sends: it stops the event loop, so it runs rarely."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

THRESHOLDS: Final = (50_000, 2, 5)
"""More live objects than a while ago, before it looks: calls in flight come and go evenly."""


_inside: list[tuple[int, int, int]] = []
"""The thresholds that each run found, the first one's first."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """
    Leave what is there already out of collections, and collect more rarely, while inside.

    At 4,000 calls in flight one of Python's own collections, whatever its generation, holds the
    event loop for 0.05 to 0.29 s, and the starts that fall due meanwhile are lost (measured,
    decision 0016). What a run leaves for the collector is about an object a call. Of several runs
    in a process the last to end puts all back.
    """
    _inside.append(gc.get_threshold())
    if len(_inside) == 1:
        gc.collect(1)  # all that is there takes 0.1 to 0.5 s, and little of it is garbage
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        thresholds = _inside.pop()
        if not _inside:
            gc.set_threshold(*thresholds)
            gc.unfreeze()
