"""Start: an upload, the account, the runs so far."""

from dataclasses import dataclass

from starlette.responses import Response

from jobmojito_batch.desk.pages.runs import runs_of
from jobmojito_batch.desk.sends import SendState, latest_of
from jobmojito_batch.desk.uploads import NewFiles, Upload
from jobmojito_batch.desk.visit import Visit

MOST_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLine:
    """An upload in a line, and where one goes on with it."""

    id: str
    name: str
    uploaded_at: str
    stands: str
    go_on: str
    to: str


_STANDS = {
    SendState.GOING_ON: ("is being sent", "Watch it", "progress"),
    SendState.ENDED: ("sent", "Look at it", "progress"),
    SendState.NOT_BEGUN: ("nothing was sent", "Look at it", "progress"),
    SendState.BROKEN_OFF: ("its sending broke off", "Go on", "progress"),
}


def show(visit: Visit) -> Response:
    """The page."""
    desk = visit.desk
    settings = desk.settings
    with desk.ledger() as ledger:
        runs = runs_of(ledger, most=MOST_SHOWN)
    return visit.page(
        "start.html",
        environment=settings.environment,
        base_url=settings.base_url,
        account=desk.account(),
        uploads=[_line(upload) for upload in desk.uploads.all()[:MOST_SHOWN]],
        runs=runs,
    )


def take(visit: Visit) -> Response:
    """An upload, read at once."""
    candidates, jobs = visit.files("candidates"), visit.files("jobs")
    upload = visit.desk.uploads.new(
        NewFiles(
            candidates=candidates[0] if candidates else None,
            resumes=visit.files("resumes"),
            jobs=jobs[0] if jobs else None,
        )
    )
    visit.desk.open_uploads.find(upload.id).recall_mapping()
    return visit.go(f"/uploads/{upload.id}/columns")


def remove(visit: Visit) -> Response:
    """An upload and all its files go, save while it is sent."""
    send = latest_of(visit.open.upload)
    if send is not None and send.state is SendState.GOING_ON:
        return visit.go(f"{visit.home}/progress")
    visit.desk.open_uploads.remove(visit.path["upload"])
    return visit.go("/", said="removed")


def _line(upload: Upload) -> UploadLine:
    send = latest_of(upload)
    stands, go_on, to = (
        _STANDS[send.state] if send is not None else ("not sent yet", "Go on", "columns")
    )
    note = upload.note
    return UploadLine(
        id=upload.id,
        name=note.name,
        uploaded_at=f"{note.uploaded_at:%Y-%m-%d %H:%M} UTC",
        stands=stands,
        go_on=go_on,
        to=to,
    )
