"""Who gets a letter: those among the selected rows who have a link, and are as far as it says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from jobmojito_batch.columns import LetterStep
from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import Followed
from jobmojito_batch.letters.mail import Sender
from jobmojito_batch.letters.texts import Values
from jobmojito_batch.normalise import first_name
from jobmojito_batch.normalise.languages import key as language_key
from jobmojito_batch.normalise.languages import lookup as language_lookup
from jobmojito_batch.normalise.text import folded
from jobmojito_batch.pipeline.report import laid_out_results
from jobmojito_batch.pipeline.selected import IS_FIRST, Selected
from jobmojito_batch.pipeline.source_layout import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """One person and one invitation; no repr shows either."""

    invitation_id: int
    source: str
    row: int
    name: str
    first_name: str
    folded_name: str
    """The name in plain letters, for a file's name."""
    address: str
    language: str | None
    position: str
    link: str
    external_id: str

    def __repr__(self) -> str:
        return f"<Addressee {self.invitation_id}>"

    @property
    def where(self) -> str:
        """Where the row stands, for messages."""
        return f"row {self.row} of {self.source}"

    def values(self, sender: Sender) -> Values:
        """What fills a text for them."""
        return Values(
            name=self.name,
            first_name=self.first_name,
            email=self.address,
            position=self.position,
            link=self.link,
            external_id=self.external_id,
            sender=sender.signs_as,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressees:
    """Who gets a letter, in the order of the rows."""

    people: Sequence[Addressee]
    not_looked_at: int = 0
    """Those with a link whom no look has reached: nobody knows how far they are."""


def addressees_of(selected: Selected, every: Sequence[Followed], step: LetterStep) -> Addressees:
    """
    Those of the selected rows for whom a step is.

    *every* is what the last look has found. Raises BatchError if nobody has looked.
    """
    linked = list(_with_link(selected))
    if step is LetterStep.INVITED:
        return Addressees(people=linked)
    looks = {of.invitation_id: of.last for of in every if of.last is not None}
    looked_at = [addressee for addressee in linked if addressee.invitation_id in looks]
    if linked and not looked_at:
        raise BatchError(
            f"nobody was looked at yet, so nobody is known to be {step}: run "
            "`jobmojito-batch followup` first"
        )
    # A step is called as the stage of those whom it is for; who is decided on needs no reminder.
    people = [
        addressee
        for addressee in looked_at
        if looks[addressee.invitation_id].stage.value == step.value
        and looks[addressee.invitation_id].decision is None
    ]
    return Addressees(people=people, not_looked_at=len(linked) - len(looked_at))


def _with_link(selected: Selected) -> Iterator[Addressee]:
    """The first row of each invitation that shows a link."""
    for rows in selected.frames():
        shown = laid_out_results(rows, selected.layouts)
        frame = pl.DataFrame(
            [
                rows.get_column("invitation_id"),
                rows.get_column(IS_FIRST),
                *(shown.get_column(name) for name in _READ),
                *_spoken_to(rows, selected.layouts),
            ]
        ).filter(pl.col(IS_FIRST) & pl.col("interview_url").is_not_null())
        for row in frame.iter_rows(named=True):
            yield _addressee(row)


def _spoken_to(rows: pl.DataFrame, layouts: Sequence[Layout]) -> pl.DataFrame:
    """How the people of these rows are spoken to: first_name, language, folded_name."""
    name = pl.col("candidate_name")
    frame = rows.select(
        first_name(_first_cell(layouts), name).alias("first_name"),
        language_key(_language(rows, layouts)).alias("key"),
        folded(name).alias("folded_name"),
    )
    codes = language_lookup().rename({"code": "language"})
    return frame.join(codes, on="key", how="left", maintain_order="left").drop("key")


def _first_cell(layouts: Sequence[Layout]) -> pl.Expr | None:
    """The cell of the first name, where an input has one."""
    name_cell: pl.Expr | None = None
    for layout in layouts:
        if layout.first_name is not None:
            cell = pl.col("cells").str.json_path_match(f"$['{layout.first_name}']")
            mine = pl.when(pl.col("source") == layout.source).then(cell)
            name_cell = mine if name_cell is None else pl.coalesce(name_cell, mine)
    return name_cell


def _language(rows: pl.DataFrame, layouts: Sequence[Layout]) -> pl.Expr:
    """The language of a row: as it was read, else its cell."""
    language = pl.col(_LANGUAGE) if _LANGUAGE in rows.columns else pl.lit(None, pl.String)
    for layout in layouts:
        number = layout.fields.get(_LANGUAGE)
        if number is not None:
            cell = pl.col("cells").str.json_path_match(f"$['{number}']")
            language = pl.coalesce(language, pl.when(pl.col("source") == layout.source).then(cell))
    return language


_LANGUAGE: Final = "mojito_language_code"
_READ: Final = (
    "source", "row", "candidate_name", "candidate_email", "position_name", "interview_url",
    "candidate_external_id",
)  # fmt: skip


def _addressee(row: dict[str, Any]) -> Addressee:
    name = " ".join((row["candidate_name"] or "").split())
    return Addressee(
        invitation_id=row["invitation_id"],
        source=row["source"] or "",
        row=row["row"] or 0,
        name=name,
        first_name=row["first_name"] or name,
        folded_name=row["folded_name"] or "",
        address=row["candidate_email"],
        language=row["language"],
        position=row["position_name"] or "",
        link=row["interview_url"],
        external_id=row["candidate_external_id"] or "",
    )
