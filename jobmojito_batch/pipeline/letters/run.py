"""
Letters, as records: who gets one, drafts of them, posting them, and what became of each row.

No terminal here: the command line and the desk hand in an observer.
"""

import asyncio
import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.client import TokenSource
from jobmojito_batch.columns import LETTER_COLUMNS, ErrorCode, LetterOutcome
from jobmojito_batch.errors import BatchError
from jobmojito_batch.events import Event, emit
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Ledger, LetterState
from jobmojito_batch.letters.drafts import TABLE, Draft, check_folder, write_drafts
from jobmojito_batch.letters.mail import Sender, message_of, new_id
from jobmojito_batch.letters.posting import Posted, Posting, PostingPolicy, ToPost
from jobmojito_batch.letters.smtp import MailServer, OpenPostbox, SmtpPostbox
from jobmojito_batch.letters.texts import Text, Texts, check_filled, texts_of
from jobmojito_batch.parameters import LettersParameters
from jobmojito_batch.pipeline.accounts import as_spelt_in
from jobmojito_batch.pipeline.letters.addressees import Addressee, Addressees, addressees_of
from jobmojito_batch.pipeline.letters.selection import IS_FIRST, Selected, select
from jobmojito_batch.pipeline.letters.summary import LettersFiles, LettersSummary, exit_code_of
from jobmojito_batch.pipeline.prepare import merchant_for
from jobmojito_batch.pipeline.report import results_columns
from jobmojito_batch.pipeline.signals import stop_on_signals
from jobmojito_batch.pipeline.work import shared_starts
from jobmojito_batch.publish import check_target, write_results
from jobmojito_batch.sending import Clock, Pace, StopSignal, utc_now
from jobmojito_batch.settings import Settings, load_settings

PACE_KEY: Final = "letters"
TICK_SECONDS: Final = 0.5
_AFTER: Final = "interview_url"
_BEFORE: Final = (LetterState.SENT, LetterState.UNKNOWN, LetterState.CLAIMED)


class LettersObserver:
    """Who sees letters go out, and may be asked; this one is nobody."""

    def may_send(self, ready: "ReadyLetters") -> bool:  # noqa: ARG002
        """Whether to post what is ready."""
        return True

    def posting(self, counts: Mapping[LetterOutcome, int], total: int) -> None:
        """How far it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyLetters:
    """Letters that can be written and posted: everything was checked, nothing was written."""

    parameters: LettersParameters
    settings: Settings = field(repr=False)
    ledger: Ledger = field(repr=False)
    selected: Selected = field(repr=False)
    addressees: Addressees
    texts: Texts = field(repr=False)
    sender: Sender
    server: MailServer | None
    before: int
    """How many of them had this letter, or may have had it."""

    @property
    def people(self) -> Sequence[Addressee]:
        """Who gets a letter."""
        return self.addressees.people

    @property
    def languages(self) -> Counter[str]:
        """People by the language of their text."""
        return Counter(self._text_of(one).language for one in self.people)

    @property
    def in_english(self) -> int:
        """Those who get English for want of a text of their own language, or of a language."""
        return sum(
            self._text_of(one).language != (one.language or self.parameters.language)
            for one in self.people
        )

    def _text_of(self, one: Addressee) -> Text:
        return self.texts.of(one.language or self.parameters.language)

    def message(self, one: Addressee, message_id: str | None, at: datetime) -> EmailMessage:
        """Their letter; without an id as a draft."""
        return message_of(
            self._text_of(one).letter(one.values(self.sender)),
            sender=self.sender,
            name=one.name,
            address=one.address,
            at=at,
            message_id=message_id,
        )

    def check(self) -> None:
        """Raises SettingsError where a text has a blank for somebody, or cannot be filled in."""
        filled = [(self._text_of(one), one.values(self.sender), one.where) for one in self.people]
        check_filled(filled)
        for text, values, _ in filled:
            text.letter(values)

    def draft(self, one: Addressee, at: datetime) -> Draft:
        """Their draft, with its line of the table."""
        text = self._text_of(one)
        message = self.message(one, None, at)
        return Draft(
            folded_name=one.folded_name,
            message=message,
            line={
                "name": one.name,
                "first_name": one.first_name,
                "email": one.address,
                "language": text.language,
                "subject": str(message["Subject"]),
                "link": one.link,
                "position": one.position,
                "source": one.source,
                "row": one.row,
                "external_id": one.external_id,
                "text": Path(text.source).name,
            },
        )


def letters_settings(parameters: LettersParameters) -> Settings:
    """This machine's settings with what the parameters override. Raises SettingsError."""
    return load_settings(
        environment=parameters.environment,
        ledger=parameters.ledger,
        base_url=parameters.base_url,
        requests_per_second=parameters.rate,
        mail_from=parameters.sender,
    )


