"""The desk as an ASGI application: its addresses, and what happens to what goes wrong."""

import asyncio
import errno
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
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
from jobmojito_batch.desk.security import Guard, same
from jobmojito_batch.desk.visit import Answer, Visit
from jobmojito_batch.errors import BatchError

MOST_FILES: Final = 5_000
MOST_FIELDS: Final = 4_000
MOST_OF_A_FIELD: Final = 1 << 20
_SAID_BY_US: Final = frozenset({400, 403, 413})
"""Refusals whose words are for the person: of a form; the others are of an address."""
_UPLOAD: Final = "/uploads/{upload}"
_RUN: Final = "/runs/{run}"
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
    ("GET", _RUN, results.show),
    ("POST", _RUN, results.show),
    ("POST", f"{_RUN}/link", results.reveal),
    ("GET", f"{_RUN}/files/{{name}}", results.download),
    ("GET", f"{_RUN}/afterwards", afterwards.show),
    ("GET", f"{_RUN}/afterwards/{{name}}", afterwards.download),
    ("POST", f"{_RUN}/letters", afterwards.write_letters),
    ("POST", f"{_RUN}/letters/post", afterwards.post_letters),
    ("POST", f"{_RUN}/followup", afterwards.follow_up),
    ("GET", "/person", person.show),
    ("POST", "/person", person.find),
    ("POST", "/person/forget", person.forget),
)


def create_app(desk: Desk) -> ASGIApp:
    """The application of one start of the desk, guarded."""

    def lost(request: Request, exc: Exception) -> Response:
        """What Starlette refuses (an address, a form that is too much), and faults of ours."""
        code, says = 500, f"That is a fault of the program ({type(exc).__name__}); nothing is lost"
        if isinstance(exc, HTTPException):
            code = exc.status_code
            says = exc.detail if code in _SAID_BY_US else "There is no such page"
        return _told(Visit(desk=desk, request=request), says, code)

    static = StaticFiles(directory=Path(__file__).with_name("static"))
    routes = [_route(desk, method, path, answer) for method, path, answer in _PAGES]
    app = Starlette(
        routes=[Mount("/static", static), *routes],
        exception_handlers={HTTPException: lost, Exception: lost},
    )
    return Guard(app, desk.keys)


def _route(desk: Desk, method: str, path: str, answer: Answer) -> Route:
    async def serve(request: Request) -> Response:
        if request.method != "POST":
            return await asyncio.to_thread(_answered, answer, Visit(desk=desk, request=request))
        async with request.form(
            max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=MOST_OF_A_FIELD
        ) as form:
            if not _has_token(form, desk):
                raise HTTPException(
                    403, "That form is not of this desk; go back and reload the page"
                )
            visit = Visit(desk=desk, request=request, form=form)
            return await asyncio.to_thread(_answered, answer, visit)

    return Route(path, serve, methods=[method])


def _has_token(form: FormData, desk: Desk) -> bool:
    return same(str(form.get("token", "")), desk.keys.token)


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
