"""Who attends a run: nobody, a person at a terminal, a Prefect run page."""

from contextvars import ContextVar

from jobmojito_batch.errors import InputError
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.conclude import Conclusion, conclude
from jobmojito_batch.pipeline.deliver import deliver
from jobmojito_batch.pipeline.prepare import Prepared, prepare
from jobmojito_batch.sending import Progress


class Attendant:
    """Lets everything pass and says nothing; subclasses ask and show."""

    def __init__(self) -> None:
        self.has_begun = False
        """Set once the ledger may hold claims of the run."""
        self.was_declined = False
        self.conclusion: Conclusion | None = None
        self.error: Exception | None = None
        """Why the run has no conclusion."""

    def may_send(self, prepared: Prepared) -> bool:  # noqa: ARG002 - for those who ask
        """Whether to go on from the plan to sending."""
        return True

    def progress(self, progress: Progress) -> None:
        """Sending goes on; called a few times a second."""


attending: ContextVar[Attendant | None] = ContextVar("attending", default=None)
"""Who attends the flow that is called in this context; None for a run that nobody called here."""


def check_volume(prepared: Prepared) -> None:
    """Raises InputError where the plan holds more new rows than were expected."""
    expected = prepared.parameters.expect_at_most
    if expected is not None and prepared.plan.to_send > expected:
        raise InputError(
            f"{prepared.plan.to_send} new rows would be sent, more than the {expected} expected; "
            "nothing was sent. Look at the file and at the plan (`check`), or expect more"
        )


async def run(
    parameters: InviteParameters, attendant: Attendant, *, drain_seconds: float | None = None
) -> Conclusion | None:
    """
    Climb the staircase without Prefect; None where the attendant declined.

    Raises BatchError.
    """
    prepared = prepare(parameters, will_send=True)
    try:
        check_volume(prepared)
        if not attendant.may_send(prepared):
            attendant.was_declined = True
            return None
        attendant.has_begun = True
        delivered = await deliver(
            prepared, on_progress=attendant.progress, drain_seconds=drain_seconds
        )
        attendant.conclusion = conclude(prepared, delivered)
        return attendant.conclusion
    finally:
        prepared.close()
