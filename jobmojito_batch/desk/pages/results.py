"""Results: what became of the rows of a run, their links and files, and what comes next."""

from pathlib import Path
from typing import Final

from starlette.responses import FileResponse, Response

from jobmojito_batch.columns import Outcome
from jobmojito_batch.desk.sends import send_of
from jobmojito_batch.desk.visit import Visit
from jobmojito_batch.errors import BatchError, SettingsError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline import AskedFiles, link_in, results_page, write_again
from jobmojito_batch.summary import Summary

AT_ONCE: Final = 100
_EARLY: Final = frozenset({ExitCode.STOPPED, ExitCode.INTERRUPTED, ExitCode.TERMINATED, None})
_FILES: Final = ("results", "errors", "summary")
_LEFT: Final = frozenset({Outcome.NOT_SENT, Outcome.FAILED, Outcome.UNKNOWN})
"""Rows that may be sent by going on."""


def show(visit: Visit) -> Response:
    """The page."""
    return _page(visit, {})


def reveal(visit: Visit) -> Response:
    """The page with one link."""
    ordinal = visit.number("ordinal", otherwise=-1)
    with visit.desk.ledger() as ledger:
        link = link_in(_there(ledger), visit.part("run"), ordinal)
    return _page(visit, {ordinal: link} if link else {})


def download(visit: Visit) -> Response:
    """A file of the run: as it was written, else written again from the ledger."""
    name, run_id = visit.part("name"), visit.part("run")
    if name not in _FILES:
        raise SettingsError("there is no such file")
    send = send_of(visit.desk.uploads, run_id)
    kept = send.end.files.get(name) if send is not None and send.end is not None else None
    if kept is not None and Path(kept).is_file():
        return FileResponse(kept, filename=Path(kept).name)

    def write(folder: Path) -> Path:
        asked = AskedFiles(results=str(folder / f"{run_id}.results.csv"))
        with visit.desk.ledger() as ledger:
            files = dict(write_again(_there(ledger), run_id, asked).files.written())
        if name not in files:
            raise BatchError("no row of this run is to be corrected, so there is no such file")
        return Path(files[name])

    return visit.download(write)


def _page(visit: Visit, links: dict[int, str]) -> Response:
    """*links* are those that are revealed, by ordinal."""
    run_id = visit.part("run")
    outcome, text, start = visit.said("outcome"), visit.said("text"), visit.number("start")
    with visit.desk.ledger() as ledger_if_any:
        ledger = _there(ledger_if_any)
        run = ledger.runs.find(run_id)
        if run is None or run.run_id != run_id:
            raise BatchError("the ledger has no such run")
        total, rows = results_page(
            ledger, run_id, outcome=outcome, text=text, start=start, most=AT_ONCE
        )
        outcomes = ledger.results.outcomes(run_id)
    counts = {name: outcomes[name] for name in Outcome if outcomes.get(name)}
    send = send_of(visit.desk.uploads, run_id)
    return visit.page(
        "results.html",
        run_id=run_id,
        summary=Summary.kept(run.summary),
        stop_message=run.stop_message if run.exit_code in _EARLY else None,
        counts=counts,
        outcome=outcome,
        text=text,
        total=total,
        start=start,
        at_once=AT_ONCE,
        rows=rows,
        links=links,
        its_upload=f"/uploads/{send.upload.id}" if send is not None else None,
        has_errors=Outcome.INVALID in counts or Outcome.FAILED in counts,
        has_left=not _LEFT.isdisjoint(counts),
    )


def _there(ledger: Ledger | None) -> Ledger:
    if ledger is None:
        raise BatchError("there is no ledger yet; nothing was ever sent from here")
    return ledger
