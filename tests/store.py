"""A small object store on loopback, as much of S3 as an inbox needs."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

import pytest

NOON = "Tue, 24 Nov 2026 12:00:00 GMT"


class Objects(dict[str, bytes]):
    """A bucket: what it holds by key, and whether it lets anybody in."""

    is_closed = False


class Bucket(BaseHTTPRequestHandler):
    """As much of S3 as an inbox needs: list, get, put, copy, delete."""

    objects: Objects

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if self.objects.is_closed:
            return self._send(403, b"<Error><Code>AccessDenied</Code></Error>")
        if "list-type" in query:
            return self._send(200, self._listing(query.get("prefix", [""])[0]))
        if self._key not in self.objects:
            return self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
        return self._send(200, self.objects[self._key])

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        source = self.headers.get("x-amz-copy-source")
        if source is None:
            self.objects[self._key] = content
            return self._send(200, b"")
        key = unquote(source).removeprefix("/").removeprefix("bucket/")
        if key not in self.objects:
            return self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
        self.objects[self._key] = self.objects[key]
        return self._send(200, b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>")

    def do_POST(self) -> None:
        """Delete several at once, which is how one is deleted too."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        keys = [unescape(key) for key in re.findall("<Key>(.*?)</Key>", body)]
        for key in keys:
            self.objects.pop(key, None)
        gone = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        self._send(200, f"<DeleteResult>{gone}</DeleteResult>".encode())

    @property
    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix("/bucket/")

    def _listing(self, prefix: str) -> bytes:
        keys = [key for key in sorted(self.objects) if key.startswith(prefix)]
        here = [key for key in keys if "/" not in key[len(prefix) :]]
        folders = {
            prefix + key[len(prefix) :].split("/")[0] + "/" for key in keys if key not in here
        }
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key])}</Size>"
            f'<LastModified>2026-11-24T12:00:00.000Z</LastModified><ETag>"x"</ETag></Contents>'
            for key in here
        ) + "".join(
            f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>"
            for one in sorted(folders)
        )
        return (
            '<?xml version="1.0"?><ListBucketResult><Name>bucket</Name>'
            f"<IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
        ).encode()

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()[:8]}"')
        self.send_header("Last-Modified", NOON)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def a_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    """The bucket s3://bucket, served as long as inside; the environment leads there."""
    objects = Objects()
    handler = type("Handler", (Bucket,), {"objects": objects})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_REGION": "eu-central-1",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        yield objects
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
