"""Plain values that cross the borders between rooms. No `repr` of them shows a person."""

from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """What reading found out about an input; the plan shows it, so that a person can object."""

    kind: str
    """CSV, workbook, Parquet or NDJSON."""
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    """The number that a person sees; None where the format has no header row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDoubt:
    """
    Something of an input that the plan is not sure of; a person sees it before anything is sent.

    Its texts quote headers and settings, never a cell of a person; only its examples do.
    """

    kind: str
    """What it is about, in a word or two, for alerts: `missing column`, `encoding`, …"""
    source: str
    """The input; empty where it is about all of them."""
    sentence: str
    """What was seen, and what it would come to."""
    option: str
    """What settles it: an option to copy, or what to do to the file."""
    rows: tuple[int, ...] = ()
    """The first rows that it is about, as a person counts them; none where it is about a column."""
    holds: bool = True
    """Where nobody is asked, nothing of the input is sent; else it is a warning in the plan."""
    lacks: str = ""
    """The field that no column gives: said here once, and not again for each row."""
    examples: tuple[str, ...] = field(default=(), repr=False)
    """Cells that show it: for the eyes of the person who is asked, in no log, alert or file."""

    @property
    def text(self) -> str:
        """All of it in one line."""
        where = f"{self.source}: " if self.source else ""
        rows = f" (row{'s' if len(self.rows) > 1 else ''} {', '.join(map(str, self.rows))})"
        return f"{where}{self.sentence}{rows if self.rows else ''}; {self.option}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    One input as text, lazily.

    Columns of `frame`: `row` (UInt32), `cell:0` … `cell:N` (String), `overflow` (String).
    """

    source: str
    """What messages and results call the input: its file name."""
    headers: tuple[str, ...]
    """The headers as written, in column order; `cell:i` belongs to `headers[i]`."""
    frame: pl.LazyFrame = field(repr=False)
    delimiter: str = ","
    """What the errors file uses: the input's own for a CSV, a comma for everything else."""
    detected: Detected = Detected(kind="CSV")
    notes: tuple[str, ...] = ()
    """Sentences for the plan: what was left out above and below the rows, what was a guess."""
    doubts: tuple[InputDoubt, ...] = ()
    """What reading it was not sure of."""
    folder: str | None = field(default=None, repr=False)
    """Where the input lies, for files that its cells name; None for a remote one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderMap:
    """Which column of an input is which field, and what happens to the others."""

    fields: dict[str, int]
    """Request member, RESUME_FILE, FIRST_NAME or LAST_NAME → column number."""
    carried: tuple[int, ...]
    """Columns that nobody claims: they go into the results under their own headers."""
    dropped: tuple[int, ...] = ()
    """
    Columns that are neither used nor carried: ignored by `--map "X="`, our own error columns of a
    corrected errors file, and columns that hold a résumé but lost it to a better-ranked one
    (results hold no résumé text).
    """
    offers: tuple[tuple[int, str], ...] = ()
    """Carried columns that look like a field that no column gives, and that field."""
    notes: tuple[str, ...] = ()
    """Sentences for the plan, such as a column that lost its field to a better-ranked one."""
    doubts: tuple[InputDoubt, ...] = ()
    """What the headers leave open; without the source, which the table knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One broken rule of one row, as a person reads it."""

    code: str
    """An ErrorCode."""
    field: str
    """The request member at fault."""
    message: str
    """What was seen and what to do; quotes no e-mail, name or résumé."""
