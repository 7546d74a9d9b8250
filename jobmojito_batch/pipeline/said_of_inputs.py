"""What is said of inputs whose rows are prepared: how columns were read, notes, doubts."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from jobmojito_batch.normalise import column_roles, missing_fields, shortened
from jobmojito_batch.pipeline.contradictions import settle_contradictions
from jobmojito_batch.pipeline.header_maps import header_doubts
from jobmojito_batch.pipeline.inputs import Inputs, InputView
from jobmojito_batch.pipeline.jobs import JobTable, jobs_said
from jobmojito_batch.pipeline.objections import objections
from jobmojito_batch.pipeline.open_inputs import OpenInputs
from jobmojito_batch.pipeline.prepared_rows import PreparedRows
from jobmojito_batch.pipeline.repeated_headers import without_repeated_headers
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.records import HeaderMap, Table

MOST_OFFERS: Final = 5
"""Carried columns that are offered as fields."""


def inputs_of(opened: OpenInputs, rows: PreparedRows) -> Inputs:
    """What a person is shown of them; contradictions are settled in the prepared frame."""
    tables, mappings = opened.tables, opened.mappings
    prepared, values = opened.spool.prepared, opened.parameters.values
    layouts = tuple(
        Layout.of(table, mapping, values) for table, mapping in zip(tables, mappings, strict=True)
    )
    repeated = without_repeated_headers(prepared, layouts)
    elsewhere = opened.given_elsewhere
    doubts = header_doubts(tables, mappings, opened.parameters, elsewhere) + rows.doubts
    doubts += settle_contradictions(prepared, layouts, values)
    doubts += tuple(objections(prepared, layouts))
    notes = [
        (*oddities.notes, *told) for oddities, told in zip(rows.oddities, repeated, strict=True)
    ]
    jobs = opened.jobs
    said = jobs_said(prepared, jobs) if jobs is not None else None
    doubts += said.doubts if said is not None else ()
    return Inputs(
        layouts=layouts,
        views=tuple(
            _view(table, mapping, (*told, *_offered(table, mapping, elsewhere)))
            for table, mapping, told in zip(tables, mappings, notes, strict=True)
        ),
        doubts=tuple(sorted(doubts, key=lambda doubt: not doubt.holds)),
        resumes=rows.resumes,
        jobs=_view_of_jobs(jobs, said.notes) if jobs is not None and said is not None else None,
        jobs_content=jobs.content if jobs is not None else "",
    )


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
