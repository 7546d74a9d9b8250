"""`letters`: drafts of what candidates are told, or posting it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from jobmojito_batch.cli.console import ask, err, print_json, say
from jobmojito_batch.columns import LetterOutcome
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.letters.texts import write_templates
from jobmojito_batch.parameters import LettersParameters
from jobmojito_batch.pipeline.letters import (
    LettersObserver,
    LettersSummary,
    ReadyLetters,
    ready_letters,
    write_and_send,
)


class LettersConsole(LettersObserver):
    """Somebody at the command line."""

    def __init__(self, *, asks: bool) -> None:
        self._asks = asks

    def may_send(self, ready: ReadyLetters) -> bool:
        """Say what would go out, as whom, and ask."""
        count = len(ready.people)
        if not count:
            return True
        say(f"letters       {count}, for {ready.parameters.step}")
        say(f"from          {ready.sender.name} <{ready.sender.address}>".replace(" <", " <", 1))
        if ready.before:
            say(
                f"before        {ready.before} of them had this letter, or may have; "
                + ("those of an earlier day get another" if ready.parameters.again else "left out")
            )
        say("JobMojito     may have written to them already, as its settings say")
        return not self._asks or ask(f"Send {count} letter{'' if count == 1 else 's'}?")

    def posting(self, counts: Mapping[LetterOutcome, int], total: int) -> None:
        """A sign of life on a terminal."""
        if err().is_terminal and total:
            done = sum(counts.values())
            err().print(f"{done} of {total} letters", end="\r", markup=False)


def letters_of(parameters: LettersParameters, *, asks: bool, as_json: bool) -> int:
    """Write drafts, post letters, tell. Raises BatchError."""
    with ready_letters(parameters) as ready:
        summary = asyncio.run(write_and_send(ready, LettersConsole(asks=asks)))
    tell(summary)
    if as_json:
        print_json(summary.as_json())
    return summary.exit_code


def tell(summary: LettersSummary) -> None:
    """Counts, files, and what there is to do."""
    for language, count in summary.languages.items():
        say(f"{language:<13} {count}")
    if summary.in_english:
        say(
            f"in English    {summary.in_english} of them for want of a text of their language, or "
            "of a language (--language CODE, --templates FOLDER)"
        )
    if summary.not_looked_at:
        say(f"left out      {summary.not_looked_at} whom `followup` has not looked at")
    for outcome, count in summary.outcomes.items():
        if count:
            say(f"{outcome:<13} {count}")
    if summary.written_to_before and not summary.outcomes:
        say(
            f"warning       {summary.written_to_before} of them had this letter already by --send, "
            "or may have"
        )
    for name, path in summary.files.model_dump(exclude_none=True).items():
        say(f"{name:<13} {path}")
    if summary.stop_message:
        say(f"stopped       {summary.stop_message}")
    say(summary.sentence)


def give_templates(folder: Path, *, as_json: bool) -> int:
    """Write the program's texts into a folder. Raises SettingsError."""
    files = write_templates(folder)
    say(f"{folder}: {len(files)} texts, LANGUAGE.STEP.txt; change them, then --templates {folder}")
    if as_json:
        print_json({"schema_version": 1, "files": [str(file) for file in files]})
    return ExitCode.OK
