"""What the commands say: talk to standard error, data to standard output."""

import functools
import json
import os
import re
import select
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, ParamSpec

import typer
from rich.console import Console

from jobmojito_batch.env_files import Origin
from jobmojito_batch.errors import BatchError, SettingsError
from jobmojito_batch.events import Event, emit
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.logs import STANDARD_ERROR, logging_to
from jobmojito_batch.settings import (
    ENV_FILE,
    LOG_JSON,
    METRICS,
    load_alert_settings,
    settings_sources,
)

begun: ContextVar[bool] = ContextVar("begun", default=False)
"""Whether the command line was understood, and its command has begun."""

ENV_FILE_OPTION: Final = "_env_file"
"""The parameter for --env-file: a command that has it reads settings."""
LOG_JSON_OPTION: Final = "_log_json"
METRICS_OPTION: Final = "_metrics"
SHOWS_SOURCES: Final = ("doctor",)
"""Commands that say where settings come from, and what is not taken, by themselves."""

_LABEL: Final = re.compile(r" *\S+(?: \S+)*? {2,}|  +(?=\S)")
"""What stands before the text of a line: a word or two and blanks, or blanks alone."""
_MOST_INDENT: Final = 20
LOOK_SECONDS: Final = 0.5
"""How long a signal that nothing was told of waits at a question."""

P = ParamSpec("P")


def err() -> Console:
    """A console on standard error; without colours where it is no terminal or NO_COLOR is set."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def out() -> Console:
    """A console on standard output."""
    return Console(highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """A sentence to standard error, wrapped for a terminal; markup in it is text."""
    console = err()
    lines = wrapped(text, console.width) if console.is_terminal else text
    console.print(lines, markup=False)


def say_as_is(text: str) -> None:
    """A line to standard error that nothing is put into: a command to copy."""
    err().print(text, markup=False)


def wrapped(text: str, width: int) -> str:
    """
    Lines that are longer than a terminal, broken between words below where their text begins.

    What has no blank (a path, an address) stays whole.
    """
    return "\n".join(_broken(line, width) for line in text.split("\n"))


def _broken(line: str, width: int) -> str:
    if len(line) <= width:
        return line
    label = _LABEL.match(line)
    indent = label.end() if label is not None and label.end() <= _MOST_INDENT else 0
    rest = textwrap.fill(
        line[indent:],
        width - indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    return line[:indent] + rest.replace("\n", "\n" + " " * indent)


def ask(question: str) -> bool:
    """
    Whether a person says yes; no answer at all (the end of the input) is a no.

    Raises KeyboardInterrupt on Ctrl-C, whatever an event loop would make of it.
    """
    with interruptible():
        while True:
            err().print(f"{question} [y/N] ", markup=False, end="")
            try:
                answer = _line().strip().lower()
            except EOFError:
                say("")
                return False
            if answer in {"y", "yes"}:
                return True
            if answer in {"", "n", "no"}:
                return False


def _line() -> str:
    """
    What `input` gives, once there is something to read.

    A signal that comes between Python's last look for one and the read that waits is heard when
    that ends: never, if it was Ctrl-C and nobody types any more.
    """
    while os.name == "posix" and sys.stdin.isatty():
        if select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
            break
    return input()


@contextmanager
def interruptible() -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt at once meanwhile, also under an event loop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)


def say_warning(text: str) -> None:
    """A line of what went wrong beside the work."""
    say(f"warning       {text}")


def show(text: str) -> None:
    """A sentence to standard output, wrapped for a terminal; markup in it is text."""
    console = out()
    console.print(wrapped(text, console.width) if console.is_terminal else text, markup=False)


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
        begun.set(True)
        with processes_told(kwargs), _logging(reads_settings=ENV_FILE_OPTION in kwargs):
            code = _exit_code(lambda: command(*args, **kwargs), command.__name__, kwargs)
            emit(Event.COMMAND_ENDED, command=command.__name__, exit_code=code)
        raise typer.Exit(code)

    return run


def _exit_code(command: Callable[[], int], name: str, options: Mapping[str, object]) -> int:
    try:
        if ENV_FILE_OPTION in options and name not in SHOWS_SOURCES:
            say_notices()
        return command()
    except BatchError as exc:
        say(f"jobmojito-batch: {exc}")
        return ExitCode.USAGE
    except KeyboardInterrupt:
        say("jobmojito-batch: interrupted; nothing was sent")
        return ExitCode.INTERRUPTED


@contextmanager
def processes_told(options: Mapping[str, object]) -> Iterator[None]:
    """
    Let the environment name the files of --env-file, --log-json and --metrics meanwhile, for the
    processes of the command, too.

    By their whole paths: a flow may run in another folder than the one where they were named.
    """
    variables = {
        ENV_FILE: options.get(ENV_FILE_OPTION),
        LOG_JSON: options.get(LOG_JSON_OPTION),
        METRICS: options.get(METRICS_OPTION),
    }
    given = {name: str(path) for name, path in variables.items() if path is not None}
    before = {name: os.environ.get(name) for name in given}
    for name, path in given.items():
        is_path = path != STANDARD_ERROR
        os.environ[name] = os.path.abspath(Path(path).expanduser()) if is_path else path  # noqa: PTH100
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _logging(*, reads_settings: bool) -> Iterator[None]:
    """A log costs a line where it cannot be written, never a command."""
    with logging_to(load_alert_settings().log_json if reads_settings else None) as fault:
        if fault is not None:
            say(f"warning       {fault}")
        yield


def say_notices() -> None:
    """Say what of a `.env` is not taken; what cannot be read is said where settings are read."""
    with suppress(SettingsError):
        sources = settings_sources()
        for notice in sources.notices:
            say(f"warning       {notice}")
        file = sources.taken.get("JOBMOJITO_API_TOKEN")
        if file is not None and file.origin is Origin.HERE:  # it decides whose account it is
            say(f"token         from {file.path}, a file in the current folder")


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
