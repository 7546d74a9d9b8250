"""What the commands say: talk to standard error, data to standard output."""

import functools
import json
import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ParamSpec

import typer
from rich.console import Console

from jobmojito_batch.errors import BatchError

USAGE = 2
STOPPED = 4
INTERRUPTED = 130

begun: ContextVar[bool] = ContextVar("begun", default=False)
"""Whether the command line was understood, and its command has begun."""

P = ParamSpec("P")


def err() -> Console:
    """A console on standard error; without colours where it is no terminal or NO_COLOR is set."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def out() -> Console:
    """A console on standard output."""
    return Console(highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """One line to standard error; markup in it is text."""
    err().print(text, markup=False)


def print_json(value: object) -> None:
    """JSON to standard output and nothing else there."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()


def told(command: Callable[P, int]) -> Callable[P, None]:
    """
    Make a command end with its exit code.

    Expected errors become one line and exit code 2; unexpected ones keep their traceback.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        quiet_libraries()
        begun.set(True)
        try:
            code = command(*args, **kwargs)
        except BatchError as exc:
            say(f"jobmojito-batch: {exc}")
            code = USAGE
        except KeyboardInterrupt:
            say("jobmojito-batch: interrupted; nothing was sent")
            code = INTERRUPTED
        raise typer.Exit(code)

    return run


def quiet_libraries() -> None:
    """
    A person's terminal shows sentences, never log lines.

    Libraries that log addresses at INFO stay silent everywhere (reference, Prefect section 6).
    """
    logging.getLogger("jobmojito_batch").addHandler(logging.NullHandler())
    for name in ("httpx", "httpcore", "aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


def is_interactive() -> bool:
    """Whether somebody can be asked: standard input is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def as_columns(pairs: list[tuple[str, str, str]]) -> list[str]:
    """Lines of name, number, remark, the numbers right-aligned."""
    if not pairs:
        return []
    name = max(len(pair[0]) for pair in pairs)
    number = max(len(pair[1]) for pair in pairs)
    return [f"{a:<{name}}  {b:>{number}}   {c}".rstrip() for a, b, c in pairs]


def seconds_text(seconds: float) -> str:
    """A duration as a person says it."""
    if seconds < 90:  # noqa: PLR2004
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:  # noqa: PLR2004
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def plain(value: Any) -> str:  # noqa: ANN401
    """A value for a table cell; nothing for None."""
    return "" if value is None else str(value)
