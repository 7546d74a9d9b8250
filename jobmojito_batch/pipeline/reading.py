"""Inputs become the prepared rows of a run: read, mapped, normalised, spooled."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX, ERROR_COLUMNS, ORDINAL, RESUME_FILE, are_results
from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.intake import RaggedRowsError, input_faults, read_inputs, sink_rows
from jobmojito_batch.intake.resumes import ResumeFolder
from jobmojito_batch.normalise import (
    DATE,
    EVERY_ROW,
    RESUME,
    Changed,
    DateOrder,
    changed_headers,
    column_roles,
    date_order,
    holds_entity,
    is_file_name,
    map_headers,
    may_be_twice,
    missing_columns,
    missing_fields,
    normalise,
    once,
    overrides_for,
    shortened,
    undone,
)
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.contradictions import settle_contradictions
from jobmojito_batch.pipeline.corrections import Corrections, corrected
from jobmojito_batch.pipeline.jobs import JobTable, job_overrides, jobs_said, read_jobs
from jobmojito_batch.pipeline.objections import objections
from jobmojito_batch.pipeline.repeated_headers import without_repeated_headers
from jobmojito_batch.pipeline.resume_files import ResumeFiles, given_folder
from jobmojito_batch.pipeline.resume_matching import Coverage, Matching
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.pipeline.work_dir import Spool
from jobmojito_batch.records import Detected, HeaderMap, InputDoubt, Table
from jobmojito_batch.settings import Settings

SAMPLE_ROWS: Final = 1_000
"""Rows whose résumé cells are looked at, whether they name files."""
SAMPLES: Final = 3
"""Texts of a column that a person is shown to tell what it is."""
MOST_OFFERS: Final = 5
"""Carried columns that are offered as fields."""
MOST_HEADERS: Final = 6
"""Headers that are named in one sentence."""


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
    resumes: Coverage | None = None
    """Who has a résumé; where a folder of them was given."""
    jobs: InputView | None = None
    """The table of `--positions`."""
    jobs_content: str = ""
    """The hash of what stands in it; empty for none."""

    @property
    def all_views(self) -> tuple[InputView, ...]:
        """The inputs, and the table of jobs beside them."""
        return (*self.views, *([self.jobs] if self.jobs is not None else []))

    @property
    def sources_of_results(self) -> list[str]:
        """The inputs that are results of ours, by their headers."""
        return [layout.source for layout in self.layouts if are_results(layout.headers)]

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of all inputs, each with its source."""
        return tuple(f"{view.source}: {note}" for view in self.all_views for note in view.notes)

    @property
    def headers(self) -> list[list[str]]:
        """The headers of each input, save for our own error columns."""
        return [
            [header for header in layout.headers if header not in ERROR_COLUMNS]
            for layout in self.layouts
        ]

    @property
    def mapping(self) -> dict[str, str]:
        """
        Header → field of all inputs, `""` where a column is ignored: what --mapping reads.

        A header that is two things in two inputs is left out: what makes it so decides again.
        """
        said: defaultdict[str, set[str]] = defaultdict(set)
        for view in self.views:
            for header, role in view.columns:
                if header and header not in ERROR_COLUMNS:
                    said[header].add(role)
        fields = {
            header: role.replace("ignored", "")
            for header, roles in said.items()
            if len(roles) == 1 and (role := next(iter(roles))) != "carried"
        }
        return dict(sorted(fields.items(), key=lambda pair: pair[1] == ""))

    def mapping_beside(self, given: Mapping[str, str]) -> dict[str, str]:
        """The mapping of these inputs, and of *given* what is about headers that they have not."""
        here = overrides_for([header for headers in self.headers for header in headers], given)
        elsewhere = {header: field for header, field in given.items() if header not in here}
        return self.mapping | elsewhere


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What stands in an input before anybody knows what its columns are."""

    headers: tuple[str, ...]
    samples: tuple[tuple[str, ...], ...] = field(repr=False)
    """The first texts of each column."""


def look_at(parameters: InviteParameters, spool: Spool) -> Look:
    """Headers and samples of the first input. Raises InputError, SettingsError."""
    table = _tables(parameters, spool, is_ragged=True)[0]
    with input_faults(table.source):
        head = table.frame.head(SAMPLE_ROWS).collect()
    return Look(headers=_with_headers_once(table).headers, samples=samples_of(head, table.headers))


def _tables(parameters: InviteParameters, spool: Spool, *, is_ragged: bool) -> list[Table]:
    return read_inputs(
        parameters.inputs,
        scratch=spool.scratch,
        sheet=parameters.sheet,
        encoding=parameters.encoding,
        overrides=parameters.mapping,
        is_ragged=is_ragged,
        hidden_rows=parameters.hidden_rows,
        header_row=parameters.header_row,
    )


def samples_of(frame: pl.DataFrame, headers: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The first SAMPLES different texts of each column."""
    cells = (frame[f"{CELL_PREFIX}{number}"] for number in range(len(headers)))
    texts = (cell.drop_nulls().str.strip_chars().unique(maintain_order=True) for cell in cells)
    return tuple(tuple(text.filter(text != "").head(SAMPLES)) for text in texts)


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
    tables = _tables(parameters, spool, is_ragged=is_ragged)
    tables = [_with_headers_once(table) for table in tables]
    if parameters.corrections is not None:
        tables = [corrected(tables[0], Corrections.read(Path(parameters.corrections))), *tables[1:]]
    given = given_folder(parameters.resumes)
    matching = Matching(given) if given is not None else None
    headers = [header for table in tables for header in table.headers]
    if parameters.freeze_mapping:
        _hold_to_headers(tables, parameters, is_alone=is_alone)
    jobs = read_jobs(
        parameters, spool.scratch, headers=headers, max_characters=settings.max_resume_characters
    )
    used = {header for known in parameters.known_headers for header in known}
    used |= {*job_overrides(jobs.table.headers, parameters.mapping, headers)} if jobs else set()
    mappings = _mappings(tables, parameters.mapping, used, may_not_fit=is_alone)
    with ExitStack() as open_readers:
        resumes = [
            _resumes(table, mapping, given, matching, settings, open_readers)
            for table, mapping in zip(tables, mappings, strict=True)
        ]

        def frames(odd: Sequence[Oddities]) -> list[pl.LazyFrame]:
            return [
                normalise(
                    table,
                    mapping,
                    fills=parameters.values,
                    max_resume_characters=settings.max_resume_characters,
                    min_resume_characters=settings.min_resume_characters,
                    date_orders=_date_orders(table, mapping),
                    resumes=files,
                    undoes_entities=oddities.has_entities,
                    is_twice_encoded=oddities.twice_encoded > 0,
                    jobs=jobs.jobs if jobs is not None else None,
                )
                for table, mapping, files, oddities in zip(
                    tables, mappings, resumes, odd, strict=True
                )
            ]

        sources = ", ".join(table.source for table in tables)
        coverage: Coverage | None = None
        in_doubt: tuple[InputDoubt, ...] = ()
        if len(tables) == 1 and resumes == [None]:
            odd = _sunk_at_once(frames, spool.prepared, sources, mappings[0])
        else:
            odd = [
                oddities_of(table.frame, table.source, mapping)
                for table, mapping in zip(tables, mappings, strict=True)
            ]
            normalised = frames(odd)  # which tells the matching of the people
            with input_faults(sources):
                coverage, in_doubt = matching.settle() if matching is not None else (None, ())
            _sink(normalised, spool.prepared, sources)
    layouts = tuple(
        Layout.of(table, mapping, parameters.values)
        for table, mapping in zip(tables, mappings, strict=True)
    )
    repeated = without_repeated_headers(spool.prepared, layouts)
    elsewhere = _given(parameters, jobs)
    doubts = _doubts(tables, mappings, parameters, elsewhere) + in_doubt
    doubts += settle_contradictions(spool.prepared, layouts, parameters.values)
    doubts += tuple(objections(spool.prepared, layouts))
    notes = [
        (*_twice_notes(oddities.twice_encoded), *told)
        for oddities, told in zip(odd, repeated, strict=True)
    ]
    said = jobs_said(spool.prepared, jobs) if jobs is not None else None
    doubts += said.doubts if said is not None else ()
    return Inputs(
        layouts=layouts,
        views=tuple(
            _view(table, mapping, (*told, *_offered(table, mapping, elsewhere)))
            for table, mapping, told in zip(tables, mappings, notes, strict=True)
        ),
        doubts=tuple(sorted(doubts, key=lambda doubt: not doubt.holds)),
        resumes=coverage,
        jobs=_view_of_jobs(jobs, said.notes) if jobs is not None and said is not None else None,
        jobs_content=jobs.content if jobs is not None else "",
    )


