"""Letters that are ready: who gets one, in which words, as whom; nothing is written yet."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from jobmojito_batch.client import TokenSource
from jobmojito_batch.ledger import Ledger, LetterState
from jobmojito_batch.letters.drafts import Draft, check_folder
from jobmojito_batch.letters.mail import Sender, message_of, new_id
from jobmojito_batch.letters.texts import Text, Texts, check_filled, texts_of
from jobmojito_batch.parameters import LettersParameters
from jobmojito_batch.pipeline.accounts import as_spelt_in, known_ledger, merchant_for
from jobmojito_batch.pipeline.invited_rows import select
from jobmojito_batch.pipeline.letters.addressees import Addressee, Addressees, addressees_of
from jobmojito_batch.pipeline.letters.mail_server import mail_server
from jobmojito_batch.pipeline.selected import Selected
from jobmojito_batch.settings import Settings, load_settings

_BEFORE: Final = (LetterState.SENT, LetterState.UNKNOWN, LetterState.CLAIMED)


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
    before: int
    """How many of them had this letter, or may have had it."""

    @property
    def people(self) -> Sequence[Addressee]:
        """Who gets a letter."""
        return self.addressees.people

    @property
    def languages(self) -> Counter[str]:
        """People by the language of their text."""
        return Counter(self._text_of(person).language for person in self.people)

    @property
    def in_english(self) -> int:
        """Those who get English for want of a text of their own language, or of a language."""
        return sum(
            self._text_of(person).language != (person.language or self.parameters.language)
            for person in self.people
        )

    def _text_of(self, person: Addressee) -> Text:
        return self.texts.of(person.language or self.parameters.language)

    def message(self, person: Addressee, message_id: str | None, at: datetime) -> EmailMessage:
        """Their letter; without an id as a draft."""
        return message_of(
            self._text_of(person).letter(person.values(self.sender)),
            sender=self.sender,
            name=person.name,
            address=person.address,
            at=at,
            message_id=message_id,
        )

    def new_id(self) -> str:
        """The id of a letter that is about to be posted."""
        return new_id(self.sender)

    def check(self) -> None:
        """Raises SettingsError where a text has a blank for somebody, or cannot be filled in."""
        filled = [
            (self._text_of(person), person.values(self.sender), person.where)
            for person in self.people
        ]
        check_filled(filled)
        for text, values, _ in filled:
            text.letter(values)

    def draft(self, person: Addressee, at: datetime) -> Draft:
        """Their draft, with its line of the table."""
        text = self._text_of(person)
        message = self.message(person, None, at)
        return Draft(
            folded_name=person.folded_name,
            message=message,
            line={
                "name": person.name,
                "first_name": person.first_name,
                "email": person.address,
                "language": text.language,
                "subject": str(message["Subject"]),
                "link": person.link,
                "position": person.position,
                "source": person.source,
                "row": person.row,
                "external_id": person.external_id,
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
    if parameters.send:
        mail_server(settings)
    if parameters.to is not None:
        check_folder(Path(parameters.to), replaces=parameters.replace or parameters.send)
    with known_ledger(settings) as ledger:
        ledger.runs.settle_orphans()
        ledger.letters.settle_orphans()
        settings = as_spelt_in(ledger, settings)
        with _addressed(parameters, settings, ledger) as (selected, addressees):
            ready = ReadyLetters(
                parameters=parameters,
                settings=settings,
                ledger=ledger,
                selected=selected,
                addressees=addressees,
                texts=texts,
                sender=sender,
                before=_written_to_before(addressees, parameters, ledger),
            )
            ready.check()
            yield ready


@contextmanager
def _addressed(
    parameters: LettersParameters, settings: Settings, ledger: Ledger
) -> Iterator[tuple[Selected, Addressees]]:
    """The rows that are meant among the invitations of the account, and who of them gets one."""
    tokens = TokenSource(settings)
    token = tokens.current() if settings.has_token else None
    merchant = merchant_for(token, ledger, settings)
    every = ledger.followups.of_token(settings.base_url, merchant, settings.environment)
    selected = select(parameters, settings, tokens, ledger, every, word="letters")
    with closing(selected):
        yield selected, addressees_of(selected, every, parameters.step)


def _written_to_before(
    addressees: Addressees, parameters: LettersParameters, ledger: Ledger
) -> int:
    ids = [person.invitation_id for person in addressees.people]
    latest = ledger.letters.latest(ids, parameters.step)
    return sum(letter.state in _BEFORE for letter in latest.values())


def _path(text: str | None) -> Path | None:
    return Path(text) if text is not None else None