@contextmanager
def ready_letters(
    parameters: LettersParameters, *, settings: Settings | None = None
) -> Iterator[ReadyLetters]:
    """
    Letters that are checked, for as long as inside; nothing is written yet.

    Raises SettingsError, InputError, LedgerError and BatchError where somebody cannot be written to
    as it was asked for.
    """
    settings = settings or letters_settings(parameters)
    sender = Sender.read(settings.mail_from)
    texts = texts_of(parameters.step, _path(parameters.templates))
    server = _server(settings) if parameters.send else None
    if parameters.to is not None:
        check_folder(Path(parameters.to), replaces=parameters.replace or parameters.send)
    found = Ledger.open_existing(settings.ledger_url)
    if found is None:
        raise BatchError("there is no ledger yet, so nobody has a link: run `invite` first")
    with closing(found) as ledger:
        ledger.runs.settle_orphans()
        ledger.letters.settle_orphans()
        settings = as_spelt_in(ledger, settings)
        selected = _selected(parameters, settings, ledger)
        try:
            ready = _ready(parameters, settings, ledger, selected, sender, texts, server)
            ready.check()
            yield ready
        finally:
            selected.close()


def _path(text: str | None) -> Path | None:
    return Path(text) if text is not None else None


def _server(settings: Settings) -> MailServer:
    url = settings.smtp_url
    return MailServer.read(url.get_secret_value() if url is not None else None)


def _selected(parameters: LettersParameters, settings: Settings, ledger: Ledger) -> Selected:
    """The rows that are meant among the invitations of the account."""
    tokens = TokenSource(settings)
    token = tokens.current() if settings.has_token else None
    merchant = merchant_for(token, ledger, settings)
    every = ledger.addressed.of_token(settings.base_url, merchant, settings.environment)
    return select(parameters, settings, tokens, ledger, every)


def _ready(
    parameters: LettersParameters,
    settings: Settings,
    ledger: Ledger,
    selected: Selected,
    sender: Sender,
    texts: Texts,
    server: MailServer | None,
) -> ReadyLetters:
    addressees = addressees_of(selected, ledger, parameters.step)
    ids = [one.invitation_id for one in addressees.people]
    latest = ledger.letters.latest(ids, parameters.step)
    return ReadyLetters(
        parameters=parameters,
        settings=settings,
        ledger=ledger,
        selected=selected,
        addressees=addressees,
        texts=texts,
        sender=sender,
        server=server,
        before=sum(of.state in _BEFORE for of in latest.values()),
    )


# Carried out


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
    return write_drafts(folder, (ready.draft(one, at) for one in ready.people))


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
        [_to_post(ready, one) for one in ready.people],
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
    _write_results(ready, posting.posted)
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


def _to_post(ready: ReadyLetters, one: Addressee) -> ToPost:
    return ToPost(
        invitation_id=one.invitation_id,
        address=one.address,
        message=functools.partial(ready.message, one),
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
    return _postbox_of(ready.server or _server(ready.settings), ready.settings)


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
    postbox = _postbox_of(_server(settings), settings)
    try:
        await postbox.open()
    finally:
        await postbox.close()
    return sender


# What became of each row


def _write_results(ready: ReadyLetters, posted: Mapping[int, Posted]) -> None:
    """As the results, with what became of each letter after the link."""
    columns = _columns(ready.selected)
    letters = _as_frame(posted)

    def frames() -> Iterator[pl.DataFrame]:
        for rows in ready.selected.frames():
            first = rows.select(pl.when(IS_FIRST).then("invitation_id").alias("invitation_id"))
            beside = first.join(letters, on="invitation_id", how="left", maintain_order="left")
            shown = ready.selected.shown(rows).rename(_renamed)
            yield shown.hstack(beside.select(*LETTER_COLUMNS)).select(columns)

    write_results(ready.selected.target, frames(), columns)


def _columns(selected: Selected) -> list[str]:
    columns = [_renamed(name) for name in results_columns(selected.layouts)]
    at = columns.index(_AFTER) + 1
    return [*columns[:at], *LETTER_COLUMNS, *columns[at:]]


def _renamed(name: str) -> str:
    """A column of the input's own that is called like one of ours."""
    return f"input.{name}" if name in LETTER_COLUMNS else name


def _as_frame(posted: Mapping[int, Posted]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (of, posting.outcome.value, posting.message, posting.at)
            for of, posting in posted.items()
        ],
        schema={
            "invitation_id": pl.Int64,
            "letter_outcome": pl.String,
            "letter_message": pl.String,
            "letter_at": pl.Datetime("us"),
        },
        orient="row",
    ).with_columns(pl.col("letter_at").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))
