"""What a run was asked to take, made concrete."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from jobmojito_batch.client import TokenSource
from jobmojito_batch.inbox import Inbox, NightFolder, earlier_runs
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.left_out import AsideFile, LeftOut, UnreadableFile
from jobmojito_batch.pipeline.run_request import RunRequest
from jobmojito_batch.pipeline.work_dir import Spool
from jobmojito_batch.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenFile:
    """A file of an inbox that goes into the run."""

    name: str
    path: Path
    """Where it is read: in the inbox, or a private copy of an object."""
    sha256: str
    twins: tuple[str, ...] = ()
    """Other names of the same content; they are not read."""


def reading(parameters: InviteParameters, files: Iterable[TakenFile]) -> InviteParameters:
    """The parameters with the files as inputs."""
    return parameters.model_copy(update={"inputs": [str(file.path) for file in files]})


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedInputs:
    """The inputs of one run, and what becomes of their files afterwards. The caller closes it."""

    parameters: InviteParameters
    """With dates in place, and with the files of the inbox as inputs."""
    settings: Settings = field(repr=False)
    tokens: TokenSource = field(repr=False)
    series: str
    """Account and what was asked to be read: nights of one series are compared."""
    day: date
    will_send: bool
    place: str
    """What messages call the inputs: the inbox, or the inputs as they were asked for."""
    inbox: Inbox | None = None
    files: tuple[TakenFile, ...] = ()
    jobs_content: str = ""
    """The hash of the table of jobs that stood beside the inbox; empty for none."""
    unreadable: tuple[UnreadableFile, ...] = ()
    """Files that were put into failed/."""
    done_before: int = 0
    """Files whose content was done in an earlier night; they are in done/ now."""
    without_rows: int = 0
    waiting: int = 0
    """Files that were not whole."""
    not_taken: tuple[str, ...] = ()
    """What lies in the inbox and is no export by its name: names, and numbers of résumés."""
    left_aside: tuple[AsideFile, ...] = ()
    """What else was not taken, each with its reason."""
    night: NightFolder | None = None
    """Where the results go, where that is a day's folder of ours."""
    night_files: tuple[str, ...] = ()
    """The names that are listed there for the files of this run."""
    spool: Spool | None = field(default=None, repr=False)
    """Where copies of objects lie."""

    @property
    def request(self) -> RunRequest:
        """What is to be planned."""
        return RunRequest(
            parameters=self.parameters,
            settings=self.settings,
            tokens=self.tokens,
            series=self.series,
            left_out=self.left_out,
        )

    @property
    def left_out(self) -> LeftOut:
        """What no row of the run comes from."""
        return LeftOut(
            unreadable=self.unreadable, not_taken=self.not_taken, left_aside=self.left_aside
        )

    def runs_of_results(self) -> dict[str, str]:
        """The runs that the folders of results are of, each with its. Raises InputError."""
        return earlier_runs(self.night.path.parent) if self.night is not None else {}

    def runs_of_inbox(self) -> dict[str, str]:
        """The runs that took the files in done/, each with its folder. Raises InputError."""
        return self.inbox.earlier_runs() if self.inbox is not None else {}

    def close(self) -> None:
        """Remove the copies, and the night's folder where nothing came into it."""
        if self.spool is not None:
            self.spool.remove()
        if self.night is not None:
            with suppress(OSError):  # it is only an empty folder
                self.night.remove_if_unused()
