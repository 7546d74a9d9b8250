"""What a run leaves to do, as commands that work when they are pasted."""

import shlex
import sys
from pathlib import Path

import pytest

from jobmojito_batch.cli.console import wrapped
from jobmojito_batch.cli.next_steps import next_steps, program, quoted
from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.summary import Files
from tests.helpers import a_summary


def test_a_command_reads_the_errors_file_as_the_input_was_read() -> None:
    given = InviteParameters(
        inputs=["my people.csv"],
        values={"mojito_language_code": "sk"},
        mapping={"Wer?": "candidate_name", "Anruf": ""},
        hidden_rows=True,
        environment="test",
        limit=3,
        results="out.csv",
    )
    summary = a_summary(
        rows=4,
        outcomes={Outcome.INVALID: 1, Outcome.UNKNOWN: 2, Outcome.NOT_SENT: 1},
        files=Files(results="out.csv", errors="out dir/it's.errors.csv"),
    )

    look_up, again, correct = next_steps(summary, given)

    reading = (
        "--set mojito_language_code=sk --map 'Wer?=candidate_name' --map Anruf= --hidden-rows "
        "--environment test"
    )
    assert look_up.command == f"{program()} reconcile --environment test"
    assert again.command == f"{program()} invite 'my people.csv' {reading}"
    assert (
        shlex.split(correct.command)[len(shlex.split(program())) + 1] == "out dir/it's.errors.csv"
    )
    assert correct.command.endswith(reading)
    assert correct.why.startswith("1 row to correct")


def test_rows_that_wait_for_the_first_call_of_their_position_are_looked_up_first() -> None:
    """Sent again before that they would wait again."""
    summary = a_summary(
        rows=2, outcomes={Outcome.NOT_SENT: 2}, reasons={ErrorCode.POSITION_UNRESOLVED: 2}
    )

    look_up, again = next_steps(summary, InviteParameters(inputs=["people.csv"]))

    assert look_up.command == f"{program()} reconcile"
    assert again.command == f"{program()} invite people.csv"


def test_nothing_is_left_to_do_after_a_run_that_needs_nobody() -> None:
    assert not list(next_steps(a_summary(rows=1), InviteParameters(inputs=["-"])))


@pytest.mark.parametrize(
    ("started", "on_path", "expected"),
    [
        ("bin/jobmojito-batch", True, "jobmojito-batch"),
        ("bin/jobmojito-batch", False, "bin/jobmojito-batch"),
        ("jobmojito-batch", False, "./jobmojito-batch"),
        ("my tools/jobmojito-batch", False, "'my tools/jobmojito-batch'"),
        ("lib/jobmojito_batch/__main__.py", True, "{python} -m jobmojito_batch"),
        ("bin/pytest", False, "{python} -m jobmojito_batch"),
    ],
)
def test_the_program_is_named_as_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: str, on_path: bool, expected: str
) -> None:
    file = tmp_path / started
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(file.parent) if on_path else "/nowhere")
    monkeypatch.setattr(sys, "argv", [started])

    assert program() == expected.format(python=sys.executable)


@pytest.mark.parametrize(
    ("text", "posix", "windows"),
    [
        ("people.csv", "people.csv", "people.csv"),
        (r"C:\Users\Ann Lee\people.csv", r"'C:\Users\Ann Lee\people.csv'", None),
        ("", "''", '""'),
        ("50%.csv", "50%.csv", '"50%.csv"'),
    ],
)
def test_words_are_quoted_for_the_shell_of_the_system(
    text: str, posix: str, windows: str | None
) -> None:
    assert quoted(text, is_windows=False) == posix
    assert quoted(text, is_windows=True) == (windows or f'"{text}"')


def test_a_long_line_goes_on_below_where_its_text_begins() -> None:
    assert wrapped("warning      one two three four", 24) == (
        "warning      one two\n             three four"
    )
    assert wrapped("results       /a/path/that/is/longer", 24).endswith("/a/path/that/is/longer")
    assert wrapped("short\n", 24) == "short\n"
