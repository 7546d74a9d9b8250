"""A stub of the create endpoint that costs next to nothing: prints its URL, then answers."""

import asyncio
import json
import sys

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
            asyncio.get_running_loop().call_later(self.latency, self.answer)

    def answer(self) -> None:
        """Write the answer where the client is still there."""
        if isinstance(self.transport, asyncio.WriteTransport) and not self.transport.is_closing():
            self.transport.write(ANSWER)


async def main(latency: float) -> None:
    """Serve on a free port of loopback."""
    Stub.latency = latency
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
