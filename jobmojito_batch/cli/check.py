"""`check`: what `invite` would do, and nothing is sent."""

from pathlib import Path

from jobmojito_batch.cli.console import print_json, show
from jobmojito_batch.cli.plan_view import plan_json, plan_lines
from jobmojito_batch.cli.telling import tell_faulty, tell_saved
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import IdleRun, PreparedRun, check_taken, taking
from jobmojito_batch.plan import Kind


def check_inputs(parameters: InviteParameters, *, as_json: bool, save_mapping: Path | None) -> int:
    """Show the plan; gives the exit code. Raises BatchError."""
    taken = taking(parameters, will_send=False)
    try:
        run = check_taken(taken)
        if isinstance(run, IdleRun):
            conclusion = run.conclusion()
            if as_json:
                print_json(conclusion.as_json())
            else:
                show(conclusion.sentence)
            return ExitCode.OK
        return _show_plan(run, parameters, as_json=as_json, save_mapping=save_mapping)
    finally:
        taken.close()


def _show_plan(
    run: PreparedRun, asked: InviteParameters, *, as_json: bool, save_mapping: Path | None
) -> int:
    planned = run.planned
    try:
        if save_mapping is not None:
            tell_saved(save_mapping, planned, asked)
        if asked.errors is not None:
            tell_faulty(planned)
        if as_json:
            print_json(plan_json(run))
        else:
            for line in plan_lines(run, quotes_cells=True):
                show(line)
    finally:
        run.close()
    counts = planned.plan.counts
    if counts[Kind.UNKNOWN]:
        return ExitCode.UNSETTLED
    has_faults = counts[Kind.INVALID] or any(doubt.holds for doubt in planned.doubts)
    return ExitCode.NEEDS_REPAIR if has_faults else ExitCode.OK
