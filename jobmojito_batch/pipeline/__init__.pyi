from .account import AccountView, view_account
from .action_items import Attention, NeedsPerson, advice_on, needs_a_person
from .batch import Delivered, OnProgress, StopWhen
from .checked import LEFT_OUT, CheckedInput
from .checked_rows import CheckedRow, FaultyCell
from .conclude import conclude
from .corrections import Change, Corrections, Step, replaced, several
from .deliver import DecideOnRest, deliver
from .faulty import write_faulty
from .inputs import Inputs, InputView
from .looking_back import (
    KnownInvitation,
    ResultRow,
    invitations_of,
    link_in,
    results_page,
)
from .nightly.housekeeping import finish
from .nightly.night_end import where
from .nightly.prepared_runs import (
    IdleRun,
    PreparedRun,
    ReadyRun,
    check_taken,
    prepare_taken,
)
from .nightly.selected_inputs import SelectedInputs, TakenFile
from .nightly.selection import taking
from .nightly.tries import NextTry
from .nightly.waiting import Pausing
from .output_paths import AskedFiles, Targets
from .planned import Planned, ReadyToSend
from .prepare import plan_run, planned_again, prepare
from .preview import FaultyRow, Preview, Reason
from .reconcile import Reconciled, reconcile
from .resume_matching import Coverage
from .run_observer import RelayingObserver, RunObserver
from .run_request import RunRequest, settings_for
from .run_result import RunResult
from .run_steps import Clock, run_steps, utc_now
from .source_layout import headed_cells, sources_in
from .source_tables import Look, look_at, samples_of
from .steps import StepName
from .write_again import write_again

__all__ = [
    "LEFT_OUT",
    "AccountView",
    "AskedFiles",
    "Attention",
    "Change",
    "CheckedInput",
    "CheckedRow",
    "Clock",
    "Corrections",
    "Coverage",
    "DecideOnRest",
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
    "OnProgress",
    "Pausing",
    "Planned",
    "PreparedRun",
    "Preview",
    "ReadyRun",
    "ReadyToSend",
    "Reason",
    "Reconciled",
    "RelayingObserver",
    "ResultRow",
    "RunObserver",
    "RunRequest",
    "RunResult",
    "SelectedInputs",
    "Step",
    "StepName",
    "StopWhen",
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
    "utc_now",
    "view_account",
    "where",
    "write_again",
    "write_faulty",
]
