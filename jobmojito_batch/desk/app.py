"""The desk as an ASGI application: its addresses, and what happens to what goes wrong."""

import asyncio
import errno
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from jobmojito_batch.desk.addresses import PAGES
from jobmojito_batch.desk.desk import Desk
from jobmojito_batch.desk.security import Guard, same
from jobmojito_batch.desk.visit import Answer, Visit
from jobmojito_batch.errors import BatchError

MOST_FILES: Final = 5_000
MOST_FIELDS: Final = 4_000
MOST_OF_A_FIELD: Final = 1 << 20
_SAID_BY_US: Final = frozenset({400, 403, 413})
"""Refusals whose words are for the person: of a form; the others are of an address."""
_NOT_OURS: Final = "That form is not of this desk; go back and reload the page"


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
    app = Starlette(
        routes=[Mount("/static", static), *(_route(desk, *page) for page in PAGES)],
        exception_handlers={HTTPException: lost, Exception: lost},
    )
    return Guard(app, desk.keys)


def _route(desk: Desk, path: str, show: Answer | None, take: Answer | None) -> Route:
    async def serve(request: Request) -> Response:
        if show is not None and request.method != "POST":
            return await asyncio.to_thread(_answered, show, Visit(desk=desk, request=request))
        async with request.form(
            max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=MOST_OF_A_FIELD
        ) as form:
            if take is None or not same(str(form.get("token", "")), desk.keys.token):
                raise HTTPException(403, _NOT_OURS)
            visit = Visit(desk=desk, request=request, form=form)
            return await asyncio.to_thread(_answered, take, visit)

    methods = {"GET": show, "POST": take}
    return Route(path, serve, methods=[name for name, page in methods.items() if page is not None])


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
