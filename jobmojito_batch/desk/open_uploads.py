"""Uploads that somebody is working at: checked once, kept while they are looked at."""

from collections import OrderedDict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, RLock
from typing import Final

import uuid_utils

from jobmojito_batch.desk.sends import Order, Send, as_order, begin, digest_of_plan, latest_of
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

MOST_OPEN: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPlan:
    """A plan as a person sees it, and the order that pressing Send gives."""

    planned: Planned
    order: Order
    number: int
    """Of the press that it is for."""
    is_answered: bool
    """Whether all that would hold it is answered."""

    @property
    def may_be_sent(self) -> bool:
        """Whether Send is offered."""
        return self.is_answered and self.order.to_send > 0


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

    def recall_mapping(self) -> None:
        """Read it as an earlier file with the same headers was, if there was one."""
        try:
            headers = self.checked().layout.headers
        except BatchError:
            try:
                headers = self.look().headers
            except BatchError:  # the page says what is wrong
                return
        mapping = self._uploads.remembered(headers)
        if mapping:
            self.upload.say(mapping=mapping, is_remembered=True)

    def take(self, step: Step) -> None:
        """Correct cells, or leave rows out. Raises BatchError."""
        with self._lock:
            checked = self.checked()
            self.upload.corrections.with_step(step).write(self.upload.corrections_file)
            cells = {(one.row, one.column): one.after for one in step.changes}
            self._changed(checked, cells, lambda: checked.leave_out(step.left_out))

    def undo(self) -> bool:
        """Take the latest step back; False where there is none. Raises BatchError."""
        with self._lock:
            corrections = self.upload.corrections
            if not corrections.steps:
                return False
            checked = self.checked()
            step = corrections.steps[-1]
            corrections.undone().write(self.upload.corrections_file)
            if not checked.has(step.rows):
                self.close()
                return True
            cells = {(one.row, one.column): one.before for one in step.changes}
            self._changed(checked, cells, lambda: checked.leave_out(step.left_out, back=True))
            return True

    def _changed(
        self,
        checked: CheckedInput,
        cells: dict[tuple[int, int], str | None],
        leave_out: Callable[[], None],
    ) -> None:
        if checked.takes_whole_check({column for _, column in cells}):
            self.close()
            return
        if cells:
            checked.correct(cells)
        leave_out()
        self._of, self._is_whole = self.upload.content(None), False

    def plan(self, limit: int | None) -> SeenPlan:
        """What would be sent now. Raises BatchError."""
        with self._lock:
            checked = self.checked(whole=True)
            ledger = Ledger.open_existing(checked.planned.settings.ledger_url)
            try:
                planned = planned_again(checked.planned, ledger, limit=limit)
            finally:
                if ledger is not None:
                    ledger.close()
            before = latest_of(self.upload)
            number = 0 if before is None else before.number + 1
            digest = digest_of_plan(planned, self.upload, number=number, limit=limit)
            held = [doubt for doubt in planned.doubts if doubt.holds]
            return SeenPlan(
                planned=planned,
                order=as_order(planned, digest, limit),
                number=number,
                is_answered=all(map(self.upload.has_answered, held)),
            )

    def send(self, order: Order, number: int) -> Send:
        """Send what was seen, once. Raises BatchError."""
        with self._lock:
            return begin(self.upload, order, number=number)

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