def _given(parameters: InviteParameters, jobs: JobTable | None) -> set[str]:
    """The fields that rows may have from elsewhere than a column."""
    given = {name.removesuffix(EVERY_ROW) for name in parameters.values}
    given |= set(jobs.jobs.fields) if jobs is not None else set()
    return given | {*([RESUME] if parameters.resumes is not None else [])}


def _doubts(
    tables: Sequence[Table],
    mappings: Sequence[HeaderMap],
    parameters: InviteParameters,
    given: Collection[str],
) -> tuple[InputDoubt, ...]:
    doubts: list[InputDoubt] = []
    for table, mapping in zip(tables, mappings, strict=True):
        with input_faults(table.source):
            doubts += table.doubts
            doubts += (replace(doubt, source=table.source) for doubt in mapping.doubts)
            if not are_results(table.headers):  # they hold no résumés, and most is done
                doubts += missing_columns(table, mapping, given)
        doubts += _changed(table, mapping, parameters)
    return tuple(doubts)


def _hold_to_headers(
    tables: Sequence[Table], parameters: InviteParameters, *, is_alone: bool
) -> None:
    """Raises InputError where a file has not the headers of the mapping."""
    for table in tables:
        known = parameters.known_headers
        if not known:  # written by hand: it may be about several files
            others = [header for other in tables if other is not table for header in other.headers]
            others += parameters.mapping.keys() - set(table.headers) if is_alone else []
            theirs = overrides_for(others, parameters.mapping)
            known = [[header for header in parameters.mapping if header not in theirs]]
        changed = changed_headers(table.headers, known, parameters.mapping)
        if changed is not None:
            raise InputError(
                f"{table.source}: its headers are not those of the mapping, which is frozen: "
                f"{_differences(changed, parameters.mapping)}; correct the export, or look at it "
                "with `check` without --freeze-mapping and keep what is right with --save-mapping"
            )


