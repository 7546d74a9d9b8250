"""
Invites candidates to JobMojito interviews: each person once, every row with an outcome.

The commands are for people; this is for programs:

    from jobmojito_batch import InviteParameters, check, invite

    wanted = InviteParameters(inputs=["candidates.csv"], environment="test", max_credits=10)
    plan = check(wanted)
    ended = invite(wanted)

Token, ledger and pace come from the settings of the machine (docs/settings.md), as for the command
line. Nothing is printed; events go to the logger `jobmojito_batch`, without a person in them. Every
fault with a known cause is a BatchError. What is needed is imported when it is called, since every
process of the program imports this.
"""

from contextlib import closing
from typing import TYPE_CHECKING, Any

from jobmojito_batch.errors import BatchError

if TYPE_CHECKING:
    from jobmojito_batch.parameters import FollowUpParameters, InviteParameters
    from jobmojito_batch.pipeline.followup import FollowUpSummary
    from jobmojito_batch.summary import Summary

__all__ = [
    "BatchError",
    "FollowUpParameters",
    "FollowUpSummary",
    "InviteParameters",
    "Summary",
    "check",
    "followup",
    "invite",
]


def check(parameters: "InviteParameters") -> dict[str, Any]:
    """
    What `invite` would do and cost, as `check --json` prints it; sends nothing.

    No person is in it. An inbox without new files gives the summary of a run of no rows. Raises
    BatchError: SettingsError, InputError or LedgerError of `jobmojito_batch.errors`.
    """
    from jobmojito_batch.cli.plan_view import plan_json
    from jobmojito_batch.pipeline import IdleRun, check_taken, taking

    with closing(taking(parameters, will_send=False)) as taken:
        run = check_taken(taken)
        if isinstance(run, IdleRun):
            return run.conclusion().as_json()
        with closing(run):
            return plan_json(run)


def invite(parameters: "InviteParameters") -> "Summary":
    """
    Invite every candidate of the inputs once, as `invite --yes --no-prefect` does.

    Returns when every row has its outcome and the files are written: the summary has the exit
    code, the sentence, the counts, the files. Nobody is asked, so what holds an unattended run
    holds this one (a DoubtError or VolumeError, nothing sent); alerts are left to the caller. From
    the main thread SIGINT and SIGTERM stop dispatch and let the calls in flight finish. Not for use
    inside a running event loop: give it a thread (`asyncio.to_thread`).

    Raises BatchError. A LedgerError may come after calls were made: call again with the same
    parameters, and what was under way is looked up, never sent again blind.
    """
    import asyncio

    from jobmojito_batch.pipeline import RunObserver, run_steps

    return asyncio.run(run_steps(parameters, RunObserver())).concluded


def followup(parameters: "FollowUpParameters") -> "FollowUpSummary":
    """
    Look up what became of invitations, as `followup --yes` does, and write it beside the rows.

    Reads only, save for the fresh links and reports that *parameters* ask for; a report may cost
    credits. The summary has counts, funnel and files; exit code 4 says that somebody was not
    reached. Not for use inside a running event loop. Raises BatchError.
    """
    import asyncio

    from jobmojito_batch.pipeline.followup import follow_up

    return asyncio.run(follow_up(parameters))


def __getattr__(name: str) -> Any:  # noqa: ANN401 - what the name stands for
    """Import the classes of the surface when they are asked for."""
    if name in {"FollowUpParameters", "InviteParameters"}:
        from jobmojito_batch import parameters

        return getattr(parameters, name)
    if name == "FollowUpSummary":
        from jobmojito_batch.pipeline.followup import FollowUpSummary

        return FollowUpSummary
    if name == "Summary":
        from jobmojito_batch.summary import Summary

        return Summary
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
