"""The sandbox as an ASGI application; `server` gives it a socket."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from jobmojito_batch.sandbox.bodies import platform_error
from jobmojito_batch.sandbox.desk import Desk
from jobmojito_batch.sandbox.exchange import Endpoint
from jobmojito_batch.sandbox.log import RequestLog
from jobmojito_batch.sandbox.scenario import Scenario
from jobmojito_batch.sandbox.wire import Stamped

_PAGE = "<!DOCTYPE html><title>Sandbox interview</title><p>An interview would begin here.</p>"


def create_app(scenario: Scenario | None = None, *, log: RequestLog | None = None) -> Starlette:
    """
    Return a new sandbox with a state of its own, which is at `app.state.desk`.

    Faults that touch the connection need the sandbox's own server (`serve`, `RunningSandbox`).
    """
    desk = Desk(scenario or Scenario(), log or RequestLog())
    routes = [_route(endpoint) for endpoint in Endpoint]
    app = Starlette(
        routes=[Mount("/functions/v1", routes=routes), *routes, Route("/interview", _interview)],
        middleware=[Middleware(Stamped, world=desk.world)],
        exception_handlers={HTTPException: _no_such_function},
    )
    app.state.desk = desk
    return app


def _route(endpoint: Endpoint) -> BaseRoute:
    async def serve(request: Request) -> Response:
        desk: Desk = request.app.state.desk
        return await desk.serve(request, endpoint)

    return Route(f"/{endpoint}", serve, methods=[endpoint.method])


async def _interview(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    desk.note_stray(request, 200)
    return HTMLResponse(_PAGE)


async def _no_such_function(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):  # pragma: no cover - Starlette's handlers are untyped
        raise exc
    desk: Desk = request.app.state.desk
    desk.note_stray(request, exc.status_code)
    if exc.status_code == 404:  # noqa: PLR2004
        return platform_error(404, "NOT_FOUND", "Requested function was not found")
    return platform_error(exc.status_code, "METHOD_NOT_ALLOWED", exc.detail)
