"""The desk as an ASGI application: its addresses, and what happens to what goes wrong."""

import asyncio
import errno
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from jobmojito_batch.desk.desk import Desk
from jobmojito_batch.desk.pages import (
    afterwards,
    columns,
    person,
    plan,
    progress,
    results,
    rows,
    runs,
    start,
)
from jobmojito_batch.desk.security import Guard, TooLargeError, same
from jobmojito_batch.desk.visit import MOST_FIELDS, MOST_OF_A_FIELD, Answer, Visit
from jobmojito_batch.errors import BatchError

MOST_FILES: Final = 5_000
_UPLOAD: Final = "/uploads/{upload}"
_PAGES: Final[tuple[tuple[str, str, Answer], ...]] = (
    ("GET", "/", start.show),
    ("POST", "/uploads", start.take),
    ("POST", f"{_UPLOAD}/remove", start.remove),
    ("GET", f"{_UPLOAD}/columns", columns.show),
    ("POST", f"{_UPLOAD}/columns", columns.take),
    ("POST", f"{_UPLOAD}/columns/forget", columns.forget),
    ("GET", f"{_UPLOAD}/rows", rows.show),
    ("POST", f"{_UPLOAD}/rows", rows.correct),
    ("POST", f"{_UPLOAD}/rows/leave-out", rows.leave_out),
    ("POST", f"{_UPLOAD}/rows/replace", rows.replace),
    ("POST", f"{_UPLOAD}/rows/undo", rows.undo),
    ("GET", f"{_UPLOAD}/corrected", rows.download),
    ("GET", f"{_UPLOAD}/plan", plan.show),
    ("POST", f"{_UPLOAD}/plan", plan.answer),
    ("POST", f"{_UPLOAD}/send", plan.send),
    ("GET", f"{_UPLOAD}/progress", progress.show),
    ("POST", f"{_UPLOAD}/stop", progress.stop),
    ("GET", "/runs", runs.show),
    ("POST", "/runs/reconcile", runs.reconcile),
    ("GET", "/runs/{run}", results.show),
    ("POST", "/runs/{run}", results.show),
    ("POST", "/runs/{run}/link", results.reveal),
    ("GET", "/runs/{run}/files/{name}", results.download),
    ("GET", "/runs/{run}/afterwards", afterwards.show),
    ("GET", "/runs/{run}/afterwards/{name}", afterwards.download),
    ("POST", "/runs/{run}/letters", afterwards.write_letters),
    ("POST", "/runs/{run}/letters/post", afterwards.post_letters),
    ("POST", "/runs/{run}/followup", afterwards.follow_up),
    ("GET", "/person", person.show),
    ("POST", "/person", person.find),
    ("POST", "/person/forget", person.forget),
)


def create_app(desk: Desk) -> ASGIApp:
    """The application of one start of the desk, guarded."""

    async def lost(_: Request, exc: Exception) -> Response:
        return _lost(desk, exc)

    static = StaticFiles(directory=Path(__file__).with_name("static"))
    routes = [_route(desk, method, path, answer) for method, path, answer in _PAGES]
    app = Starlette(
        routes=[Mount("/static", static), *routes],
        exception_handlers={HTTPException: lost},
    )
    return Guard(app, desk.keys)


def _route(desk: Desk, method: str, path: str, answer: Answer) -> Route:
    async def serve(request: Request) -> Response:
        form = FormData()
        try:
            if request.method == "POST":
                form = await request.form(
                    max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=MOST_OF_A_FIELD
                )
            visit = Visit(
                desk=desk,
                path={name: str(value) for name, value in request.path_params.items()},
                query=dict(request.query_params),
                form=form,
                is_partial=request.headers.get("hx-request") == "true",
            )
            if request.method == "POST" and not same(visit.said("token"), desk.keys.token):
                return _told(
                    visit, "That form is not of this desk; go back and reload the page", 403
                )
            return await asyncio.to_thread(_answered, answer, visit)
        except (MultiPartException, TooLargeError) as exc:
            return _told(_nobody(desk), f"That is too much at once: {exc}", 413)
        finally:
            await form.close()

    return Route(path, serve, methods=[method])


def _answered(answer: Answer, visit: Visit) -> Response:
    """What the page answers; what goes wrong with a known cause is a sentence."""
    try:
        return answer(visit)
    except BatchError as exc:
        return _told(visit, str(exc), 400)
    except OSError as exc:
        if exc.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        return _told(visit, "The disk is full. Make room, then do it again; nothing is lost", 507)


def _told(visit: Visit, sentence: str, status: int) -> Response:
    text = f"{sentence[:1].upper()}{sentence[1:]}".rstrip(".")
    return visit.page("sentence.html", status=status, sentence=text)


def _nobody(desk: Desk) -> Visit:
    return Visit(desk=desk, path={}, query={})


def _lost(desk: Desk, exc: Exception) -> Response:
    code = exc.status_code if isinstance(exc, HTTPException) else 500
    detail = exc.detail if isinstance(exc, HTTPException) else ""
    return _told(_nobody(desk), detail if code == 400 else "There is no such page", code)  # noqa: PLR2004
