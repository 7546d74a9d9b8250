"""`person`: what the ledger knows of somebody, for eyes or as the answer to who asks for it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from jobmojito_batch.cli.console import print_json, show
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Ledger, StoredPerson, account_parts, named
from jobmojito_batch.normalise import address_in
from jobmojito_batch.pipeline import headed_cells
from jobmojito_batch.settings import Settings

Json = dict[str, Any]

_IDS: Final = {"candidate": "profile_interview_id", "position": "position_def_set_id"}
"""What JobMojito calls them by."""
_OF_RUNS: Final = ("layouts", "started_at")
"""What a row brings along of its run; the layout only to name its cells."""


def show_person(settings: Settings, text: str, *, shows_link: bool, as_json: bool) -> int:
    """Tell what is stored; that nothing is, is an answer too (exit 0). Raises BatchError."""
    email = typed_address(text)
    with Ledger.existing(settings.ledger_url) as ledger:
        person = ledger.access.of(email) if ledger is not None else StoredPerson(email=email)
    if as_json:
        print_json(_as_json(person, settings))
    else:
        for line in _lines(person, shows_link=shows_link):
            show(line)
    return ExitCode.OK


def typed_address(text: str) -> str:
    """An address as the inputs' are kept. Raises SettingsError where it is none."""
    email = address_in(text)
    if email is None:
        raise SettingsError(f"'{text}' is no e-mail address; give one, as ann@example.com")
    return email


# For eyes


def _lines(person: StoredPerson, *, shows_link: bool) -> Iterator[str]:
    if not person.is_known:
        yield f"{person.email}: the ledger has nothing of this person"
    else:
        yield f"{person.email}: {_count(len(person.invitations), 'invitation')}"
    for invitation in person.invitations:
        yield ""
        yield from _invitation_lines(person, invitation, shows_link=shows_link)
    yield from _row_lines(person)
    if person.mentioned:
        yield f"\nnamed also in {_count(person.mentioned, 'row')} of other people"
    if person.forgotten:
        yield (
            f"\nforgotten     a keyed hash of the address is all that is left, in "
            f"{_count(person.forgotten, 'row')} of the ledger: so that nobody invites them again"
        )


def _invitation_lines(person: StoredPerson, invitation: Json, *, shows_link: bool) -> Iterator[str]:
    base_url, merchant, environment = account_parts(invitation["position"]["account"])
    yield _position_name(person, invitation)
    yield f"  outcome     {invitation['outcome'] or 'none yet'}, {_moment(_when(invitation))}"
    if invitation["reason"]:
        yield f"  reason      {invitation['reason']}"
    for followup in invitation.get("followups", ()):
        yield f"  stage       {_stage(followup)}"
    for letter in invitation.get("letters", ()):
        yield f"  letter      {letter['step']}, {letter['state']}, {_moment(letter['claimed_at'])}"
    if link := invitation["interview_url"]:
        yield f"  link        {link if shows_link else 'there is one; --show-link shows it'}"
    for label, name in _IDS.items():
        if invitation[name]:
            yield f"  {label:<11} {invitation[name]}"
    whose = f", merchant {merchant}" if merchant else ""
    yield f"  account     {base_url}{whose}, environment {environment}"
    yield f"  run         {invitation['run_id']}, {_count(len(invitation['attempts']), 'call')}"


def _row_lines(person: StoredPerson) -> Iterator[str]:
    if person.rows:
        yield "\nrows that were read"
    for row in person.rows:
        why = f", {row['error_code']}" if row["error_code"] else ""
        yield (
            f"  {_moment(row['started_at'])}  {row['source']} row {row['row']}: "
            f"{row['outcome'] or 'no outcome yet'}{why}"
        )


def _position_name(person: StoredPerson, invitation: Json) -> str:
    """As the latest row writes it; else what the position goes by."""
    names = [
        row["position_name"]
        for row in person.rows
        if row["position_id"] == invitation["position_id"] and row["position_name"]
    ]
    keys = [key.partition(":")[2] for key in invitation["keys"]]
    return str(next(iter([*reversed(names), *keys]), "a position without a name"))


def _stage(followup: Json) -> str:
    parts = [followup["stage"].replace("_", " ")]
    parts += [f"since {_moment(followup['stage_since'])}"] if followup["stage_since"] else []
    parts += [followup["decision"]] if followup["decision"] else []
    parts += [f"score {followup['score']:g}"] if followup["score"] is not None else []
    return f"{', '.join(parts)} (looked at {_moment(followup['checked_at'])})"


def _when(invitation: Json) -> datetime:
    moment: datetime = invitation["settled_at"] or invitation["claimed_at"]
    return moment


def _moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


# For who asks for it


def _as_json(person: StoredPerson, settings: Settings) -> Json:
    """All that is stored, by the ledger's own names; the cells by the headers of their file."""
    stored: Json = _plain(
        {
            "schema_version": 1,
            "email": person.email,
            "ledger": named(settings.ledger_url),
            "is_known": person.is_known,
            "invitations": [
                {"position_name": _position_name(person, invitation)} | invitation
                for invitation in person.invitations
            ],
            "rows": [
                {name: value for name, value in row.items() if name not in _OF_RUNS}
                | {"run_started_at": row["started_at"], "cells": _cells(row)}
                for row in person.rows
            ],
            "rows_of_others_with_the_address": person.mentioned,
            "forgotten_rows": person.forgotten,
        }
    )
    return stored


def _cells(row: Json) -> dict[str, str]:
    return headed_cells(row["cells"], row["source"], row["layouts"])


def _plain(value: Any) -> Any:  # noqa: ANN401 - what a database holds
    """The same with its times as texts, which are UTC."""
    match value:
        case datetime():
            return value.replace(tzinfo=UTC).isoformat()
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case _:
            return value
