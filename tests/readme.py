"""The tables of the pages that are written from the program: fields, options."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import typer

from jobmojito_batch.cli.app import app
from jobmojito_batch.contract import CreateRequest
from jobmojito_batch.publish.template import allowed, needed

README: Final = Path(__file__).parents[1] / "README.md"
OPTIONS: Final = README.parent / "docs" / "options.md"
COMMANDS: Final[dict[str, Any]] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def field_table() -> list[str]:
    """One line per member of the request."""
    return ["| field | needed | value | meaning |", "| --- | --- | --- | --- |"] + [
        f"| {name} | {needed(name)} | {allowed(name)} | {field.description} |"
        for name, field in CreateRequest.model_fields.items()
    ]


def option_table() -> list[str]:
    """One line per option of `invite`."""
    of_check = {tuple(option.opts) for option in options("check")}
    return ["| option of `invite` | of `check` too | meaning |", "| --- | --- | --- |"] + [
        f"| {names(option)} | {'yes' if tuple(option.opts) in of_check else ''} | "
        f"{meaning(option)} |"
        for option in options("invite")
    ]


def other_options_table() -> list[str]:
    """One line per option that another command has and `invite` has not."""
    of_invite = [option.opts for option in options("invite")]
    return ["| option | meaning |", "| --- | --- |"] + [
        f"| {names(option, command)} | {meaning(option)} |"
        for command in ("serve", "setup", "letters", "prove")
        for option in options(command)
        if option.opts not in of_invite
    ]


def options(command: str) -> list[Any]:
    """All but --help."""
    parameters = COMMANDS[command].params
    return [parameter for parameter in parameters if parameter.opts[0].startswith("-")]


def names(option: Any, command: str = "") -> str:
    """As they are written on the command line, the value after the last."""
    spelt = [f"{command} {name}".strip() for name in (*option.opts, *option.secondary_opts)]
    spelt[-1] = f"{spelt[-1]} {option.metavar or ''}".strip()
    return ", ".join(f"`{name}`" for name in spelt)


def meaning(option: Any) -> str:
    """What --help says of it."""
    has_default = isinstance(option.default, str | int) and not isinstance(option.default, bool)
    default = f" Default: {option.default}." if has_default else ""
    return f"{option.help}{default}".replace("\\[", "[")


TABLES: Final[tuple[tuple[Path, str, Callable[[], list[str]]], ...]] = (
    (README, "fields", field_table),
    (OPTIONS, "options", option_table),
    (OPTIONS, "other options", other_options_table),
)


def with_tables(page: Path) -> str:
    """The page with its tables written anew, each between two comments that name it."""
    text = page.read_text("utf-8")
    for where, name, table in TABLES:
        if where == page:
            lines = "\n".join(table())
            text, times = re.subn(
                rf"(<!-- {name}: .*? -->\n\n).*?(\n\n<!-- end of {name} -->)",
                lambda around, lines=lines: f"{around[1]}{lines}{around[2]}",  # type: ignore[misc]
                text,
                flags=re.DOTALL,
            )
            assert times == 1, name
    return text


if __name__ == "__main__":
    for page in (README, OPTIONS):
        page.write_text(with_tables(page), "utf-8")
