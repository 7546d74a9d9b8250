"""What a column that nobody claims says against inviting somebody: told, never decided here."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX, ROW, SOURCE
from jobmojito_batch.normalise import header_keys
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.records import InputDoubt

EXAMPLES: Final = 3
_YES: Final = r"yes|y|true|1|x|ja|oui|s[ií]|[áa]no|tak|wahr|vrai"
_NO: Final = r"no|n|false|0|nein|non|nie|ne|falsch|faux|denied|refused|revoked|withdrawn|expired"
_ENDED: Final = (
    r".*\b(?:rejected|declined|withdrawn|withdrew|disqualified|not interested|do not contact|"
    r"blacklisted|hired|abgelehnt|abgesagt|zurückgezogen|eingestellt|zamietnut\w+|zamítnut\w+|"
    r"odmietnut\w+|odmítnut\w+|refus[ée]e?|retir[ée]e?|rechazad[oa]|odrzucon[ya]|rifiutat[oa])\b.*"
)


class _Objection(NamedTuple):
    headers: str
    """What such a column is called, as `header_keys` folds it."""
    cells: str
    """What a cell says that speaks against it."""
    meaning: str


_OBJECTIONS: Final = (
    _Objection(
        r"(?:is)?(?:unsubscribed|opted?out|donot(?:contact|email|mail|call)|dnc|blacklisted|"
        r"abgemeldet|nichtkontaktieren|desabonne)(?:of|from)?(?:emails?)?",
        _YES,
        "nobody is to write to them",
    ),
    _Objection(
        r"(?:gdpr|dsgvo|rgpd|data|privacy|has|candidate)*(?:consent|einwilligung|suhlas|souhlas|"
        r"zgoda|consentement|consentimiento|optin)(?:given|status|gdpr)?",
        _NO,
        "there is no consent",
    ),
    _Objection(
        r"(?:candidate|application|applicant|current|bewerbungs?|bewerber)?(?:status|stage|stav|"
        r"statut|estado|disposition)",
        _ENDED,
        "somebody was turned down, has withdrawn or has been hired",
    ),
)


def objections(prepared: Path, layouts: Sequence[Layout]) -> Iterator[InputDoubt]:
    """Columns such as `Unsubscribed` and `Status` with cells that speak against an invitation."""
    for layout in layouts:
        keys = header_keys(layout.headers)
        for column in layout.carried:
            for objection in _OBJECTIONS:
                if re.fullmatch(objection.headers, keys[column]):
                    yield from _told(prepared, layout, column, objection)


def _told(
    prepared: Path, layout: Layout, column: int, objection: _Objection
) -> Iterator[InputDoubt]:
    cell = pl.col(f"{CELL_PREFIX}{column}").str.strip_chars()
    against = (
        pl.scan_parquet(prepared)
        .filter(
            (pl.col(SOURCE) == layout.source)
            & cell.str.to_lowercase().str.contains(f"^(?:{objection.cells})$")
        )
        .select(ROW, cell.alias("cell"))
        .collect(engine="streaming")
    )
    if against.is_empty():
        return
    count = f"{against.height} rows say" if against.height > 1 else "1 row says"
    yield InputDoubt(
        kind="objection",
        source=layout.source,
        sentence=f"'{layout.headers[column]}': {count} that {objection.meaning}; this column "
        "decides nothing here, they are invited like the others",
        option="take out of the file who is not to be invited",
        rows=tuple(against[ROW][:EXAMPLES]),
        holds=False,
        examples=tuple(against["cell"].unique(maintain_order=True)[:EXAMPLES]),
    )
