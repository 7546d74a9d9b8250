"""The desk on a socket of this machine, and how a browser gets there unseen."""

import asyncio
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from html import escape
from pathlib import Path
from typing import Final

import uvicorn

from jobmojito_batch.desk.app import create_app
from jobmojito_batch.desk.desk import Desk
from jobmojito_batch.desk.security import Keys
from jobmojito_batch.errors import SettingsError

LOOPBACK: Final = "127.0.0.1"
_END_SECONDS: Final = 2


def serve(port: int, on_ready: Callable[[Keys], None]) -> None:
    """Serve until SIGINT or SIGTERM; port 0 means a free one. Raises SettingsError."""
    try:
        sock = socket.create_server((LOOPBACK, port))
    except OSError as exc:
        raise SettingsError(
            f"--port {port}: cannot be used ({exc.strerror}); choose another, or none"
        ) from None
    with sock, suppress(KeyboardInterrupt):
        keys = Keys(sock.getsockname()[1])
        with closing(Desk(keys)) as desk:
            config = uvicorn.Config(
                create_app(desk),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,  # addresses hold the key
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_END_SECONDS,
            )
            on_ready(keys)  # who comes before the loop runs waits in the queue of the socket
            asyncio.run(uvicorn.Server(config).serve(sockets=[sock]))


@contextmanager
def opening_page(keys: Keys) -> Iterator[Path]:
    """
    A file that leads a browser to the desk, for this person alone, gone afterwards.

    The address itself would stand in the list of processes, where others on the machine read it.
    """
    with tempfile.TemporaryDirectory(prefix="jobmojito-desk-") as folder:
        page = Path(folder) / "open.html"
        page.touch(mode=0o600)
        address = escape(keys.address, quote=True)
        page.write_text(
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>The desk</title>'
            f'<meta http-equiv="refresh" content="0;url={address}"></head>'
            f'<body><p><a href="{address}">Open the desk</a></p></body></html>',
            encoding="utf-8",
        )
        yield page
