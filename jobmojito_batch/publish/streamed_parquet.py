"""Parquet from a stream of frames: polars writes it, but only from a source of its own."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Full, Queue

import polars as pl
from polars.io.plugins import register_io_source

_AHEAD = 2
_LOOK_UP_SECONDS = 0.2


class _AbandonedError(Exception):
    """The frames ended early; what was written so far is not a file."""


def write_parquet(
    path: Path, frames: Iterator[pl.DataFrame], schema: Mapping[str, pl.DataType]
) -> None:
    """
    Write *frames*, all of *schema*, to *path*, typed, a few in memory at a time.

    Polars pulls a Python source from a thread of its own, yet frames may come from a database
    connection that belongs to the caller's thread. So the caller's thread feeds a short queue.
    """
    queue: Queue[pl.DataFrame | _AbandonedError | None] = Queue(maxsize=_AHEAD)

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, limit: int | None, batch: int | None
    ) -> Iterator[pl.DataFrame]:
        del columns, predicate, limit, batch  # the sink asks for everything
        while (frame := queue.get()) is not None:
            if isinstance(frame, _AbandonedError):
                raise frame
            yield frame

    scan = register_io_source(source, schema=dict(schema))
    with ThreadPoolExecutor(1, "parquet") as pool:
        written = pool.submit(scan.sink_parquet, path, maintain_order=True)
        try:
            for frame in frames:
                if written.done():  # it failed: the rest would be taken for nothing
                    break
                _feed(queue, frame, written)
            _feed(queue, None, written)
        except BaseException:
            # The thread waits for more, and the pool waits for the thread.
            _feed(queue, _AbandonedError(), written)
            raise
    written.result()


def _feed(
    queue: "Queue[pl.DataFrame | _AbandonedError | None]",
    item: pl.DataFrame | _AbandonedError | None,
    written: Future[None],
) -> None:
    """Put *item* once there is room, unless nobody takes any more because writing failed."""
    while not written.done():
        try:
            queue.put(item, timeout=_LOOK_UP_SECONDS)
        except Full:
            continue
        return
