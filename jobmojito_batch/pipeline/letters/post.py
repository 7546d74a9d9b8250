"""Letters that are ready are posted, and what became of each row is written."""

import asyncio
import functools
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from jobmojito_batch.columns import LetterOutcome
from jobmojito_batch.events import Event, emit
from jobmojito_batch.letters.posting import Posting, PostingPolicy, ToPost
from jobmojito_batch.letters.smtp import OpenPostbox
from jobmojito_batch.pipeline.letters.files import write_letters
from jobmojito_batch.pipeline.letters.mail_server import postbox_of
from jobmojito_batch.pipeline.letters.ready import ReadyLetters
from jobmojito_batch.pipeline.letters.summary import LettersSummary, exit_code_of
from jobmojito_batch.pipeline.signals import stopping
from jobmojito_batch.pipeline.work import shared_starts
from jobmojito_batch.sending import Clock, Pace, StopSignal

PACE_KEY: Final = "letters"
TICK_SECONDS: Final = 0.5


class LettersObserver:
    """Who sees letters go out, and may be asked; this one is nobody."""

    def may_send(self, ready: ReadyLetters) -> bool:  # noqa: ARG002
        """Whether to post what is ready."""
        return True

    def posting(self, counts: Mapping[LetterOutcome, int], total: int) -> None:
        """How far it is."""


async def posted(
    ready: ReadyLetters,
    observer: LettersObserver,
    summary: LettersSummary,
    wall: Callable[[], datetime],
    open_postbox: OpenPostbox | None,
) -> LettersSummary:
    """*summary* with what posting the letters came to. Raises LedgerError."""
    stop = StopSignal(PACE_KEY)
    clock = Clock.of_loop(stop.nap, wall=wall)
    writer = ready.ledger.writer()
    pace = Pace(
        ready.settings.requests_per_second,
        clock,
        take_block=shared_starts(writer, PACE_KEY, clock),
    )
    posting = Posting(
        _to_post(ready),
        _policy(ready),
        writer=writer,
        open_postbox=open_postbox or functools.partial(postbox_of, ready.settings),
        pace=pace,
        clock=clock,
        stop=stop,
        new_id=ready.new_id,
    )
    try:
        async with stopping(stop, "interrupted; run it again, it carries on") as signals:
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


def _to_post(ready: ReadyLetters) -> list[ToPost]:
    return [
        ToPost(
            invitation_id=person.invitation_id,
            address=person.address,
            message=functools.partial(ready.message, person),
        )
        for person in ready.people
    ]


def _policy(ready: ReadyLetters) -> PostingPolicy:
    settings = ready.settings
    return PostingPolicy(
        step=ready.parameters.step,
        again=ready.parameters.again,
        sender=ready.sender.address,
        delivery_seconds=settings.connect_timeout_seconds + 2 * settings.read_timeout_seconds,
    )
