"""The sandbox as an ASGI application; `server` gives it a socket."""

from datetime import timedelta
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from jobmojito_batch.sandbox.bodies import platform_error
from jobmojito_batch.sandbox.create import TOKEN_END
from jobmojito_batch.sandbox.log import RequestLog
from jobmojito_batch.sandbox.request_handler import RequestHandler
from jobmojito_batch.sandbox.request_record import Endpoint
from jobmojito_batch.sandbox.scenario import Scenario
from jobmojito_batch.sandbox.wire import Stamped

_GONE: Final = 410
_DEAD_PAGE: Final = "<!DOCTYPE html><title>Sandbox</title><p>This link has expired.</p>"
_PDF: Final = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
_PAGE: Final = (
    "<!DOCTYPE html><title>Sandbox interview</title><p>An interview would begin here.</p>"
)


def create_app(scenario: Scenario | None = None, *, log: RequestLog | None = None) -> Starlette:
    """
    Return a new sandbox with a state of its own, which is at `app.state.handler`.

    Faults that touch the connection need the sandbox's own server (`serve`, `RunningSandbox`).
    """
    handler = RequestHandler(scenario or Scenario(), log or RequestLog())
    routes = [_route(endpoint) for endpoint in Endpoint]
    app = Starlette(
        routes=[
            Mount("/functions/v1", routes=routes),
            *routes,
            Route("/interview", _interview),
            Route("/report/{key}.pdf", _report),
            Route("/sandbox/clock", _put_forward, methods=["POST"]),
        ],
        middleware=[Middleware(Stamped, world=handler.world)],
        exception_handlers={HTTPException: _no_such_function},
    )
    app.state.handler = handler
    return app


def _route(endpoint: Endpoint) -> BaseRoute:
    async def serve(request: Request) -> Response:
        handler: RequestHandler = request.app.state.handler
        return await handler.serve(request, endpoint)

    return Route(f"/{endpoint}", serve, methods=[endpoint.method])


async def _interview(request: Request) -> Response:
    handler: RequestHandler = request.app.state.handler
    minted_at = handler.world.links.get(
        request.query_params.get("interview_token", "")[-TOKEN_END:]
    )
    is_dead = minted_at is not None and handler.world.now() - minted_at > timedelta(
        days=handler.scenario.lives.link_days
    )
    status = _GONE if is_dead else 200
    handler.note_stray(request, status)
    return HTMLResponse(_DEAD_PAGE if is_dead else _PAGE, status_code=status)


async def _report(request: Request) -> Response:
    handler: RequestHandler = request.app.state.handler
    handler.note_stray(request, 200)
    return Response(_PDF, media_type="application/pdf")


async def _put_forward(request: Request) -> Response:
    """Put the sandbox's clock forward, by a body such as {"days": 3}; it is no call of the API."""
    handler: RequestHandler = request.app.state.handler
    try:
        wanted = await request.json()
        by = timedelta(**{name: float(wanted[name]) for name in wanted})
    except (TypeError, ValueError, OverflowError):
        return platform_error(400, "BAD_CLOCK", 'say {"days": N}, hours, minutes or seconds')
    handler.world.advance(by)
    return JSONResponse({"now": handler.world.now().isoformat()})


async def _no_such_function(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):  # pragma: no cover - Starlette's handlers are untyped
        raise exc
    handler: RequestHandler = request.app.state.handler
    handler.note_stray(request, exc.status_code)
    if exc.status_code == 404:  # noqa: PLR2004
        return platform_error(404, "NOT_FOUND", "Requested function was not found")
    return platform_error(exc.status_code, "METHOD_NOT_ALLOWED", exc.detail)