def _changed(
    table: Table, mapping: HeaderMap, parameters: InviteParameters
) -> Iterator[InputDoubt]:
    """A file whose headers changed since the mapping was saved."""
    changed = changed_headers(table.headers, parameters.known_headers, parameters.mapping)
    if changed is not None:
        roles = dict(column_roles(table.headers, mapping))
        yield InputDoubt(
            kind="headers",
            source=table.source,
            sentence="its headers changed since the mapping was saved: "
            f"{_differences(changed, {**roles, **parameters.mapping})}",
            option="look at what each column is; where that is right, keep it: `check` with "
            "--mapping FILE and --save-mapping FILE",
        )


def _differences(changed: Changed, roles: Mapping[str, str]) -> str:
    """`'Mail' (carried) is new, 'E-mail' (candidate_email) is gone`."""
    parts = []
    for headers, what in ((changed.new, "new"), (changed.gone, "gone")):
        named = [
            f"'{shortened(header)}'" + (f" ({roles[header]})" if roles.get(header) else "")
            for header in headers[:MOST_HEADERS]
        ]
        more = f" and {len(headers) - MOST_HEADERS} more" if len(headers) > MOST_HEADERS else ""
        if headers:
            verb = "is" if len(headers) == 1 else "are"
            parts.append(f"{', '.join(named)}{more} {verb} {what}")
    return ", ".join(parts)


def _mappings(
    tables: Sequence[Table],
    overrides: Mapping[str, str],
    used: Collection[str],
    *,
    may_not_fit: bool,
) -> list[HeaderMap]:
    """Each table by the overrides that it has the headers of; each but *used* has to fit some."""
    own = [overrides_for(table.headers, overrides) for table in tables]
    if may_not_fit:
        return [_mapping(table, mine) for table, mine in zip(tables, own, strict=True)]
    if unused := overrides.keys() - set().union(used, *own):
        own[0] |= {header: overrides[header] for header in unused}  # map_headers says what is wrong
    return [_mapping(table, mine) for table, mine in zip(tables, own, strict=True)]


def _mapping(table: Table, overrides: Mapping[str, str]) -> HeaderMap:
    try:
        return map_headers(table.headers, overrides=overrides)
    except InputError as exc:
        raise InputError(f"{table.source}: {exc}") from None


def _sink(frames: Sequence[pl.LazyFrame], target: Path, sources: str) -> None:
    with input_faults(sources):
        sink_rows(pl.concat(frames, how="diagonal").with_row_index(ORDINAL), target)


def _date_orders(table: Table, mapping: HeaderMap) -> Mapping[str, DateOrder]:
    if DATE not in mapping.fields:
        return {}
    with input_faults(table.source):
        return {DATE: date_order(table.frame, f"{CELL_PREFIX}{mapping.fields[DATE]}")}


