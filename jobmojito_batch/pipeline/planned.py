"""A run as it is planned: read, checked, counted, and nothing sent."""

from dataclasses import dataclass, field
from datetime import datetime

from jobmojito_batch.ledger import Ledger
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.account import Accounts
from jobmojito_batch.pipeline.inputs import Inputs
from jobmojito_batch.pipeline.output_paths import Targets
from jobmojito_batch.pipeline.plan_stage import Rows, names_of, people_to_send, reasons
from jobmojito_batch.pipeline.preview import Preview
from jobmojito_batch.pipeline.run_request import RunRequest
from jobmojito_batch.pipeline.work_dir import Spool
from jobmojito_batch.plan import Kind, Plan
from jobmojito_batch.records import InputDoubt
from jobmojito_batch.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A run as it is planned: read, checked, counted, and nothing sent."""

    run_id: str
    started_at: datetime
    request: RunRequest
    targets: Targets
    spool: Spool = field(repr=False)
    inputs: Inputs
    prepared_rows: Rows = field(repr=False)
    preview: Preview = field(repr=False)
    plan: Plan
    accounts: Accounts

    @property
    def parameters(self) -> InviteParameters:
        """What was asked for."""
        return self.request.parameters

    @property
    def settings(self) -> Settings:
        """The settings of the run."""
        return self.request.settings

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return self.prepared_rows.count

    @property
    def known(self) -> int:
        """Rows that the ledger has an invitation for."""
        return self.plan.counts[Kind.ALREADY_DONE] + self.plan.counts[Kind.UNKNOWN]

    @property
    def doubts(self) -> tuple[InputDoubt, ...]:
        """What the plan is not sure of, those that hold an unattended run first."""
        parted = self.prepared_rows.parted
        doubts = [*self.accounts.doubts, *parted.doubts, *self.inputs.doubts]
        return tuple(sorted(doubts, key=lambda doubt: not doubt.holds))

    @property
    def settles(self) -> bool:
        """Whether the run looks its unknown rows up."""
        return self.parameters.settle

    @property
    def sources(self) -> list[str]:
        """The names of the inputs."""
        return [layout.source for layout in self.inputs.layouts]

    @property
    def position_names(self) -> tuple[str, ...]:
        """The positions that would be created, as their first row writes them."""
        return names_of(self.plan.keys_to_create, self.prepared_rows)

    @property
    def people_to_send(self) -> int:
        """How many people would be invited; one on two positions is one."""
        return people_to_send(self.prepared_rows, self.plan)

    @property
    def reasons(self) -> dict[str, int]:
        """Rows that will not be sent, by error code; the first fault of a row counts."""
        return reasons(self.prepared_rows, self.plan)

    def close(self) -> None:
        """Remove the prepared rows."""
        self.spool.remove()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyToSend:
    """A planned run with the ledger that will hold its claims, and a token that was read."""

    planned: Planned
    ledger: Ledger = field(repr=False)

    def close(self) -> None:
        """Remove the prepared rows and let go of the ledger."""
        self.planned.close()
        self.ledger.close()
