"""The staircase: take, prepare, deliver, conclude, finish. Both front doors climb it."""

from jobmojito_batch.pipeline.account import AccountView, view_account
from jobmojito_batch.pipeline.action_items import Attention, NeedsPerson, advice_on, needs_a_person
from jobmojito_batch.pipeline.batch import Delivered
from jobmojito_batch.pipeline.checked import LEFT_OUT, CheckedInput, CheckedRow, FaultyCell
from jobmojito_batch.pipeline.conclude import conclude, write_again
from jobmojito_batch.pipeline.corrections import Change, Corrections, Step, replaced, several
from jobmojito_batch.pipeline.deliver import deliver
from jobmojito_batch.pipeline.faulty import write_faulty
from jobmojito_batch.pipeline.looking_back import (
    KnownInvitation,
    ResultRow,
    invitations_of,
    link_in,
    results_page,
)
from jobmojito_batch.pipeline.nightly.housekeeping import finish, where
from jobmojito_batch.pipeline.nightly.prepared_runs import (
    IdleRun,
    PreparedRun,
    ReadyRun,
    check_taken,
    prepare_taken,
)
from jobmojito_batch.pipeline.nightly.selected_inputs import SelectedInputs, TakenFile
from jobmojito_batch.pipeline.nightly.selection import taking
from jobmojito_batch.pipeline.nightly.tries import NextTry
from jobmojito_batch.pipeline.output_paths import AskedFiles, Targets
from jobmojito_batch.pipeline.prepare import (
    Planned,
    ReadyToSend,
    RunRequest,
    plan_run,
    planned_again,
    prepare,
    settings_for,
)
from jobmojito_batch.pipeline.preview import FaultyRow, Preview, Reason
from jobmojito_batch.pipeline.reading import Inputs, InputView, Look, look_at, samples_of
from jobmojito_batch.pipeline.reconcile import Reconciled, reconcile
from jobmojito_batch.pipeline.resume_matching import Coverage
from jobmojito_batch.pipeline.run_observer import RunObserver
from jobmojito_batch.pipeline.run_result import RunResult
from jobmojito_batch.pipeline.run_steps import run_steps
from jobmojito_batch.pipeline.source_layout import headed_cells, sources_in

__all__ = [
    "LEFT_OUT",
    "AccountView",
    "AskedFiles",
    "Attention",
    "Change",
    "CheckedInput",
    "CheckedRow",
    "Corrections",
    "Coverage",
    "Delivered",
    "FaultyCell",
    "FaultyRow",
    "IdleRun",
    "InputView",
    "Inputs",
    "KnownInvitation",
    "Look",
    "NeedsPerson",
    "NextTry",
    "Planned",
    "PreparedRun",
    "Preview",
    "ReadyRun",
    "ReadyToSend",
    "Reason",
    "Reconciled",
    "ResultRow",
    "RunObserver",
    "RunRequest",
    "RunResult",
    "SelectedInputs",
    "Step",
    "TakenFile",
    "Targets",
    "advice_on",
    "check_taken",
    "conclude",
    "deliver",
    "finish",
    "headed_cells",
    "invitations_of",
    "link_in",
    "look_at",
    "needs_a_person",
    "plan_run",
    "planned_again",
    "prepare",
    "prepare_taken",
    "reconcile",
    "replaced",
    "results_page",
    "run_steps",
    "samples_of",
    "settings_for",
    "several",
    "sources_in",
    "taking",
    "view_account",
    "where",
    "write_again",
    "write_faulty",
]
