"""The rows of opened inputs, normalised and written to the prepared frame."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX, RESUME_FILE
from jobmojito_batch.intake import input_faults
from jobmojito_batch.intake.resumes import ResumeFolder
from jobmojito_batch.normalise import DATE, RESUME, DateOrder, date_order, is_file_name, normalise
from jobmojito_batch.pipeline.oddities import Oddities, oddities_of, sink, sunk_at_once
from jobmojito_batch.pipeline.open_inputs import OpenInputs
from jobmojito_batch.pipeline.resume_files import ResumeFiles, given_folder
from jobmojito_batch.pipeline.resume_matching import Coverage, Matching
from jobmojito_batch.pipeline.source_tables import SAMPLE_ROWS
from jobmojito_batch.records import HeaderMap, InputDoubt, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRows:
    """What was noticed while the rows were written."""

    oddities: Sequence[Oddities]
    """Of each input."""
    resumes: Coverage | None = None
    """Who has a résumé; where a folder of them was given."""
    doubts: tuple[InputDoubt, ...] = ()
    """Whose résumé is whose."""


def prepare_rows(inputs: OpenInputs) -> PreparedRows:
    """Write the prepared frame of all inputs (docs/architecture.md, Frames). Raises InputError."""
    given = given_folder(inputs.parameters.resumes)
    matching = Matching(given) if given is not None else None
    tables, mappings = inputs.tables, inputs.mappings
    with ExitStack() as open_readers:
        resumes = [
            _resumes(inputs, table, mapping, given, matching, open_readers)
            for table, mapping in zip(tables, mappings, strict=True)
        ]

        def frames(odd: Sequence[Oddities]) -> list[pl.LazyFrame]:
            return [
                _normalised(inputs, table, mapping, files, oddities)
                for table, mapping, files, oddities in zip(
                    tables, mappings, resumes, odd, strict=True
                )
            ]

        if len(tables) == 1 and resumes == [None]:
            odd = sunk_at_once(frames, inputs.spool.prepared, inputs.sources, mappings[0])
            return PreparedRows(oddities=odd)
        odd = [
            oddities_of(table.frame, table.source, mapping)
            for table, mapping in zip(tables, mappings, strict=True)
        ]
        normalised = frames(odd)  # which tells the matching of the people
        with input_faults(inputs.sources):
            coverage, doubts = matching.settle() if matching is not None else (None, ())
        sink(normalised, inputs.spool.prepared, inputs.sources)
        return PreparedRows(oddities=odd, resumes=coverage, doubts=doubts)


def _normalised(
    inputs: OpenInputs,
    table: Table,
    mapping: HeaderMap,
    resumes: ResumeFiles | None,
    oddities: Oddities,
) -> pl.LazyFrame:
    return normalise(
        table,
        mapping,
        fills=inputs.parameters.values,
        max_resume_characters=inputs.settings.max_resume_characters,
        min_resume_characters=inputs.settings.min_resume_characters,
        date_orders=_date_orders(table, mapping),
        resumes=resumes,
        undoes_entities=oddities.has_entities,
        is_twice_encoded=oddities.twice_encoded > 0,
        jobs=inputs.jobs.jobs if inputs.jobs is not None else None,
    )


def _date_orders(table: Table, mapping: HeaderMap) -> Mapping[str, DateOrder]:
    if DATE not in mapping.fields:
        return {}
    with input_faults(table.source):
        return {DATE: date_order(table.frame, f"{CELL_PREFIX}{mapping.fields[DATE]}")}


def _resumes(
    inputs: OpenInputs,
    table: Table,
    mapping: HeaderMap,
    given: ResumeFolder | None,
    matching: Matching | None,
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
            least=inputs.settings.min_resume_characters,
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
