"""What a look came to, in counts: no person, link or token is in it."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from jobmojito_batch.exit_codes import ExitCode

SCHEMA_VERSION: Final = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Funnel(_Frozen):
    """How many came how far; each number is part of the one before."""

    invited: int = 0
    started: int = 0
    submitted: int = 0
    decided: int = 0


class CreditCounts(_Frozen):
    """What the charges of the period are, in credits; every charge is in one of the three."""

    charges: int = 0
    total: float = 0.0
    invitations: float = 0.0
    old_unknowns: float = 0.0
    not_ours: float = 0.0
    charged_twice: int = 0
    charged_twice_credits: float = 0.0
    charged_twice_rows: tuple[str, ...] = ()
    """Where their rows stand: `row 12 of people.csv`."""


class FollowUpFiles(_Frozen):
    """Where the files of a look lie."""

    followup: str | None = None
    credits: str | None = None
    reports: str | None = None


class FollowUpSummary(_Frozen):
    """A look that has ended."""

    schema_version: int = SCHEMA_VERSION
    environment: str
    started_at: AwareDatetime
    ended_at: AwareDatetime
    exit_code: ExitCode
    rows: int = 0
    rows_written: int = 0
    invitations: int = 0
    stages: dict[str, int] = {}
    decisions: dict[str, int] = {}
    changed: int = 0
    not_looked_at: int = 0
    to_chase: int = 0
    """Invited longer ago than JOBMOJITO_CHASE_DAYS, and not started."""
    calls: int = 0
    links_due: int = 0
    links_renewed: int = 0
    reports_written: int = 0
    reports_failed: int = 0
    credits: CreditCounts | None = None
    files: FollowUpFiles = FollowUpFiles()
    stop_code: str | None = None
    stop_message: str | None = None

    @property
    def funnel(self) -> Funnel:
        """Invited, started, submitted, decided."""
        count = self.stages.get
        submitted = count("submitted", 0)
        beyond = count("started", 0) + count("not_submitted", 0) + count("failed", 0)
        return Funnel(
            invited=self.invitations,
            started=beyond + submitted,
            submitted=submitted,
            decided=sum(self.decisions.values()),
        )

    @property
    def sentence(self) -> str:
        """All of it in one sentence."""
        if not self.invitations:
            return "nobody was invited yet: there is nothing to look up"
        counts = [f"{name.replace('_', ' ')} {n}" for name, n in self.stages.items() if n]
        decided = [f"{name} {n}" for name, n in self.decisions.items() if n]
        text = f"{self.invitations} invitations: {', '.join(counts)}"
        text += f"; {', '.join(decided)}" if decided else "; nobody decided"
        if self.not_looked_at:
            text += f"; {self.not_looked_at} not looked at"
        return text

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        shown: Mapping[str, Any] = self.model_dump(mode="json", exclude_none=True)
        return {**shown, "funnel": self.funnel.model_dump(), "sentence": self.sentence}
