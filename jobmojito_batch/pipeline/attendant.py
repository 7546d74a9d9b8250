"""Who attends a run: nobody, a person at a terminal, a Prefect run page."""

import time
from contextvars import ContextVar
from datetime import datetime

from jobmojito_batch.alerts import Alert
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.inbox import Sleep
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.conclude import Conclusion, conclude
from jobmojito_batch.pipeline.deliver import deliver
from jobmojito_batch.pipeline.finishing import finish
from jobmojito_batch.pipeline.night import hold_if_unsure, prepare_taken, taking
from jobmojito_batch.pipeline.prepare import Prepared
from jobmojito_batch.pipeline.taken import Taken
from jobmojito_batch.sending import Progress


class Attendant:
    """Lets everything pass and says nothing; subclasses ask and show."""

    confirms = False
    """Whether a person looks at the plan before anything is sent."""

    def __init__(self) -> None:
        self.has_begun = False
        """Set once the ledger may hold claims of the run."""
        self.was_declined = False
        self.conclusion: Conclusion | None = None
        self.error: Exception | None = None
        """Why the run has no conclusion."""
        self.alerts: list[Alert] = []
        """What to tell of the run, once it is over."""

    def may_send(self, prepared: Prepared) -> bool:  # noqa: ARG002 - for those who ask
        """Whether to go on from the plan to sending."""
        return True

    def progress(self, progress: Progress) -> None:
        """Sending goes on; called a few times a second."""


attending: ContextVar[Attendant | None] = ContextVar("attending", default=None)
"""Who attends the flow that is called in this context; None for a run that nobody called here."""


async def run(
    parameters: InviteParameters,
    attendant: Attendant,
    *,
    drain_seconds: float | None = None,
    now: datetime | None = None,
    sleep: Sleep = time.sleep,
) -> Conclusion | None:
    """
    Climb the staircase without Prefect; None where the attendant declined.

    *sleep* waits between two looks at an inbox. Raises BatchError.
    """
    if parameters.is_sharded:
        raise SettingsError(
            "--shards is for runs through Prefect, whose workers send the shards: set "
            "PREFECT_API_URL and say --prefect, or leave it out"
        )
    taken: Taken | None = None
    prepared: Prepared | None = None
    error: Exception | None = None
    try:
        taken = taking(parameters, now=now, sleep=sleep)
        found = prepare_taken(taken, now=now, is_attended=attendant.confirms)
        if isinstance(found, Conclusion):
            attendant.conclusion = found
            return found
        prepared = found
        hold_if_unsure(prepared, is_attended=attendant.confirms)
        if not attendant.may_send(prepared):
            attendant.was_declined = True
            return None
        attendant.has_begun = True
        delivered = await deliver(
            prepared, on_progress=attendant.progress, drain_seconds=drain_seconds
        )
        attendant.conclusion = conclude(prepared, delivered)
    except Exception as exc:
        error = exc
        raise
    finally:
        if error is not None or attendant.conclusion is not None:
            attendant.alerts = finish(
                parameters,
                taken=taken,
                prepared=prepared,
                conclusion=attendant.conclusion,
                error=error,
                has_begun=attendant.has_begun,
                now=now,
            )
        if prepared is not None:
            prepared.close()
        if taken is not None:
            taken.close()
    return attendant.conclusion
