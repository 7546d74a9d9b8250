"""The table of jobs of `--positions`: read, laid beside the rows, and what there is to say."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from jobmojito_batch.columns import OVERFLOW, POSITION_KEY, ROW, SOURCE
from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.intake import RaggedRowsError, input_faults, read_inputs
from jobmojito_batch.normalise import (
    DATE,
    JOB_KEYS,
    JOB_PROBLEM,
    JOB_ROW,
    SEVERAL_JOBS,
    Jobs,
    date_order,
    is_of_candidate,
    job_faults,
    jobs_of,
    map_job_headers,
    overrides_for,
    says_of_a_job,
)
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.records import HeaderMap, InputDoubt, Table

EXAMPLES: Final = 3
MOST_NAMED: Final = 5
POSITION_NAME: Final = "position_name"
_CELLS: Final = r"^cell:\d+$"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTable:
    """A table of jobs as it was read."""

    table: Table
    """Its rows in memory."""
    mapping: HeaderMap
    jobs: Jobs = field(repr=False)
    faults: Mapping[int, str]
    """What is wrong with its values, by row; it matters where a candidate has that job."""

    @property
    def content(self) -> str:
        """A hash of headers and cells: filled from another table, rows are other rows."""
        return _content(self.table)

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Each header, and the field it fills; `ignored` for what it does not."""
        fields = {number: name for name, number in self.mapping.fields.items()}
        return [
            (header, fields.get(number, "ignored"))
            for number, header in enumerate(self.table.headers)
        ]

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the table is not used."""
        idle = [f"'{self.table.headers[i]}'" for i in self.mapping.carried if self.table.headers[i]]
        says = f"nobody claims {', '.join(idle)}, so no row is filled from there"
        return (*self.table.notes, *self.mapping.notes, *([says] if idle else []))


def read_jobs(
    parameters: InviteParameters, scratch: Path, *, headers: Sequence[str], max_characters: int
) -> JobTable | None:
    """
    The table that the parameters name; None where they name none.

    *headers* are those of the candidates, whose columns `--map` means first. Raises SettingsError:
    what is wrong with it is no input's fault.
    """
    if parameters.positions is None:
        return None
    table = _read(parameters.positions, parameters.mapping, scratch)
    overrides = job_overrides(table.headers, parameters.mapping, headers)
    try:
        mapping = map_job_headers(table.headers, overrides=overrides)
        _check_keys(table, mapping)
        orders = {}
        if DATE in mapping.fields:
            orders = {DATE: date_order(table.frame, f"cell:{mapping.fields[DATE]}")}
        jobs = jobs_of(table, mapping, date_orders=orders)
    except (InputError, SettingsError) as exc:
        raise SettingsError(f"--positions {_name(table)}: {exc}") from None
    return JobTable(
        table=table, mapping=mapping, jobs=jobs, faults=job_faults(jobs, max_characters)
    )


def content_of_jobs(parameters: InviteParameters, scratch: Path) -> str:
    """The hash of the table that the parameters name; empty for none. Raises SettingsError."""
    if parameters.positions is None:
        return ""
    return _content(_read(parameters.positions, parameters.mapping, scratch))


def job_overrides(
    headers: Sequence[str], overrides: Mapping[str, str], of_candidates: Sequence[str]
) -> dict[str, str]:
    """
    The overrides that are meant for a table of jobs.

    None that says a candidate's field; of a header that the candidates have too one that says a
    field of the job, where the table's header says nothing by itself.
    """
    own = overrides_for(headers, overrides)
    theirs = overrides_for(of_candidates, overrides)
    return {
        header: field
        for header, field in own.items()
        if not is_of_candidate(field)
        and (header not in theirs or (field and not says_of_a_job(header)))
    }


def _read(place: str, overrides: Mapping[str, str], scratch: Path) -> Table:
    """The one table at *place*, its rows in memory. Raises SettingsError."""
    try:
        try:
            return _collected(place, overrides, scratch, is_ragged=False)
        except RaggedRowsError:
            return _collected(place, overrides, scratch, is_ragged=True)
    except (InputError, SettingsError) as exc:
        raise SettingsError(f"--positions {exc}") from exc.__cause__


def _collected(
    place: str, overrides: Mapping[str, str], scratch: Path, *, is_ragged: bool
) -> Table:
    tables = read_inputs([place], scratch=scratch, overrides=overrides, is_ragged=is_ragged)
    if len(tables) != 1:
        raise SettingsError(f"{place}: {len(tables)} files; name the one with the jobs")
    [table] = tables
    with input_faults(table.source):
        rows = table.frame.collect()
    wide = rows.filter(pl.col(OVERFLOW).str.strip_chars() != "")[ROW]
    if len(wide):
        raise InputError(f"{table.source}: row {wide[0]} has more cells than there are headers")
    source = f"positions {table.source}"
    doubts = tuple(replace(_of_jobs(doubt), source=source) for doubt in table.doubts)
    return replace(table, source=source, frame=rows.lazy(), doubts=doubts)


def _of_jobs(doubt: InputDoubt) -> InputDoubt:
    """--hidden-rows is about candidates."""
    if doubt.kind != "hidden rows":
        return doubt
    return replace(doubt, option="show them in the sheet where they are meant")


def _name(table: Table) -> str:
    return table.source.removeprefix("positions ")


def _content(table: Table) -> str:
    cells = table.frame.collect().select(pl.col(_CELLS)).write_csv(include_header=False)
    return hashlib.sha256("\x1f".join([*table.headers, cells]).encode()).hexdigest()


def _check_keys(table: Table, mapping: HeaderMap) -> None:
    if not set(JOB_KEYS) & set(mapping.fields):
        shown = ", ".join(f"'{header}'" for header in table.headers if header.strip())
        raise InputError(
            f"no column gives {', '.join(JOB_KEYS[1:])} or {JOB_KEYS[0]}, by which a row's job is "
            f'found (its headers: {shown}); say --map "HEADER={POSITION_NAME}"'
        )


# What there is to say


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsSaid:
    """What the rows and the table of jobs say of each other."""

    doubts: tuple[InputDoubt, ...]
    notes: tuple[str, ...]


def jobs_said(prepared: Path, jobs: JobTable) -> JobsSaid:
    """Jobs that the table has not, has twice or calls otherwise, and its rows nobody has."""
    name = pl.col(POSITION_NAME) if POSITION_NAME in _names(prepared) else pl.lit(None, pl.String)
    positions = (
        pl.scan_parquet(prepared)
        .filter(pl.col(POSITION_KEY).is_not_null())
        .group_by(SOURCE, JOB_ROW, JOB_PROBLEM, POSITION_KEY)
        .agg(pl.len().alias("rows"), pl.col(ROW).min(), name.first().alias("name"))
        .collect(engine="streaming")
        .sort(SOURCE, ROW)
    )
    lost = positions.filter(pl.col(JOB_ROW).is_null())
    doubts = [
        _lost(source, problem, jobs, group)
        for (source, problem), group in lost.group_by(SOURCE, JOB_PROBLEM, maintain_order=True)
    ]
    used = set(positions[JOB_ROW].drop_nulls())
    return JobsSaid(
        doubts=(*jobs.table.doubts, *doubts, *_faulty(jobs, used)),
        notes=tuple(_unused(jobs, used)),
    )


def _names(prepared: Path) -> list[str]:
    return pl.scan_parquet(prepared).collect_schema().names()


def _lost(source: Any, problem: Any, jobs: JobTable, rows: pl.DataFrame) -> InputDoubt:  # noqa: ANN401
    """Rows of one input whose job is not to be had from the table, and why."""
    count, table = rows["rows"].sum(), _name(jobs.table)
    named = ", ".join(f"'{_called(row)}'" for row in rows.head(MOST_NAMED).iter_rows(named=True))
    more = f" and {rows.height - MOST_NAMED} more" if rows.height > MOST_NAMED else ""
    why, option = {
        None: (
            f"of jobs that {table} does not have",
            "add these jobs to the table, or correct their names or ids",
        ),
        SEVERAL_JOBS: (
            f"of jobs that {table} has several of by that name or id",
            "give the rows the id of their job, or keep one of each in the table",
        ),
    }.get(
        problem,
        (
            f"whose job has another name or id in {table}",
            "correct the names or ids, in the file or in the table",
        ),
    )
    return InputDoubt(
        kind="positions",
        source=str(source),
        sentence=f"{count} row{'s are' if count > 1 else ' is'} {why} ({named}{more}), so nothing "
        "is filled there",
        option=option,
        rows=tuple(rows[ROW][:EXAMPLES]),
        holds=problem is not None,
    )


def _called(row: Mapping[str, Any]) -> str:
    kind, _, key = row[POSITION_KEY].partition(":")
    named = [str(row["name"])] if row["name"] else []
    return ", ".join([*named, *([key] if kind != "name" else [])])


def _faulty(jobs: JobTable, used: set[int]) -> Iterator[InputDoubt]:
    rows = [row for row in jobs.faults if row in used]
    if rows:
        yield InputDoubt(
            kind="positions",
            source=jobs.table.source,
            sentence="; ".join(f"row {row}: {jobs.faults[row]}" for row in rows[:EXAMPLES]),
            option="correct the table: candidates have these jobs",
            rows=tuple(rows[:EXAMPLES]),
        )


def _unused(jobs: JobTable, used: set[int]) -> Iterator[str]:
    rows = [row for row in jobs.jobs.frame[ROW] if row not in used]
    if rows:
        shown = ", ".join(map(str, rows[:MOST_NAMED])) + (", …" if len(rows) > MOST_NAMED else "")
        yield (
            f"{len(rows)} of its {jobs.jobs.frame.height} jobs are nobody's here "
            f"(row{'s' if len(rows) > 1 else ''} {shown})"
        )
