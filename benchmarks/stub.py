"""
A stub of the create endpoint that costs next to nothing: prints its URL, then answers.

`python stub.py SECONDS [FILE]`: with a file it writes there, when it is told to end, at which
moments (of time.monotonic, as doubles) the creates were there as a whole.
"""

import asyncio
import json
import signal
import sys
import time
from array import array
from pathlib import Path

BODY = json.dumps(
    {
        "status": "ai_accept",
        "interview_url": "http://127.0.0.1/interview?interview_token=t",
        "position_def_set_id": "p-1",
        "interview_def_set_id": "i-1",
        "profile_interview_id": "e-1",
    }
).encode()
ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
    + str(len(BODY)).encode()
    + b"\r\n\r\n"
    + BODY
)


class Stub(asyncio.Protocol):
    """Counts the bytes of each request by its content-length and answers after the latency."""

    latency = 0.0
    starts = array("d")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            # A GET (merchant-status) has no body; it gets the answer too, which tells no balance.
            _, _, rest = head.partition(b"content-length:")
            length = int(rest.split(b"\r\n")[0] or 0)
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            if head.startswith(b"post"):
                self.starts.append(time.monotonic())
            asyncio.get_running_loop().call_later(self.latency, self.answer)

    def answer(self) -> None:
        """Write the answer where the client is still there."""
        if isinstance(self.transport, asyncio.WriteTransport) and not self.transport.is_closing():
            self.transport.write(ANSWER)


async def main(latency: float, starts: Path | None) -> None:
    """Serve on a free port of loopback until SIGTERM."""
    Stub.latency = latency
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(Stub, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await ended.wait()
    if starts is not None:
        starts.write_bytes(Stub.starts.tobytes())  # noqa: ASYNC240 - nothing else is left to do


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))
