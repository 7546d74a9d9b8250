"""How a run ends in Prefect's words: its state, and what its state is called (spec section 8)."""

from typing import Any, Final

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Crashed, Failed

from jobmojito_batch.errors import told
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.pipeline import RunResult
from jobmojito_batch.pipeline.followup import FollowUpSummary
from jobmojito_batch.summary import Summary

STATE_NAMES: Final = {
    ExitCode.NEEDS_REPAIR: "NeedsRepair",
    ExitCode.UNSETTLED: "Unsettled",
    ExitCode.STOPPED: "Stopped",
}
"""Exit codes whose states have a name of their own (spec section 8)."""


def failed_by(error: Exception) -> State[Any]:
    """What an exception that was caught comes to. Prefect would pickle it, text and all."""
    return Failed(message=told(error))


def state_of(result: RunResult, *, repairs_fail: bool = False) -> State[Any]:
    """The state of a run; one that broke off once it may have sent is a stopped one."""
    if result.error is not None:
        name = STATE_NAMES[ExitCode.STOPPED] if result.has_begun else None
        return Failed(name=name, message=told(result.error))
    if result.conclusion is None:
        return Cancelled(message="not confirmed; nothing was sent")
    return final_state(result.conclusion, repairs_fail=repairs_fail)


def look_state(summary: FollowUpSummary) -> State[Any]:
    """That of a look at what became of invitations; its message is the one sentence."""
    if summary.exit_code.is_signal:
        return Crashed(message=summary.sentence)
    if summary.exit_code is ExitCode.STOPPED:
        why = f" ({summary.stop_message})" if summary.stop_message else ""
        return Failed(name=STATE_NAMES[ExitCode.STOPPED], message=summary.sentence + why)
    return Completed(message=summary.sentence)


def final_state(conclusion: Summary, *, repairs_fail: bool = False) -> State[Any]:
    """
    The state of spec section 8, by exit code; its message is the one sentence.

    If *repairs_fail*, a run with rows to repair is as red as one that failed (decision 0022).
    """
    message = conclusion.sentence
    match conclusion.exit_code:
        case ExitCode.OK:
            return Completed(message=message)
        case ExitCode.NEEDS_REPAIR as code if repairs_fail:
            return Failed(name=STATE_NAMES[code], message=message)
        case ExitCode.NEEDS_REPAIR as code:
            return Completed(name=STATE_NAMES[code], message=message)
        case ExitCode.UNSETTLED | ExitCode.STOPPED as code:
            return Failed(name=STATE_NAMES[code], message=message)
        case _:  # a signal: as Prefect has an interrupted run
            return Crashed(message=message)
