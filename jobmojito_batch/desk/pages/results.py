"""Results: what became of the rows of a run, their links and files, and what comes next."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from jobmojito_batch.columns import Outcome
from jobmojito_batch.desk.sends import Send, SendState, sends_of
from jobmojito_batch.desk.uploads import Uploads
from jobmojito_batch.desk.visit import Visit, number
from jobmojito_batch.errors import BatchError, SettingsError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline import (
    AskedFiles,
    ResultRow,
    link_in,
    results_page,
    write_again,
)
from jobmojito_batch.summary import Summary

AT_ONCE: Final = 100
_EARLY: Final = frozenset({ExitCode.STOPPED, ExitCode.INTERRUPTED, ExitCode.TERMINATED, None})
_FILES: Final = ("results", "errors", "summary")
_LEFT: Final = frozenset({Outcome.NOT_SENT, Outcome.FAILED, Outcome.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsView:
    """What the page shows."""

    run_id: str
    sentence: str
    stop_message: str | None
    counts: list[tuple[str, int, float]]
    """Outcome, rows, and its part of the longest bar in percent."""
    outcome: str
    text: str
    total: int
    start: int
    rows: list[ResultRow]
    upload_id: str | None
    has_errors: bool
    has_left: bool
    """Whether rows may be sent by going on."""
    unknown: int
    links: dict[int, str]
    """Those that are revealed, by ordinal."""


def show(visit: Visit) -> Response:
    """The page."""
    return _page(visit, {})


def reveal(visit: Visit) -> Response:
    """The page with one link."""
    ordinal = number(visit.said("ordinal"), otherwise=-1)
    with visit.desk.ledger() as ledger:
        link = link_in(_there(ledger), visit.path["run"], ordinal)
    return _page(visit, {ordinal: link} if link else {})


def download(visit: Visit) -> Response:
    """A file of the run: as it was written, else written again from the ledger."""
    name, run_id = visit.path["name"], visit.path["run"]
    if name not in _FILES:
        raise SettingsError("there is no such file")
    send = _send_of(visit.desk.uploads, run_id)
    kept = send.end.files.get(name) if send is not None and send.end is not None else None
    if kept is not None and Path(kept).is_file():
        return FileResponse(kept, filename=Path(kept).name)
    folder = tempfile.TemporaryDirectory(prefix="jobmojito-desk-")
    try:
        path = _written_again(visit, run_id, Path(folder.name), name)
    except BaseException:
        folder.cleanup()
        raise
    return FileResponse(path, filename=path.name, background=BackgroundTask(folder.cleanup))


def _written_again(visit: Visit, run_id: str, folder: Path, name: str) -> Path:
    asked = AskedFiles(results=str(folder / f"{run_id}.results.csv"))
    with visit.desk.ledger() as ledger:
        files = write_again(_there(ledger), run_id, asked).files
    path = dict(files.written()).get(name)
    if path is None:
        raise BatchError("no row of this run is to be corrected, so there is no such file")
    return Path(path)


def _page(visit: Visit, links: dict[int, str]) -> Response:
    with visit.desk.ledger() as ledger:
        view = _view(visit, _there(ledger), links)
    return visit.page("results.html", view=view)


def _view(visit: Visit, ledger: Ledger, links: dict[int, str]) -> ResultsView:
    run_id = visit.path["run"]
    run = ledger.runs.find(run_id)
    if run is None or run.run_id != run_id:
        raise BatchError("the ledger has no such run")
    outcome = visit.said("outcome") or visit.query.get("outcome", "")
    text, start = visit.said("text").strip(), number(visit.said("start"))
    total, rows = results_page(
        ledger, run_id, outcome=outcome, text=text, start=start, most=AT_ONCE
    )
    found = ledger.results.outcomes(run_id)
    counts = {name: found[name] for name in Outcome if found.get(name)}
    most = max(counts.values(), default=1)
    send = _send_of(visit.desk.uploads, run_id)
    summary = Summary.kept(run.summary)
    unknown = counts.get(Outcome.UNKNOWN, 0)
    return ResultsView(
        run_id=run_id,
        sentence=f"{summary.sentence}."
        if summary is not None
        else "This run is not over, or it was broken off.",
        stop_message=run.stop_message if run.exit_code in _EARLY else None,
        counts=[(name.value, count, 100 * count / most) for name, count in counts.items()],
        outcome=outcome,
        text=text,
        total=total,
        start=start,
        rows=rows,
        upload_id=send.upload.id if send is not None else None,
        has_errors=bool(counts.get(Outcome.INVALID) or counts.get(Outcome.FAILED)),
        has_left=send is not None and any(counts.get(name) for name in _LEFT),
        unknown=unknown,
        links=links,
    )


def _there(ledger: Ledger | None) -> Ledger:
    if ledger is None:
        raise BatchError("there is no ledger yet; nothing was ever sent from here")
    return ledger


def _send_of(uploads: Uploads, run_id: str) -> Send | None:
    """The press that the run came of, where it came of one here."""
    for upload in uploads.all():
        for send in sends_of(upload):
            if send.run_id == run_id and send.state is not SendState.NOT_BEGUN:
                return send
    return None
