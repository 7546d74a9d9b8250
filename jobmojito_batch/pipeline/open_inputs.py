"""The inputs of a run, opened: their tables, which column is which, the table of jobs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from jobmojito_batch.normalise import EVERY_ROW, RESUME
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.header_maps import hold_to_headers, mappings_of
from jobmojito_batch.pipeline.jobs import JobTable, job_overrides, read_jobs
from jobmojito_batch.pipeline.source_tables import tables_of
from jobmojito_batch.pipeline.work_dir import Spool
from jobmojito_batch.records import HeaderMap, Table
from jobmojito_batch.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenInputs:
    """Tables, each with its mapping, and what rows may have from elsewhere."""

    parameters: InviteParameters
    settings: Settings = field(repr=False)
    spool: Spool = field(repr=False)
    tables: Sequence[Table]
    mappings: Sequence[HeaderMap]
    jobs: JobTable | None
    """The table of `--positions`."""

    @property
    def sources(self) -> str:
        """What messages call all of them."""
        return ", ".join(table.source for table in self.tables)

    @property
    def given_elsewhere(self) -> set[str]:
        """The fields that rows may have from elsewhere than a column."""
        given = {name.removesuffix(EVERY_ROW) for name in self.parameters.values}
        given |= set(self.jobs.jobs.fields) if self.jobs is not None else set()
        return given | {*([RESUME] if self.parameters.resumes is not None else [])}


def open_inputs(
    parameters: InviteParameters,
    settings: Settings,
    spool: Spool,
    *,
    is_ragged: bool,
    is_alone: bool = False,
) -> OpenInputs:
    """
    Read what tells the columns; *is_alone* the inputs need not have all mapped headers.

    Raises InputError, SettingsError.
    """
    tables = tables_of(parameters, spool, is_ragged=is_ragged)
    headers = [header for table in tables for header in table.headers]
    if parameters.freeze_mapping:
        hold_to_headers(tables, parameters, is_alone=is_alone)
    jobs = read_jobs(
        parameters, spool.scratch, headers=headers, max_characters=settings.max_resume_characters
    )
    used = {header for known in parameters.known_headers for header in known}
    used |= {*job_overrides(jobs.table.headers, parameters.mapping, headers)} if jobs else set()
    mappings = mappings_of(tables, parameters.mapping, used, may_not_fit=is_alone)
    return OpenInputs(
        parameters=parameters,
        settings=settings,
        spool=spool,
        tables=tables,
        mappings=mappings,
        jobs=jobs,
    )
