"""Uploads that somebody is working at: checked once, kept while they are looked at."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock, RLock
from typing import Final

import uuid_utils

from jobmojito_batch.desk.sends import Order, digest_of_plan, latest_of
from jobmojito_batch.desk.uploads import Upload, Uploads
from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline import (
    CheckedInput,
    Look,
    Planned,
    Step,
    look_at,
    planned_again,
    settings_for,
)
from jobmojito_batch.pipeline.work_dir import Spool
from jobmojito_batch.settings import Settings

MOST_OPEN: Final = 4


@contextmanager
def opened(settings: Settings) -> Iterator[Ledger | None]:
    """The ledger, if there is one. Raises LedgerError."""
    ledger = Ledger.open_existing(settings.ledger_url)
    try:
        yield ledger
    finally:
        if ledger is not None:
            ledger.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPlan:
    """A plan as a person sees it, and the order that pressing Send gives."""

    planned: Planned
    order: Order
    number: int
    """Of the press that it is for."""
    may_be_sent: bool
    """Whether there is a token and something to send, and all that would hold it is answered."""


class OpenUpload:
    """One upload and its check."""

    def __init__(self, upload: Upload, uploads: Uploads) -> None:
        self.upload = upload
        self._uploads = uploads
        self._lock = RLock()
        self._checked: CheckedInput | None = None
        self._of = ""
        self._is_whole = False

    def close(self) -> None:
        """Let go of the prepared rows."""
        with self._lock:
            if self._checked is not None:
                self._checked.close()
            self._checked = None

    def checked(self, *, whole: bool = False) -> CheckedInput:
        """It as it is now; *whole*: every row by every rule. Raises BatchError."""
        with self._lock:
            content = self.upload.content(None)
            if self._checked is None or self._of != content or (whole and not self._is_whole):
                self.close()
                self._checked = CheckedInput.of(self.upload.parameters())
                self._of, self._is_whole = content, True
            return self._checked

    def look(self) -> Look:
        """Headers and samples alone, where it cannot be checked. Raises BatchError."""
        parameters = self.upload.parameters()
        folder = settings_for(parameters).spool_folder
        with Spool(folder, str(uuid_utils.uuid7())) as spool:
            return look_at(parameters, spool)

    @property
    def headers(self) -> Sequence[str]:
        """Those of the file, though it may not be checked as it is read. Raises BatchError."""
        with suppress(BatchError):
            return self.checked().layout.headers
        return self.look().headers

    def recall_mapping(self) -> None:
        """Read it as an earlier file with the same headers was, if there was one."""
        with suppress(BatchError):  # the page says what is wrong
            if mapping := self._uploads.remembered(self.headers):
                self.upload.say(mapping=mapping, is_remembered=True)

    def take(self, step: Step) -> None:
        """Correct cells, or leave rows out. Raises BatchError."""
        with self._lock:
            checked = self.checked()
            self.upload.corrections.with_step(step).write(self.upload.corrections_file)
            self._follow(checked, step)

    def undo(self) -> bool:
        """Take the latest step back; False where there is none. Raises BatchError."""
        with self._lock:
            corrections = self.upload.corrections
            if corrections.steps:
                checked = self.checked()
                corrections.undone().write(self.upload.corrections_file)
                self._follow(checked, corrections.steps[-1], back=True)
            return bool(corrections.steps)

    def _follow(self, checked: CheckedInput, step: Step, *, back: bool = False) -> None:
        """The check takes a step, or takes it *back*; where it cannot, all is read again."""
        cells = {(one.row, one.column): one.before if back else one.after for one in step.changes}
        columns = {column for _, column in cells}
        if not checked.has(step.rows) or checked.takes_whole_check(columns):
            self.close()
            return
        if cells:
            checked.correct(cells)
        checked.leave_out(step.left_out, back=back)
        self._of, self._is_whole = self.upload.content(None), False

    def plan(self, limit: int | None) -> SeenPlan:
        """What would be sent now. Raises BatchError."""
        with self._lock:
            checked = self.checked(whole=True)
            with opened(checked.planned.settings) as ledger:
                planned = planned_again(checked.planned, ledger, limit=limit)
            before = latest_of(self.upload)
            number = 0 if before is None else before.number + 1
            order = Order(
                digest=digest_of_plan(planned, self.upload, number=number, limit=limit),
                limit=limit,
                to_send=planned.plan.to_send,
                pressed_at=datetime.now(UTC),
            )
            open_doubts = [
                doubt
                for doubt in planned.doubts
                if doubt.holds and not self.upload.has_answered(doubt)
            ]
            has_what_it_takes = planned.settings.has_token and order.to_send > 0
            may_be_sent = has_what_it_takes and not open_doubts
            return SeenPlan(planned=planned, order=order, number=number, may_be_sent=may_be_sent)

    def write_corrected(self, target: Path) -> None:
        """The corrected file. Raises BatchError."""
        with self._lock:
            self.checked().write_corrected(target)


class OpenUploads:
    """The few that were looked at last."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._open: OrderedDict[str, OpenUpload] = OrderedDict()
        self._lock = Lock()

    def find(self, upload_id: str) -> OpenUpload:
        """The upload, opened. Raises SettingsError."""
        upload = self._uploads.find(upload_id)
        with self._lock:
            if upload_id not in self._open:
                self._open[upload_id] = OpenUpload(upload, self._uploads)
            self._open.move_to_end(upload_id)
            while len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)[1].close()
            return self._open[upload_id]

    def remove(self, upload_id: str) -> None:
        """Remove an upload and all that belongs to it. Raises SettingsError."""
        with closing(self.find(upload_id)) as found:
            found.upload.remove()
        with self._lock:
            self._open.pop(upload_id, None)

    def close(self) -> None:
        """Let go of all."""
        for one in self._open.values():
            one.close()
