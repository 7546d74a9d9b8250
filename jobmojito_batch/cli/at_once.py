"""
What the program says of itself: `--version` and `--help`, without loading a single command.

Typer, rich and pydantic take ten times as long to load as Python takes to start. The words are read
from the text of `cli/app.py` and of the groups of commands that it names; a test holds the whole to
what typer would show, letter by letter.
"""

import ast
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from textwrap import wrap
from typing import Final

OPTIONS: Final = {
    "--version        <bool>": "The program's version.",
    "--help           <bool>": "Show this message and exit.",
}


def answered(words: Sequence[str]) -> bool:
    """Whether the command line asks for no more than this, which is printed."""
    if list(words) == ["--version"]:
        from importlib import metadata

        sys.stdout.write(metadata.version("jobmojito-batch") + "\n")
        return True
    if list(words) == ["--help"] and not _wants_colours():
        sys.stdout.write("".join(f"{line}\n" for line in help_lines(_width())))
        return True
    return False


def _wants_colours() -> bool:
    """Rich colours what it shows on a terminal, and where it is told to."""
    forced = ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TTY_COMPATIBLE", "TERMINAL_WIDTH")
    return sys.stdout.isatty() or any(map(os.environ.get, forced))


def _width() -> int:
    return shutil.get_terminal_size((80, 24)).columns


def _about_and_commands() -> tuple[str, dict[str, str]]:
    """What `app.py` says of the program, and of each command its docstring's first paragraph."""
    about, groups = "", []
    for node in _parsed("app.py").body:
        match node:
            case ast.Assign(targets=[ast.Name("app")], value=ast.Call(keywords=options)):
                [text] = [option.value for option in options if option.arg == "help"]
                about = str(ast.literal_eval(text))
            case ast.For(iter=ast.Tuple(elts=names)):
                groups = [ast.unparse(name) for name in names]
    return about, dict(command for group in groups for command in _commands(group))


def _parsed(*path: str) -> ast.Module:
    return ast.parse(files("jobmojito_batch.cli").joinpath(*path).read_text("utf-8"))


def _commands(group: str) -> Iterator[tuple[str, str]]:
    for node in _parsed("commands", f"{group}.py").body:
        match node:
            case ast.FunctionDef(name=name, decorator_list=marks) if any(map(_is_command, marks)):
                paragraph = (ast.get_docstring(node) or "").partition("\n\n")[0]
                yield name, " ".join(paragraph.split())


def _is_command(mark: ast.expr) -> bool:
    return ast.unparse(mark) == "app.command()"


def help_lines(width: int) -> Iterator[str]:
    """The lines of `--help`, as wide as that."""
    about, commands = _about_and_commands()
    yield " " * width
    yield " Usage: jobmojito-batch [OPTIONS] COMMAND [ARGS]...".ljust(width)
    yield " " * width
    yield from (f" {line}".ljust(width) for line in _wrapped(about, width - 2))
    yield " " * width
    yield from _box("Options", OPTIONS, width)
    yield from _box("Commands", commands, width)
    yield ""


def _box(title: str, entries: Mapping[str, str], width: int) -> Iterator[str]:
    name = max(map(len, entries))
    yield f"╭─ {title} {'─' * (width - len(title) - 5)}╮"
    for entry, text in entries.items():
        lines = _wrapped(text, width - name - 6)
        for first, line in zip(_first(entry), lines, strict=False):
            yield f"│ {first:<{name}}  {line:<{width - name - 6}} │"
    yield f"╰{'─' * (width - 2)}╯"


def _first(entry: str) -> Iterable[str]:
    yield entry
    while True:
        yield ""


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(text, width, break_on_hyphens=False)
