"""Start: an upload, the account, the runs so far."""

from typing import Final

from starlette.responses import Response

from jobmojito_batch.desk.pages.columns import seen_of
from jobmojito_batch.desk.pages.runs import runs_of
from jobmojito_batch.desk.sends import SendState, latest_of
from jobmojito_batch.desk.uploads import Upload, read_json
from jobmojito_batch.desk.visit import Visit

MOST_RUNS: Final = 10
_STANDS: Final = {
    SendState.GOING_ON: ("is being sent", "Watch it", "progress"),
    SendState.ENDED: ("sent", "Look at it", "progress"),
    SendState.NOT_BEGUN: ("nothing was sent", "Look at it", "progress"),
    SendState.BROKEN_OFF: ("its sending broke off", "Go on", "progress"),
    None: ("not sent yet", "Go on", "columns"),
}
"""How an upload stands by its latest send, what its link says, and where that leads."""


def show(visit: Visit) -> Response:
    """The page."""
    desk = visit.desk
    with desk.ledger() as ledger:
        runs = runs_of(ledger, most=MOST_RUNS)
    return visit.page(
        "start.html",
        settings=desk.settings,
        account=desk.account(),
        uploads=[(upload, *_stands(upload)) for upload in desk.uploads.all()],
        runs=runs,
    )


def take(visit: Visit) -> Response:
    """An upload, read at once: as an earlier file with the same headers, if there was one."""
    uploads = visit.desk.uploads
    upload = uploads.new(visit.files)
    if mapping := read_json(uploads.mapping_file(seen_of(upload).headers), dict[str, str]):
        upload.say(mapping=mapping, is_remembered=True)
    return visit.go(f"/uploads/{upload.id}/columns")


def remove(visit: Visit) -> Response:
    """An upload and all its files go, save while it is sent."""
    send = latest_of(visit.upload)
    if send is not None and send.state is SendState.GOING_ON:
        return visit.go(f"{visit.home}/progress")
    visit.desk.uploads.remove(visit.upload)
    return visit.go("/", said="removed")


def _stands(upload: Upload) -> tuple[str, str, str]:
    send = latest_of(upload)
    return _STANDS[send.state if send is not None else None]
