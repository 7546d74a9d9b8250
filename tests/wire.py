"""A wire to the PostgreSQL server that a test can cut, at the worst moment too."""

import contextlib
import socket
import threading
from enum import StrEnum
from types import TracebackType
from typing import Self

from sqlalchemy import make_url

from tests.postgresql import SERVER


class Cut(StrEnum):
    """When a client's COMMIT comes by: what is lost."""

    COMMIT = "commit"
    """The COMMIT itself: the server rolls back."""
    ANSWER = "answer"
    """The answer to it: the server has committed."""


class Wire:
    """Listens on this machine and passes everything on, until it is told otherwise."""

    def __init__(self) -> None:
        server = make_url(SERVER)
        self._server = (server.host or "127.0.0.1", server.port or 5432)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.cut: Cut | None = None
        self.is_up = True

    @property
    def port(self) -> int:
        """Where clients connect."""
        return int(self._listening.getsockname()[1])

    def url(self, of_schema: str) -> str:
        """The URL of a schema, by way of this wire; not encrypted, so that it sees a COMMIT."""
        return (
            make_url(of_schema)
            .set(host="127.0.0.1", port=self.port)
            .update_query_dict({"sslmode": "disable"})
            .render_as_string(hide_password=False)
        )

    def break_all(self) -> None:
        """Every connection is gone, as when the server is started anew."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.break_all()
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if not self.is_up:
                client.close()
                continue
            server = socket.create_connection(self._server)
            self._ends += [client, server]
            self._start(self._from_client, client, server)
            self._start(self._pass, server, client)

    def _from_client(self, client: socket.socket, server: socket.socket) -> None:
        self._pass(client, server, is_client=True)

    def _pass(
        self, source: socket.socket, target: socket.socket, *, is_client: bool = False
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if is_client and self.cut is not None and b"COMMIT\0" in data:
                    self._strike(data, source, target)
                    return
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _strike(self, data: bytes, client: socket.socket, server: socket.socket) -> None:
        cut, self.cut = self.cut, None
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)  # what the server says now reaches nobody
        if cut is Cut.ANSWER:
            server.sendall(data)
            server.shutdown(socket.SHUT_WR)  # the server commits, answers, and sees the end
        else:
            server.shutdown(socket.SHUT_RDWR)
