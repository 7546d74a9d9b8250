"""`backup`: a checked copy of the ledger, while others use it."""

from datetime import UTC, datetime
from pathlib import Path

from jobmojito_batch.cli.console import out
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger.addresses import sqlite_path
from jobmojito_batch.ledger.backup import back_up, is_backup
from jobmojito_batch.publish import written_whole
from jobmojito_batch.settings import Settings


def back_up_ledger(settings: Settings, target: Path | None, *, now: datetime | None = None) -> int:
    """Copy the ledger to *target*, a file or a folder; the current one. Raises BatchError."""
    place = target or Path()
    name = f"ledger-{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}.sqlite"
    file = place / name if place.is_dir() else place
    own = sqlite_path(settings.ledger_url)
    if own is not None and file.exists():
        if file.samefile(own):
            raise SettingsError(f"{file}: is the ledger itself; name another file")
        if not is_backup(file):
            raise SettingsError(f"{file}: is no backup of a ledger; name another file")
    with written_whole(file) as temporary:
        back_up(settings.ledger_url, temporary)
    out().print(f"{file}: checked and whole; docs/ledger.md says how to restore it", markup=False)
    return ExitCode.OK
