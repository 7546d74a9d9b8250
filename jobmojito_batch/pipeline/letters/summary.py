"""What letters came to: counts and places, no person."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from jobmojito_batch.columns import LetterOutcome, LetterStep
from jobmojito_batch.exit_codes import ExitCode


class LettersFiles(BaseModel):
    """Where what was written lies."""

    model_config = ConfigDict(frozen=True)

    drafts: str | None = None
    """The folder."""
    table: str | None = None
    results: str | None = None


class LettersSummary(BaseModel):
    """What letters came to."""

    model_config = ConfigDict(frozen=True)

    schema_version: int = 1
    step: LetterStep
    people: int
    """Who gets a letter, or has one."""
    languages: dict[str, int] = Field(default_factory=dict)
    """People by the language of their text."""
    in_english: int = 0
    """Those of them whose own language has no text, or who have none."""
    not_looked_at: int = 0
    drafts: int = 0
    written_to_before: int = 0
    """People who had this letter by `--send`, or may have."""
    outcomes: dict[LetterOutcome, int] = Field(default_factory=dict)
    """Letters that were to be posted, by what became of them."""
    files: LettersFiles = LettersFiles()
    stop_message: str | None = None
    exit_code: ExitCode = ExitCode.OK

    @property
    def sentence(self) -> str:
        """It in one line."""
        if not self.outcomes:
            return f"{self.drafts} drafts; nothing was sent"
        counts = [f"{count} {outcome}" for outcome, count in self.outcomes.items() if count]
        return f"{self.people} letters: {', '.join(counts) or 'none'}"

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return self.model_dump(mode="json")


def exit_code_of(counts: Mapping[LetterOutcome, int], *, signal_number: int | None) -> ExitCode:
    """The signal, then 4 where something was not sent, 3 unknown, 1 refused."""
    if signal_number is not None:
        return ExitCode.of_signal(signal_number)
    if counts.get(LetterOutcome.NOT_SENT):
        return ExitCode.STOPPED
    if counts.get(LetterOutcome.UNKNOWN):
        return ExitCode.UNSETTLED
    return ExitCode.NEEDS_REPAIR if counts.get(LetterOutcome.REFUSED) else ExitCode.OK
