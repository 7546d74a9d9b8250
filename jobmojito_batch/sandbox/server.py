"""The sandbox on a socket: for the command line (`serve`) and in a thread (`RunningSandbox`)."""

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import uvicorn

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.sandbox.app import create_app
from jobmojito_batch.sandbox.log import Entry, RequestLog
from jobmojito_batch.sandbox.request_handler import RequestHandler
from jobmojito_batch.sandbox.scenario import Scenario
from jobmojito_batch.sandbox.wire import TellingProtocol
from jobmojito_batch.sandbox.world import World
from jobmojito_batch.urls import is_loopback

LOOPBACK: Final = "127.0.0.1"
BASE_PATH: Final = "/functions/v1"
_BACKLOG: Final = 4096
_HIGHEST_PORT: Final = 65_535
_OPEN_FILES: Final = 65_536
_TICK_SECONDS: Final = 0.005
_END_TICK_SECONDS: Final = 0.002
_END_SECONDS: Final = 0.25
_START_SECONDS: Final = 10.0

OnReady = Callable[[str], None]


def serve(
    host: str = LOOPBACK,
    port: int = 8700,
    *,
    scenario: Scenario | None = None,
    log_path: Path | None = None,
    on_ready: OnReady | None = None,
) -> None:
    """
    Serve until SIGINT (returns) or SIGTERM (ends the process, as it would without a server).

    *on_ready* is told the base URL once connections are accepted; port 0 means a free one.
    Raises SettingsError for a host that is not loopback, a port that is taken, a log that
    cannot be written.
    """
    with _listening(host, port) as sock, contextlib.closing(RequestLog(log_path)) as log:
        server = _Server(scenario or Scenario(), log, sock, on_ready)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(server.serve(sockets=[sock]))


class RunningSandbox:
    """
    A sandbox in a thread of this process, on a free port; a context manager.

    `log` and `state` are for looking, not for changing: the server's thread owns them.
    """

    def __init__(
        self, scenario: Scenario | None = None, *, log_path: Path | None = None, port: int = 0
    ) -> None:
        self._scenario = scenario or Scenario()
        self._log = RequestLog(log_path, is_kept=True)
        self._port = port
        self._ready = threading.Event()
        self._fault: BaseException | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.callback(self._log.close)
            sock = stack.enter_context(_listening(LOOPBACK, self._port))
            self._server = _Server(self._scenario, self._log, sock, self._note_ready)
            self._thread = threading.Thread(
                target=self._run, args=(sock,), name="sandbox", daemon=True
            )
            self._thread.start()
            self._wait_until_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        """What a client takes as JOBMOJITO_BASE_URL."""
        return self._server.base_url

    @property
    def log(self) -> list[Entry]:
        """What the log holds so far."""
        return list(self._log.entries)

    @property
    def state(self) -> World:
        """Positions, enrolments and credits behind the endpoints."""
        return self._server.handler.world

    def stop(self) -> None:
        """Close the port and every connection, and end the thread; a second call does nothing."""
        self._server.should_exit = True
        self._thread.join()
        self._stack.close()

    def _run(self, sock: socket.socket) -> None:
        try:
            asyncio.run(self._server.serve(sockets=[sock]))
        except BaseException as exc:  # noqa: BLE001 - a thread's fault is told where it is waited for
            self._fault = exc
        finally:
            self._ready.set()

    def _note_ready(self, _base_url: str) -> None:
        self._ready.set()

    def _wait_until_ready(self) -> None:
        if not self._ready.wait(_START_SECONDS) or self._fault is not None:
            raise RuntimeError("the sandbox did not start") from self._fault


class _Server(uvicorn.Server):
    """Uvicorn, told when it is ready and quick to end."""

    def __init__(
        self, scenario: Scenario, log: RequestLog, sock: socket.socket, on_ready: OnReady | None
    ) -> None:
        app = create_app(scenario, log=log)
        super().__init__(
            uvicorn.Config(
                app,
                http=TellingProtocol,
                loop="asyncio",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,  # the application's own clock may be off on purpose
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_keep_alive=scenario.keep_alive,
            )
        )
        self.handler: RequestHandler = app.state.handler
        self.base_url = _base_url(sock)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then say so."""
        await super().startup(sockets)
        if self.started and self._on_ready is not None:
            self._on_ready(self.base_url)

    async def main_loop(self) -> None:
        """Wait for the end, looking twenty times as often as uvicorn does."""
        while not self.should_exit:  # noqa: ASYNC110 - signal handlers set a flag, no event
            await asyncio.sleep(_TICK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """
        End at once: nobody waits for a call that hangs.

        Uvicorn's own way takes up to a quarter of a second, which tests pay hundreds of times.
        """
        self.handler.works.close()
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if not await self._is_quiet(_END_SECONDS):
            for connection in list(self.server_state.connections):
                connection.transport.abort()
            await self._is_quiet(_END_SECONDS)

    async def _is_quiet(self, patience_seconds: float) -> bool:
        """Wait until no connection and no request is left; False where some are."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_seconds):
                while self._is_busy():  # noqa: ASYNC110 - uvicorn has sets, no event
                    await asyncio.sleep(_END_TICK_SECONDS)
                return True
        return False

    def _is_busy(self) -> bool:
        return bool(self.server_state.connections or self.server_state.tasks)


def _base_url(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{BASE_PATH}"


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on loopback; what it serves needs no password and must not be reached from outside."""
    address = _loopback_address(host)
    if not 0 <= port <= _HIGHEST_PORT:
        raise SettingsError(f"port {port}: there are only 0 to {_HIGHEST_PORT}")
    _allow_many_connections()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        sock = socket.create_server((address, port), family=family, backlog=_BACKLOG)
    except OSError as exc:
        raise SettingsError(
            f"port {port} on {host}: cannot be used ({exc.strerror}); choose another port"
        ) from exc
    with sock:
        yield sock


def _loopback_address(host: str) -> str:
    if host == "localhost":
        return LOOPBACK
    if not is_loopback(host):
        raise SettingsError(f"{host}: the sandbox serves this machine only; use {LOOPBACK}")
    return host


def _allow_many_connections() -> None:
    """Raise this process's limit of open files, where the system lets it."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
