"""
Letters that are ready are written as drafts and posted, and what became of each row is written.

No terminal here: the command line and the desk hand in an observer.
"""

import asyncio
import functools
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from jobmojito_batch.columns import ErrorCode, LetterOutcome
from jobmojito_batch.events import Event, emit
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.letters.drafts import TABLE, write_drafts
from jobmojito_batch.letters.mail import Sender, new_id
from jobmojito_batch.letters.posting import Posting, PostingPolicy, ToPost
from jobmojito_batch.letters.smtp import MailServer, OpenPostbox, SmtpPostbox
from jobmojito_batch.pipeline.letters.addressees import Addressee
from jobmojito_batch.pipeline.letters.files import write_letters
from jobmojito_batch.pipeline.letters.ready import ReadyLetters, mail_server
from jobmojito_batch.pipeline.letters.summary import LettersFiles, LettersSummary, exit_code_of
from jobmojito_batch.pipeline.signals import stop_on_signals
from jobmojito_batch.pipeline.work import shared_starts
from jobmojito_batch.publish import check_target
from jobmojito_batch.sending import Clock, Pace, StopSignal, utc_now
from jobmojito_batch.settings import Settings

PACE_KEY: Final = "letters"
TICK_SECONDS: Final = 0.5


class LettersObserver:
    """Who sees letters go out, and may be asked; this one is nobody."""

    def may_send(self, ready: ReadyLetters) -> bool:  # noqa: ARG002
        """Whether to post what is ready."""
        return True

    def posting(self, counts: Mapping[LetterOutcome, int], total: int) -> None:
        """How far it is."""


async def write_and_send(
    ready: ReadyLetters,
    observer: LettersObserver | None = None,
    *,
    wall: Callable[[], datetime] = utc_now,
    open_postbox: OpenPostbox | None = None,
) -> LettersSummary:
    """
    Write the drafts, post the letters, as far as each was asked for; what it came to.

    Raises LedgerError, BatchError.
    """
    observer = observer or LettersObserver()
    parameters = ready.parameters
    summary = LettersSummary(
        step=parameters.step,
        people=len(ready.people),
        languages=dict(sorted(ready.languages.items())),
        in_english=ready.in_english,
        not_looked_at=ready.addressees.not_looked_at,
        written_to_before=ready.before,
    )
    if parameters.send:
        check_target(ready.selected.target, rows=ready.selected.rows)
        if not observer.may_send(ready):
            return summary.model_copy(update={"exit_code": ExitCode.USAGE})
    drafts = _write_drafts(ready, wall()) if parameters.to is not None else 0
    files = LettersFiles(
        drafts=parameters.to,
        table=str(Path(parameters.to) / TABLE) if parameters.to is not None else None,
    )
    summary = summary.model_copy(update={"drafts": drafts, "files": files})
    return (
        await _sent_out(ready, observer, summary, wall, open_postbox)
        if parameters.send
        else summary
    )


def _write_drafts(ready: ReadyLetters, at: datetime) -> int:
    folder = Path(str(ready.parameters.to))
    return write_drafts(folder, (ready.draft(addressee, at) for addressee in ready.people))


async def _sent_out(
    ready: ReadyLetters,
    observer: LettersObserver,
    summary: LettersSummary,
    wall: Callable[[], datetime],
    open_postbox: OpenPostbox | None,
) -> LettersSummary:
    signals: list[int] = []
    stop = StopSignal(PACE_KEY)
    clock = Clock.of_loop(stop.nap, wall=wall)
    writer = ready.ledger.writer()
    pace = Pace(
        ready.settings.requests_per_second,
        clock,
        take_block=shared_starts(writer, PACE_KEY, clock),
    )

    def on_signal(number: int) -> None:
        signals.append(number)
        stop.stop(ErrorCode.INTERRUPTED, "interrupted; run it again, it carries on")

    posting = Posting(
        [_to_post(ready, addressee) for addressee in ready.people],
        _policy(ready),
        writer=writer,
        open_postbox=open_postbox or functools.partial(_postbox, ready),
        pace=pace,
        clock=clock,
        stop=stop,
        new_id=functools.partial(new_id, ready.sender),
    )
    try:
        with stop_on_signals(on_signal, lambda: None):
            await _with_progress(posting, observer)
        await pace.close()
    finally:
        await writer.close()
    counts = dict(posting.counts)
    write_letters(ready.selected, posting.posted)
    code = exit_code_of(counts, signal_number=signals[0] if signals else None)
    emit(
        Event.LETTERS_ENDED,
        counts={outcome.value: count for outcome, count in counts.items()},
        exit_code=code,
    )
    return summary.model_copy(
        update={
            "outcomes": {outcome: counts.get(outcome, 0) for outcome in LetterOutcome},
            "files": summary.files.model_copy(update={"results": str(ready.selected.target)}),
            "stop_message": stop.reason.message if stop.reason is not None else None,
            "exit_code": code,
        }
    )


async def _with_progress(posting: Posting, observer: LettersObserver) -> None:
    async def tell() -> None:
        while True:
            observer.posting(posting.counts, posting.total)
            await asyncio.sleep(TICK_SECONDS)

    telling = asyncio.create_task(tell())
    try:
        await posting.run()
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling


def _to_post(ready: ReadyLetters, addressee: Addressee) -> ToPost:
    return ToPost(
        invitation_id=addressee.invitation_id,
        address=addressee.address,
        message=functools.partial(ready.message, addressee),
    )


def _policy(ready: ReadyLetters) -> PostingPolicy:
    settings = ready.settings
    return PostingPolicy(
        step=ready.parameters.step,
        again=ready.parameters.again,
        sender=ready.sender.address,
        delivery_seconds=settings.connect_timeout_seconds + 2 * settings.read_timeout_seconds,
    )


def _postbox(ready: ReadyLetters) -> SmtpPostbox:
    return _postbox_of(ready.server or mail_server(ready.settings), ready.settings)


def _postbox_of(server: MailServer, settings: Settings) -> SmtpPostbox:
    return SmtpPostbox(
        server,
        connect_seconds=settings.connect_timeout_seconds,
        answer_seconds=settings.read_timeout_seconds,
    )


async def try_mail_server(settings: Settings) -> Sender:
    """
    Connect to the mail server and log in, without a letter; as whom it would post.

    Raises BatchError for what is wrong.
    """
    sender = Sender.read(settings.mail_from)
    postbox = _postbox_of(mail_server(settings), settings)
    try:
        await postbox.open()
    finally:
        await postbox.close()
    return sender
