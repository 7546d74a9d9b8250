"""On loopback: where alerts go (a mail server, a webhook), and a Prefect API that is of no use."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PASSWORD = "made-up-password"


class MailServer:
    """A mail server for one sender at a time; `answer` is what it says to a message."""

    def __init__(self, answer: str = "250 taken", *, hangs: bool = False) -> None:
        self.messages: list[str] = []
        self._answer, self._hangs = answer, hangs
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for one in self._open:
            one.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(connection)
            if not self._hangs:  # one that hangs takes the connection and never says a word
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        def say(text: str) -> None:
            connection.sendall(f"{text}\r\n".encode())

        with connection, connection.makefile("r", encoding="utf-8", newline="\r\n") as lines:
            say("220 mail.example ready")
            for line in lines:
                word = line.split(":")[0].split()[0].upper()
                if word == "QUIT":
                    say("221 bye")
                    return
                if word != "DATA":
                    say("250 mail.example")
                    continue
                say("354 go on")
                self.messages.append("".join(iter(lines.readline, ".\r\n")))
                say(self._answer)


@contextmanager
def webhook(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that takes JSON; gives its address as apprise writes it, and what it took."""
    taken: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"json://user:{PASSWORD}@127.0.0.1:{server.server_port}/hook", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def mail_to(server: MailServer) -> str:
    return (
        f"mailto://user:{PASSWORD}@127.0.0.1:{server.port}?smtp=127.0.0.1&mode=insecure"
        "&user=&from=batch@example.com&to=hr@example.com"
    )


@contextmanager
def api_that_takes_nothing(status: int) -> Iterator[str]:
    """A Prefect API whose health is well and which answers *status* to all else; its address."""

    class Api(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200 if self.path.rstrip("/").endswith("/health") else status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"true")

        do_GET = do_POST = do_PATCH = answer  # noqa: N815 - as http.server names them

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
