"""A console whose reader is gone falls silent: output must never end a run that pays."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console


@contextmanager
def console_may_break() -> Iterator[None]:
    """
    While inside, a broken pipe silences the console that writes to it.

    rich, which Prefect logs through as well, would end the process instead: as after `| head`, or
    under a worker that was killed and whose flow processes live on.
    """
    before = Console.on_broken_pipe
    Console.on_broken_pipe = _fall_silent  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Console.on_broken_pipe = before  # type: ignore[method-assign]


def _fall_silent(console: Console) -> None:
    console.quiet = True
    with suppress(OSError, ValueError):  # what is buffered goes nowhere, too
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, console.file.fileno())
        os.close(nowhere)
