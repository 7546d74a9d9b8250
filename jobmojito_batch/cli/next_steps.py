"""What to do after a run, each step as a command that works when it is pasted."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jobmojito_batch.cli.model_options import asked_fields
from jobmojito_batch.columns import REHEARSAL, ErrorCode, Outcome
from jobmojito_batch.parameters import READING, InviteParameters
from jobmojito_batch.summary import Summary

PROGRAM: Final = "jobmojito-batch"
PLACES: Final = ("base_url", "environment", "ledger")
"""Parameters that say whose invitations are meant; every command about them has to be told."""
_WINDOWS_SIGNS: Final = frozenset(" &()[]{}^=;!'+,`~%$#@")


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """Why, and the command."""

    why: str
    command: str


def program() -> str:
    """The program as it is started here: its name if that is on the path, else where it lies."""
    started = Path(sys.argv[0])
    on_path = shutil.which(PROGRAM)
    if started.name == "__main__.py":
        return f"{quoted(_nearest(sys.executable))} -m jobmojito_batch"
    if not started.name.startswith(PROGRAM):  # some other program runs the command line
        return PROGRAM if on_path else f"{quoted(_nearest(sys.executable))} -m jobmojito_batch"
    if on_path is not None and _is_same(Path(on_path), started):
        return PROGRAM
    return quoted(_nearest(str(started)))


def _is_same(path: Path, other: Path) -> bool:
    """Whether they are one file; Windows starts an .exe without saying so."""
    return path.resolve().with_suffix("") == other.resolve().with_suffix("")


def _nearest(path: str) -> str:
    """The path from here if it lies below, else whole."""
    absolute = os.path.abspath(path)  # noqa: PTH100 - a link stays one: a venv's python is one
    below = os.path.relpath(absolute) if absolute.startswith(str(Path.cwd()) + os.sep) else absolute
    return below if os.sep in below else os.path.join(".", below)  # noqa: PTH118 - Path drops the .


def quoted(text: str, *, is_windows: bool = os.name == "nt") -> str:
    """A word for the shell that a person of this system has."""
    if not is_windows:
        return shlex.quote(text)
    return f'"{text}"' if not text or _WINDOWS_SIGNS & set(text) else text


def command(name: str, *words: str, given: InviteParameters | None = None) -> str:
    """A command to copy; *given* is a run whose ledger and account it is about."""
    places = option_words(given, PLACES) if given is not None else []
    return " ".join([program(), name, *map(quoted, [*words, *places])])


def option_words(given: InviteParameters, names: tuple[str, ...]) -> list[str]:
    """The options that give these parameters again, as far as they differ from the defaults."""
    words: list[str] = []
    for asked in asked_fields(InviteParameters):
        value = getattr(given, asked.name)
        if asked.name not in names or value == asked.field.get_default(call_default_factory=True):
            continue
        if isinstance(value, Mapping):
            words += [word for pair in value.items() for word in (asked.names[-1], "=".join(pair))]
        else:
            words += [asked.names[-1]] if value is True else [asked.names[-1], str(value)]
    return words


def next_steps(summary: Summary, given: InviteParameters) -> Iterator[NextStep]:
    """What a run leaves to do, the most urgent first."""
    if summary.environment == REHEARSAL:
        yield NextStep(why="To send for real:", command=_invite_again(given, given.inputs))
        return
    if summary.outcomes[Outcome.UNKNOWN]:
        yield NextStep(
            why=f"{_rows(summary.outcomes[Outcome.UNKNOWN])} got no trustworthy answer and may "
            "exist; never sent again blind. Look them up:",
            command=command("reconcile", given=given),
        )
    elif waiting := summary.reasons.get(ErrorCode.POSITION_UNRESOLVED, 0):
        yield NextStep(
            why=f"{_rows(waiting)} waiting for the first call of the position, which got no "
            "trustworthy answer. Look it up:",
            command=command("reconcile", given=given),
        )
    if summary.outcomes[Outcome.NOT_SENT] and not given.inbox:
        yield NextStep(
            why=f"{_rows(summary.outcomes[Outcome.NOT_SENT])} not sent; nobody is invited twice. "
            "Send them:",
            command=_invite_again(given, given.inputs),
        )
    if summary.files.errors is not None:
        repair = summary.outcomes[Outcome.INVALID] + summary.outcomes[Outcome.FAILED]
        yield NextStep(
            why=f"{_rows(repair)} to correct in the errors file. Then:",
            command=_invite_again(given, [summary.files.errors]),
        )
    yield from _about_people(summary, given)


def _about_people(summary: Summary, given: InviteParameters) -> Iterator[NextStep]:
    """Who has a link is to be told, and may be asked about."""
    people = summary.links.new + summary.links.earlier if summary.links is not None else 0
    if people == 0:
        return
    of_run = ("--run", summary.run_id)
    sender = () if os.environ.get("JOBMOJITO_MAIL_FROM") else ("--from", "you@your-company.example")
    drafts = str(Path(summary.files.results or "").with_name("drafts"))
    yield NextStep(
        why=f"Draft what {people} {'person is' if people == 1 else 'people are'} told, their "
        "links in it:",
        command=command("letters", *of_run, "--to", drafts, *sender, given=given),
    )
    yield NextStep(
        why="Later: who has started, finished, was scored; it costs nothing:",
        command=command("followup", *of_run, given=given),
    )


def _invite_again(given: InviteParameters, inputs: list[str]) -> str:
    as_read = option_words(given, READING)
    return command("invite", *(_as_operand(text) for text in inputs), *as_read, given=given)


def _as_operand(path: str) -> str:
    """A path that no option begins like."""
    return f"./{path}" if path.startswith("-") else path


def _rows(count: int) -> str:
    return f"{count} row{'s' if count != 1 else ''}"
