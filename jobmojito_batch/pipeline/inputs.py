"""The inputs of a run as a person is shown them: columns, notes, doubts."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobmojito_batch.columns import ERROR_COLUMNS, are_results
from jobmojito_batch.normalise import overrides_for
from jobmojito_batch.pipeline.resume_matching import Coverage
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.records import Detected, InputDoubt


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
