"""Inputs become the prepared rows of a run: read, mapped, normalised, spooled."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX, ERROR_COLUMNS, ORDINAL, RESUME_FILE
from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.intake import RaggedRowsError, input_faults, read_inputs
from jobmojito_batch.normalise import (
    DATE,
    EVERY_ROW,
    RESUME,
    DateOrder,
    column_roles,
    date_order,
    holds_entity,
    is_file_name,
    map_headers,
    missing_columns,
    normalise,
    overrides_for,
)
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.contradictions import settle_contradictions
from jobmojito_batch.pipeline.layout import Layout
from jobmojito_batch.pipeline.resume_files import ResumeFiles
from jobmojito_batch.pipeline.spool import Spool
from jobmojito_batch.records import Detected, HeaderMap, InputDoubt, Table
from jobmojito_batch.settings import Settings

SAMPLE_ROWS: Final = 1_000
"""Rows whose résumé cells are looked at, whether they name files."""
GROUP_ROWS: Final = 10_000
"""Rows of a row group of the prepared file: few groups, or its footer grows with the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputView:
    """What a person is shown of an input before anything is sent."""

    source: str
    detected: Detected
    columns: tuple[tuple[str, str], ...]
    """Each header as written, and its field, `carried` or `ignored`."""
    notes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The inputs of a run, whose rows lie in the spool."""

    layouts: tuple[Layout, ...]
    views: tuple[InputView, ...]
    doubts: tuple[InputDoubt, ...] = ()
    """What the inputs leave open, those that hold an unattended run first."""

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of all inputs, each with its source."""
        return tuple(f"{view.source}: {note}" for view in self.views for note in view.notes)

    @property
    def mapping(self) -> dict[str, str]:
        """Header → field of all inputs, `""` where a column is ignored: what --mapping reads."""
        fields = {
            header: "" if role == "ignored" else role
            for view in self.views
            for header, role in view.columns
            if role != "carried" and header and header not in ERROR_COLUMNS
        }
        return dict(sorted(fields.items(), key=lambda pair: pair[1] == ""))


def read_rows(parameters: InviteParameters, settings: Settings, spool: Spool) -> Inputs:
    """
    Write the prepared frame of all inputs (docs/architecture.md, Frames), streaming.

    Raises InputError, SettingsError.
    """
    try:
        return _read(parameters, settings, spool, is_ragged=False)
    except RaggedRowsError:
        return _read(parameters, settings, spool, is_ragged=True)


def try_reading(parameters: InviteParameters, settings: Settings, spool: Spool) -> None:
    """
    Read one input to its end, for nothing but the errors; it need not have all mapped headers.

    Raises InputError, SettingsError.
    """
    for is_ragged in (False, True):
        try:
            _read(parameters, settings, spool, is_ragged=is_ragged, is_alone=True)
        except RaggedRowsError:
            if is_ragged:
                raise
        else:
            return


def are_of_candidates(headers: Sequence[str], parameters: InviteParameters) -> bool:
    """Whether a candidate's e-mail is among the headers, as in an export without rows."""
    try:
        mapping = map_headers(headers, overrides=overrides_for(headers, parameters.mapping))
    except (InputError, SettingsError):
        return False
    return "candidate_email" in mapping.fields


def _read(
    parameters: InviteParameters,
    settings: Settings,
    spool: Spool,
    *,
    is_ragged: bool,
    is_alone: bool = False,
) -> Inputs:
    tables = read_inputs(
        parameters.inputs,
        scratch=spool.scratch,
        sheet=parameters.sheet,
        overrides=parameters.mapping,
        is_ragged=is_ragged,
    )
    mappings = _mappings(tables, parameters.mapping, may_not_fit=is_alone)
    with ExitStack() as open_readers:
        frames = [
            normalise(
                table,
                mapping,
                fills=parameters.values,
                max_resume_characters=settings.max_resume_characters,
                min_resume_characters=settings.min_resume_characters,
                date_orders=_date_orders(table, mapping),
                resumes=_resumes(parameters, table, mapping, open_readers),
                undoes_entities=_holds_entities(table, mapping),
            )
            for table, mapping in zip(tables, mappings, strict=True)
        ]
        _sink(frames, spool.prepared, ", ".join(table.source for table in tables))
    layouts = tuple(map(Layout.of, tables, mappings))
    doubts = _doubts(tables, mappings, parameters)
    doubts += settle_contradictions(spool.prepared, layouts, parameters.values)
    return Inputs(
        layouts=layouts,
        views=tuple(map(_view, tables, mappings)),
        doubts=tuple(sorted(doubts, key=lambda doubt: not doubt.holds)),
    )