def _resumes(
    table: Table,
    mapping: HeaderMap,
    given: ResumeFolder | None,
    matching: Matching | None,
    settings: Settings,
    open_readers: ExitStack,
) -> ResumeFiles | None:
    """Résumés come from files where a column or cells name them, or a folder is given."""
    if given is None and RESUME_FILE not in mapping.fields and not _names_files(table, mapping):
        return None
    beside = ResumeFolder(Path(table.folder)) if table.folder else None
    return open_readers.enter_context(
        ResumeFiles(
            given or beside,
            matching=matching,
            source=table.source,
            least=settings.min_resume_characters,
        )
    )


def _names_files(table: Table, mapping: HeaderMap) -> bool:
    """Whether cells of the résumé column are names of files; the first rows tell."""
    if RESUME not in mapping.fields:
        return False
    cell = pl.col(f"{CELL_PREFIX}{mapping.fields[RESUME]}").str.strip_chars()
    with input_faults(table.source):
        sample = table.frame.select(is_file_name(cell)).head(SAMPLE_ROWS).collect()
    return bool(sample.to_series().any())


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddities:
    """What few exports hold, and what costs Python where one does."""

    has_entities: bool = False
    twice_encoded: int = 0
    """Cells that were encoded twice and can be undone."""


def oddities_of(frame: pl.LazyFrame, source: str, mapping: HeaderMap) -> Oddities:
    """One scan that looks for all of them; a second counts, where any cell looks like it."""
    cells = [pl.col(f"{CELL_PREFIX}{number}") for number in mapping.fields.values()]
    looks = [may_be_twice(cell).any().alias(str(at)) for at, cell in enumerate(cells)]
    has_entities = pl.any_horizontal(map(holds_entity, cells)).any().alias("entities")
    with input_faults(source):
        seen = frame.select(has_entities, *looks).collect(engine="streaming")
        suspects = [cell for at, cell in enumerate(cells) if seen[str(at)][0]]
        counted = frame.select(
            (undone(cell) != cell).sum().alias(str(at)) for at, cell in enumerate(suspects)
        )
        cleaned = counted.collect(engine="streaming") if suspects else None
    return Oddities(
        has_entities=bool(seen["entities"][0]),
        twice_encoded=int(cleaned.sum_horizontal()[0]) if cleaned is not None else 0,
    )


def _sunk_at_once(
    frames: Callable[[Sequence[Oddities]], list[pl.LazyFrame]],
    prepared: Path,
    source: str,
    mapping: HeaderMap,
) -> list[Oddities]:
    """
    Rows of one table, looked at where they lie prepared, and prepared again where any is odd.

    Most exports hold none, and to read a large text twice costs a fifth of the whole.
    """
    _sink(frames([Oddities()]), prepared, source)
    odd = [oddities_of(pl.scan_parquet(prepared), source, mapping)]
    if odd != [Oddities()]:
        _sink(frames(odd), prepared, source)
    return odd


def _twice_notes(cells: int) -> tuple[str, ...]:
    if not cells:
        return ()
    were = "cell was" if cells == 1 else "cells were"
    return (f"{cells} {were} encoded twice (such as Ã© for é), which is undone",)


def _with_headers_once(table: Table) -> Table:
    return replace(table, headers=tuple(map(once, table.headers)))


def _view_of_jobs(jobs: JobTable, notes: Sequence[str]) -> InputView:
    return InputView(
        source=jobs.table.source,
        detected=jobs.table.detected,
        columns=tuple(jobs.columns),
        notes=(*jobs.notes, *notes),
    )


def _view(table: Table, mapping: HeaderMap, others: tuple[str, ...]) -> InputView:
    return InputView(
        source=table.source,
        detected=table.detected,
        columns=tuple(column_roles(table.headers, mapping)),
        notes=(*table.notes, *others, *mapping.notes),
    )


def _offered(table: Table, mapping: HeaderMap, given: Collection[str]) -> Iterator[str]:
    """Carried columns that look like a field; one that is missing is asked about anyway."""
    missing = missing_fields({*mapping.fields, *given})
    named = [(table.headers[i], offer) for i, offer in mapping.offers if offer not in missing]
    for header, offer in named[:MOST_OFFERS]:
        yield f"'{shortened(header)}' looks like {offer}: --map \"{header}={offer}\" if it is"
    if len(named) > MOST_OFFERS:
        yield f"{len(named) - MOST_OFFERS} more carried columns look like a field"
