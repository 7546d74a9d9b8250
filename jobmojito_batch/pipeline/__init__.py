"""The staircase: prepare, deliver, conclude. Both front doors climb it."""

from jobmojito_batch.pipeline.account import AccountView, view_account
from jobmojito_batch.pipeline.attendant import Attendant, attending, run
from jobmojito_batch.pipeline.attention import Attention, NeedsPerson, advice_on, needs_a_person
from jobmojito_batch.pipeline.conclude import Conclusion, conclude, write_again
from jobmojito_batch.pipeline.deliver import Delivered, deliver
from jobmojito_batch.pipeline.finishing import finish, where
from jobmojito_batch.pipeline.night import hold_if_unsure, prepare_taken, taking
from jobmojito_batch.pipeline.prepare import Prepared, prepare, settings_for
from jobmojito_batch.pipeline.preview import FaultyRow, Preview, Reason
from jobmojito_batch.pipeline.reading import Inputs, InputView
from jobmojito_batch.pipeline.reconcile import Reconciled, reconcile
from jobmojito_batch.pipeline.taken import Taken, TakenFile
from jobmojito_batch.pipeline.targets import Targets, targets_again

__all__ = [
    "AccountView",
    "Attendant",
    "Attention",
    "Conclusion",
    "Delivered",
    "FaultyRow",
    "InputView",
    "Inputs",
    "NeedsPerson",
    "Prepared",
    "Preview",
    "Reason",
    "Reconciled",
    "Taken",
    "TakenFile",
    "Targets",
    "advice_on",
    "attending",
    "conclude",
    "deliver",
    "finish",
    "hold_if_unsure",
    "needs_a_person",
    "prepare",
    "prepare_taken",
    "reconcile",
    "run",
    "settings_for",
    "taking",
    "targets_again",
    "view_account",
    "where",
    "write_again",
]
