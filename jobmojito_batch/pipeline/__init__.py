"""The staircase: prepare, deliver, conclude. Both front doors climb it."""

from jobmojito_batch.pipeline.attendant import Attendant, attending, check_volume, run
from jobmojito_batch.pipeline.conclude import Conclusion, conclude, write_again
from jobmojito_batch.pipeline.deliver import Delivered, deliver
from jobmojito_batch.pipeline.prepare import Prepared, prepare, settings_for
from jobmojito_batch.pipeline.preview import FaultyRow, Preview, Reason
from jobmojito_batch.pipeline.reading import Inputs, InputView
from jobmojito_batch.pipeline.targets import Targets, targets_again

__all__ = [
    "Attendant",
    "Conclusion",
    "Delivered",
    "FaultyRow",
    "InputView",
    "Inputs",
    "Prepared",
    "Preview",
    "Reason",
    "Targets",
    "attending",
    "check_volume",
    "conclude",
    "deliver",
    "prepare",
    "run",
    "settings_for",
    "targets_again",
    "write_again",
]
