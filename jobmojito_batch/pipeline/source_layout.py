"""What an input looked like: kept with the run, so that its files can be written again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final, Self

from jobmojito_batch.columns import FIRST_NAME, RESULT_COLUMNS, SHOWN_FIELDS
from jobmojito_batch.normalise import EVERY_ROW, first_name_column
from jobmojito_batch.records import HeaderMap, Table

TEMPLATE: Final = "interview_template_id"
DURATION: Final = "max_duration"
PRICED_BY: Final = (TEMPLATE, DURATION)
"""The fields that decide what a row costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The headers of one input and what became of them."""

    source: str
    headers: tuple[str, ...]
    delimiter: str
    fields: dict[str, int]
    carried: tuple[int, ...]
    dropped: tuple[int, ...]
    given: dict[str, str] = field(default_factory=dict)
    """What `--set` gave of PRICED_BY: nothing else of it is kept."""

    @classmethod
    def of(cls, table: Table, mapping: HeaderMap, values: Mapping[str, str]) -> Self:
        """The layout of a table that was mapped, of a run with these *values* of `--set`."""
        return cls(
            source=table.source,
            headers=table.headers,
            delimiter=table.delimiter,
            fields=dict(mapping.fields),
            carried=mapping.carried,
            dropped=mapping.dropped,
            given={k: v for k, v in values.items() if k.removesuffix(EVERY_ROW) in PRICED_BY},
        )

    def value_in(self, cells: Mapping[str, str], name: str) -> str | None:
        """A field of PRICED_BY as a row with these kept *cells* has it (a table of jobs aside)."""
        if name + EVERY_ROW in self.given:
            return self.given[name + EVERY_ROW]
        cell = cells.get(str(self.fields[name])) if name in self.fields else None
        return cell if cell and cell.strip() else self.given.get(name)

    @property
    def kept(self) -> tuple[int, ...]:
        """Columns whose cells the ledger may keep: all but those that hold a résumé."""
        resume = self.fields.get("candidate_resume")
        return tuple(
            number
            for number in range(len(self.headers))
            if number != resume and number not in self.dropped
        )

    @property
    def first_name(self) -> int | None:
        """The column of first names, whether or not the full name is made of it."""
        at = self.fields.get(FIRST_NAME, first_name_column(self.headers))
        return at if at in self.kept else None

    @property
    def carried_over(self) -> tuple[int, ...]:
        """Columns that stand in the results: those kept, but for one that ours shows already."""
        shown = {
            number
            for field, number in self.fields.items()
            if field in SHOWN_FIELDS and self.headers[number].strip() == field
        }
        return tuple(number for number in self.kept if number not in shown)


def to_json(layouts: Sequence[Layout]) -> str:
    """Layouts as JSON text for the ledger."""
    return json.dumps([asdict(layout) for layout in layouts], ensure_ascii=False)


def from_json(text: str) -> list[Layout]:
    """Layouts back from the ledger."""
    return [
        Layout(
            source=layout["source"],
            headers=tuple(layout["headers"]),
            delimiter=layout["delimiter"],
            fields=layout["fields"],
            carried=tuple(layout["carried"]),
            dropped=tuple(layout["dropped"]),
            given=layout.get("given", {}),
        )
        for layout in json.loads(text)
    ]


def sources_in(layouts: str) -> list[str]:
    """The names of the inputs that a run of the ledger read."""
    return [layout.source for layout in from_json(layouts)]


def headed_cells(cells: str, source: str, layouts: str) -> dict[str, str]:
    """The original cells of a row of the ledger by header; one that comes again is counted."""
    headers = next((layout.headers for layout in from_json(layouts) if layout.source == source), ())
    named: dict[str, str] = {}
    for number, value in json.loads(cells).items():
        at = int(number)
        header = (headers[at].strip() if at < len(headers) else "") or f"column {at + 1}"
        count = sum(name.partition("\0")[0] == header for name in named)
        named[f"{header}\0{count + 1}" if count else header] = value
    return {name.replace("\0", " "): value for name, value in named.items()}


def input_columns(layouts: Sequence[Layout]) -> tuple[list[str], list[dict[int, str]]]:
    """
    The result columns of the inputs' own, and for each layout its cell number → column.

    In the order in which they come first. A header that is taken gets the prefix `input.`; inputs
    that have one header share a column.
    """
    names: dict[str, None] = {}
    maps: list[dict[int, str]] = []
    for layout in layouts:
        mine: dict[int, str] = {}
        for number in layout.carried_over:
            mine[number] = _free_name(layout.headers[number], number, taken=set(mine.values()))
        names |= dict.fromkeys(mine.values())
        maps.append(mine)
    return list(names), maps


def _free_name(header: str, number: int, *, taken: set[str]) -> str:
    name = header.strip() or f"column {number + 1}"
    if name not in RESULT_COLUMNS and name not in taken:
        return name
    prefixed = f"input.{name}"
    count = 2
    candidate = prefixed
    while candidate in taken:
        candidate = f"{prefixed}.{count}"
        count += 1
    return candidate


def error_columns(layouts: Sequence[Layout]) -> tuple[list[str], list[dict[int, int]]]:
    """
    The headers of the errors file, and for each layout its cell number → place in it.

    One layout keeps its own columns; several are laid over one another by header, the n-th of a
    name on the n-th.
    """
    headers: list[str] = []
    places: dict[tuple[str, int], int] = {}
    maps: list[dict[int, int]] = []
    for layout in layouts:
        mine: dict[int, int] = {}
        seen: dict[str, int] = {}
        for number, header in enumerate(layout.headers):
            if header in {"error_code", "error_field", "error_message"}:
                continue  # a corrected errors file: they are written anew
            seen[header] = seen.get(header, 0) + 1
            key = (header, seen[header])
            if key not in places:
                places[key] = len(headers)
                headers.append(header)
            mine[number] = places[key]
        maps.append(mine)
    return _with_named_end(headers), maps


def _with_named_end(headers: Sequence[str]) -> list[str]:
    """A blank for a name where the last columns have none: what follows without one is overflow."""
    end = len(headers)
    while end and not headers[end - 1].strip():
        end -= 1
    return [*headers[:end], *(header or " " for header in headers[end:])]
