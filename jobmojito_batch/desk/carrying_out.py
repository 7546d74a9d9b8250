"""The process that Send starts: plans again, and sends if it is the plan that was seen."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from jobmojito_batch.desk.sends import End, Order, Send, digest_of_plan
from jobmojito_batch.desk.uploads import Upload, write_json
from jobmojito_batch.errors import BatchError, SettingsError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import ReadyRun, RunObserver, RunResult
from jobmojito_batch.plan import Kind
from jobmojito_batch.sending import Progress

_BETWEEN_SECONDS: Final = 0.4
"""How often the page can see something new."""

Run = Callable[[InviteParameters, RunObserver], RunResult]


class OrderObserver(RunObserver):
    """Holds the run to what a person has seen and pressed, and writes down where it stands."""

    confirms = True

    def __init__(self, send: Send, order: Order) -> None:
        self._send = send
        self._order = order
        self._written = 0.0
        self.refusal = ""
        """Why the plan was not carried out."""

    def may_send(self, run: ReadyRun) -> bool:
        """Whether it is the plan that was pressed, and all its doubts are answered."""
        planned, upload = run.planned, self._send.upload
        if any(doubt.holds and not upload.has_answered(doubt) for doubt in planned.doubts):
            self.refusal = "the file leaves a question open now; answer it in the plan"
            return False
        content = upload.content(self._order.limit)
        digest = digest_of_plan(planned, content, number=self._send.number)
        if digest != self._order.digest:
            counts = planned.plan.counts
            self.refusal = (
                f"the plan is no longer true: {self._order.to_send} invitations were to be sent, "
                f"now it would be {planned.plan.to_send} ({counts[Kind.ALREADY_DONE]} are done, "
                f"{counts[Kind.UNKNOWN]} under way or unknown), since another run has sent some, "
                "or the file, its corrections or the account changed; look at the plan as it is now"
            )
            return False
        return True

    def begins(self, run: ReadyRun) -> None:
        """From here on the page can tell of the run."""
        write_json(self._send.folder / "run.json", run.planned.run_id)
        total = run.planned.plan.to_send
        self._write(
            Progress(total=total, settled=0, in_flight=0, calls=0, seconds=0.0, outcomes={})
        )
        super().begins(run)

    def progress(self, progress: Progress) -> None:
        """Write it down, now and then."""
        now = time.monotonic()
        if now - self._written >= _BETWEEN_SECONDS:
            self._written = now
            with suppress(BatchError):  # a full disk costs the bar, never the run
                self._write(progress)

    def _write(self, progress: Progress) -> None:
        write_json(self._send.folder / "progress.json", progress)


def carry_out(folder: Path, run: Run) -> int:
    """Carry the order in *folder* out by *run*; gives the exit code. Raises SettingsError."""
    send = Send(Upload(folder.parent.parent), int(folder.name))
    send.errand.note(psutil.Process())
    order = send.order
    if order is None or send.end is not None:
        raise SettingsError(f"{folder}: holds no order that is open")
    observer = OrderObserver(send, order)
    try:
        result = run(send.upload.parameters(order.limit), observer)
        code, end = result.exit_code, _end_of(send, result, observer)
    except BatchError as exc:
        code, end = ExitCode.USAGE, End(sentence=f"{exc}. Nothing was sent")
    write_json(folder / "end.json", end)
    return int(code)


def _end_of(send: Send, result: RunResult, observer: OrderObserver) -> End:
    summary, error = result.conclusion, result.error
    if summary is not None:
        files = dict(summary.files.written())
        return End(run_id=summary.run_id, sentence=summary.sentence, files=files)
    if error is not None and not isinstance(error, BatchError):
        raise error
    if result.has_begun:
        return End(run_id=send.run_id, sentence=f"The run stopped: {error}")
    return End(sentence=f"Nothing was sent: {observer.refusal or error}")
