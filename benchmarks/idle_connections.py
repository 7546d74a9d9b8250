"""
InDoubtRows for nothing: paid calls at many paces against servers that close idle connections early.

    python -m benchmarks.idle_connections
    python -m benchmarks.idle_connections --paces 4 8 --closes 0.1 --keepalive 3

The server is far away: that it has closed is seen 0.1 s later, and what comes until then ends
without an answer. Each such call is in doubt. *fresh* is the share of calls that had a connection
of their own. With --keepalive idle connections are held and used for so many seconds, as most
clients do.
"""

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

from jobmojito_batch.client import JobMojito, TokenSource, transport
from jobmojito_batch.sending import Pace
from jobmojito_batch.settings import load_settings
from jobmojito_batch.verdict import Silence

PACES: Final = (0.2, 1.0, 4.0, 8.0, 50.0, 200.0, 800.0)
CLOSES: Final = (0.01, 0.1, 1.0, 30.0)
ANSWER_SECONDS: Final = 0.05
UNSEEN_SECONDS: Final = 0.1
ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 22\r\n\r\n" + b'{"status":"ai_accept"}'
REQUEST_BODY: Final = b'{"candidate_name": "x"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of the calls at one pace against one server."""

    pace: float
    closes: float
    calls: int
    doubts: int
    connections: int
    seconds: float

    def line(self) -> str:
        """A row of the table."""
        rate = (self.calls - 1) / self.seconds
        return (
            f"| {self.pace:g}/s | {self.closes:g} s | {self.calls} | {self.doubts} | "
            f"{self.connections / self.calls:.2f} | {rate / self.pace:.3f} |"
        )


HEAD: Final = (
    "| pace | server closes after | calls | in doubt | fresh | rate reached / pace |\n"
    "| --- | --- | --- | --- | --- | --- |"
)


class _Closing(asyncio.Protocol):
    """Answers, save on a connection that was idle for too long."""

    def __init__(self, closes: float) -> None:
        self._closes = closes
        self._idle_since: float | None = None
        self._got = b""
        self._is_busy = False

    def connection_made(self, wire: asyncio.BaseTransport) -> None:
        assert isinstance(wire, asyncio.Transport)  # noqa: S101
        self._wire = wire

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not self._got.endswith(REQUEST_BODY):
            return
        self._got = b""
        self._is_busy = True
        since = self._idle_since  # a new connection is not idle yet
        if since is not None and time.monotonic() - since > self._closes:
            self._wire.abort()
        else:
            asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._answer)

    def _answer(self) -> None:
        self._wire.write(ANSWER)
        now = time.monotonic()
        self._idle_since, self._is_busy = now, False
        loop = asyncio.get_running_loop()
        loop.call_later(self._closes + UNSEEN_SECONDS, self._close_if_idle_since, now)

    def _close_if_idle_since(self, moment: float) -> None:
        if self._idle_since == moment and not self._is_busy:
            self._wire.close()


async def _serve(closes: float, told: Connection) -> None:
    made = 0

    def protocol() -> _Closing:
        nonlocal made
        made += 1
        return _Closing(closes)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, backlog=4096)
    told.send(server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, told.recv)
    told.send(made)


def _server(closes: float, told: Connection) -> None:
    asyncio.run(_serve(closes, told))


@contextmanager
def _served(closes: float) -> Iterator[Connection]:
    """A server in a process of its own; sends its port, then its connections when it is asked."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_server, args=(closes, there))
    process.start()
    try:
        yield here
    finally:
        process.join(5)
        process.kill()


async def _call(port: int, pace: float, calls: int) -> tuple[int, float]:
    """Doubts, and seconds from the first start to the last."""
    settings = load_settings(base_url=f"http://127.0.0.1:{port}", api_token="t", max_in_flight=1000)
    starts: list[float] = []
    async with JobMojito(settings, TokenSource(settings)) as api:
        ticking = Pace(pace, now=asyncio.get_running_loop().time, sleep=asyncio.sleep)

        async def one() -> bool:
            await ticking.turn(lambda: False)
            starts.append(time.monotonic())
            answer = await api.create(REQUEST_BODY, "t")
            return answer.silence in {Silence.CONNECTION_LOST, Silence.NO_ANSWER}

        lost = await asyncio.gather(*(one() for _ in range(calls)))
    return sum(lost), max(starts) - min(starts)


def measure(pace: float, closes: float, seconds: float) -> Found:
    """Calls for so many seconds, three at least."""
    calls = max(3, int(pace * seconds))
    with _served(closes) as told:
        doubts, took = asyncio.run(_call(told.recv(), pace, calls))
        told.send(None)
        connections = told.recv()
    return Found(
        pace=pace, closes=closes, calls=calls, doubts=doubts, connections=connections, seconds=took
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--paces", type=float, nargs="+", default=PACES)
    parser.add_argument("--closes", type=float, nargs="+", default=CLOSES)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--keepalive", type=float, metavar="SECONDS")
    asked = parser.parse_args()
    if asked.keepalive is not None:
        transport.REUSE_SECONDS = asked.keepalive  # type: ignore[misc]
        transport.WITNESS_SECONDS = 0.0  # type: ignore[misc]
    print(HEAD)
    for pace in asked.paces:
        for closes in asked.closes:
            print(measure(pace, closes, asked.seconds).line(), flush=True)


if __name__ == "__main__":
    main()