def _doubts(
    tables: Sequence[Table], mappings: Sequence[HeaderMap], parameters: InviteParameters
) -> tuple[InputDoubt, ...]:
    given = {name.removesuffix(EVERY_ROW) for name in parameters.values}
    given |= {*([RESUME] if parameters.resumes is not None else [])}
    found: list[InputDoubt] = []
    for table, mapping in zip(tables, mappings, strict=True):
        with input_faults(table.source):
            found += table.doubts
            found += (replace(doubt, source=table.source) for doubt in mapping.doubts)
            found += missing_columns(table, mapping, given)
    return tuple(found)


def _mappings(
    tables: Sequence[Table], overrides: Mapping[str, str], *, may_not_fit: bool
) -> list[HeaderMap]:
    """Each table by the overrides that it has the headers of; each has to fit some table."""
    own = [overrides_for(table.headers, overrides) for table in tables]
    if may_not_fit:
        return [_mapping(table, mine) for table, mine in zip(tables, own, strict=True)]
    if unused := overrides.keys() - set().union(*own):
        own[0] |= {header: overrides[header] for header in unused}  # map_headers says what is wrong
    return [_mapping(table, mine) for table, mine in zip(tables, own, strict=True)]


def _mapping(table: Table, overrides: Mapping[str, str]) -> HeaderMap:
    try:
        return map_headers(table.headers, overrides=overrides)
    except InputError as exc:
        raise InputError(f"{table.source}: {exc}") from None


def _sink(frames: Sequence[pl.LazyFrame], target: Path, sources: str) -> None:
    with input_faults(sources):
        pl.concat(frames, how="diagonal").with_row_index(ORDINAL).sink_parquet(
            target, row_group_size=GROUP_ROWS, compression="lz4", engine="streaming"
        )
    target.chmod(0o600)


def _date_orders(table: Table, mapping: HeaderMap) -> Mapping[str, DateOrder]:
    if DATE not in mapping.fields:
        return {}
    with input_faults(table.source):
        return {DATE: date_order(table.frame, f"{CELL_PREFIX}{mapping.fields[DATE]}")}


def _resumes(
    parameters: InviteParameters, table: Table, mapping: HeaderMap, open_readers: ExitStack
) -> ResumeFiles | None:
    """Résumés come from files where a column or cells name them, or a folder is given."""
    is_named = RESUME_FILE in mapping.fields or _names_files(table, mapping)
    if not is_named and parameters.resumes is None:
        return None
    given = Path(parameters.resumes) if parameters.resumes is not None else None
    return open_readers.enter_context(
        ResumeFiles(given=given, beside=Path(table.folder) if table.folder else None)
    )


def _names_files(table: Table, mapping: HeaderMap) -> bool:
    """Whether cells of the résumé column are names of files; the first rows tell."""
    if RESUME not in mapping.fields:
        return False
    cell = pl.col(f"{CELL_PREFIX}{mapping.fields[RESUME]}").str.strip_chars()
    with input_faults(table.source):
        sample = table.frame.select(is_file_name(cell)).head(SAMPLE_ROWS).collect()
    return bool(sample.to_series().any())


def _holds_entities(table: Table, mapping: HeaderMap) -> bool:
    """Whether any cell holds an HTML entity; a scan costs less than Python for each part."""
    cells = [holds_entity(pl.col(f"{CELL_PREFIX}{number}")) for number in mapping.fields.values()]
    with input_faults(table.source):
        found = table.frame.select(pl.any_horizontal(cells).any()).collect(engine="streaming")
    return bool(found.item())


def _view(table: Table, mapping: HeaderMap) -> InputView:
    return InputView(
        source=table.source,
        detected=table.detected,
        columns=tuple(column_roles(table.headers, mapping)),
        notes=(*table.notes, *mapping.notes),
    )
