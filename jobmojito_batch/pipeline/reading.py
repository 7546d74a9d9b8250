"""Inputs become the prepared rows of a run: read, mapped, normalised, spooled."""

from jobmojito_batch.intake import RaggedRowsError
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.inputs import Inputs
from jobmojito_batch.pipeline.open_inputs import open_inputs
from jobmojito_batch.pipeline.prepared_rows import prepare_rows
from jobmojito_batch.pipeline.said_of_inputs import inputs_of
from jobmojito_batch.pipeline.work_dir import Spool
from jobmojito_batch.settings import Settings


def read_rows(parameters: InviteParameters, settings: Settings, spool: Spool) -> Inputs:
    """
    Write the prepared frame of all inputs (docs/architecture.md, Frames), streaming.

    Raises InputError, SettingsError.
    """
    try:
        return _read(parameters, settings, spool, is_ragged=False)
    except RaggedRowsError:
        return _read(parameters, settings, spool, is_ragged=True)


def try_reading(parameters: InviteParameters, settings: Settings, spool: Spool) -> None:
    """
    Read one input to its end, for nothing but the errors; it need not have all mapped headers.

    Raises InputError, SettingsError.
    """
    for is_ragged in (False, True):
        try:
            _read(parameters, settings, spool, is_ragged=is_ragged, is_alone=True)
        except RaggedRowsError:
            if is_ragged:
                raise
        else:
            return


def _read(
    parameters: InviteParameters,
    settings: Settings,
    spool: Spool,
    *,
    is_ragged: bool,
    is_alone: bool = False,
) -> Inputs:
    opened = open_inputs(parameters, settings, spool, is_ragged=is_ragged, is_alone=is_alone)
    return inputs_of(opened, prepare_rows(opened))
