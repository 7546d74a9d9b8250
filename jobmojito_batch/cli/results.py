"""`results`: the files of a run once more, from the ledger."""

from jobmojito_batch.cli.console import print_json, say
from jobmojito_batch.cli.telling import tell_files
from jobmojito_batch.errors import BatchError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline import AskedFiles, write_again
from jobmojito_batch.settings import Settings


def show_results(
    settings: Settings,
    run_id: str,
    asked: AskedFiles,
    *,
    as_json: bool,
) -> int:
    """Write results, errors and summary of the run as *asked*; say where. Raises BatchError."""
    with Ledger.existing(settings.ledger_url) as ledger:
        if ledger is None:
            raise BatchError("there is no ledger yet; nothing was ever sent from here")
        ledger.runs.settle_orphans()
        written = write_again(ledger, run_id, asked)
    if as_json:
        print_json(written.as_json())
    tell_files(written.files)
    if written.files.errors is not None:
        say("note          the ledger keeps no résumés: those cells are blank in the errors file")
    return ExitCode.OK
