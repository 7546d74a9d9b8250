"""An inbox that is a prefix of an object store, against a small S3 on loopback."""

import hashlib
import re
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

import pytest

from jobmojito_batch.errors import InputError
from jobmojito_batch.inbox import Found, Inbox, find_whole, open_inbox, sha256_of
from jobmojito_batch.intake import is_input_name

DAY = "2026-11-24"
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


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
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
    yield objects
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def inbox(bucket: Objects, tmp_path: Path) -> Inbox:  # noqa: ARG001 - it is the one that answers
    copies = tmp_path / "copies"
    copies.mkdir(mode=0o700)
    return open_inbox("s3://bucket/in/", copies=copies)


def look(inbox: Inbox, *, needs_markers: bool = False) -> Found:
    def sleep(_: float) -> None:
        raise AssertionError("objects appear whole: nobody has to look twice")

    return find_whole(
        inbox,
        is_input=lambda name, is_marked: is_input_name(name, is_marked=is_marked),
        needs_markers=needs_markers,
        stable_seconds=7.0,
        sleep=sleep,
    )


def test_objects_directly_under_the_prefix_are_taken_at_once(bucket: Objects, inbox: Inbox) -> None:
    for key in ("in/a.csv", "in/done/x.csv", "in/.b.csv", "in/a.results.csv", "other/c.csv"):
        bucket[key] = b"x"

    assert look(inbox) == Found(("a.csv",), waiting=0)


def test_markers_count_for_objects_too(bucket: Objects, inbox: Inbox) -> None:
    bucket |= {"in/a.csv": b"x", "in/b.csv": b"x", "in/b.csv.done": b""}

    assert look(inbox, needs_markers=True) == Found(("b.csv",), waiting=1)


def test_an_object_is_read_from_a_copy_that_is_the_owners_alone(
    bucket: Objects, inbox: Inbox
) -> None:
    bucket["in/a.csv"] = b"one,two\n" * 1000

    copy = inbox.local("a.csv")

    assert copy.read_bytes() == bucket["in/a.csv"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_an_object_is_renamed_and_never_over_another(bucket: Objects, inbox: Inbox) -> None:
    for content in (b"one", b"two"):
        bucket |= {"in/a.csv": content, "in/a.csv.done": b""}
        inbox.put_away("a.csv", f"done/{DAY}", run_id="r1")

    assert bucket[f"in/done/{DAY}/a.csv"] == b"one"
    assert bucket[f"in/done/{DAY}/a-2.csv"] == b"two"
    assert [key for key in bucket if "done/" not in key] == []
    assert inbox.earlier_runs() == {"r1"}


def test_why_an_object_failed_is_beside_it(bucket: Objects, inbox: Inbox) -> None:
    bucket["in/a.csv"] = b"x"

    inbox.put_away("a.csv", f"failed/{DAY}", note="broken\nhere")

    assert bucket[f"in/failed/{DAY}/a.csv.error.txt"] == b"broken here\n"


def test_whether_an_object_is_still_what_was_read(bucket: Objects, inbox: Inbox) -> None:
    bucket["in/a.csv"] = b"one"
    before = sha256_of(inbox.local("a.csv"))

    assert inbox.is_as("a.csv", before) is True
    bucket["in/a.csv"] = b"two"
    assert inbox.is_as("a.csv", before) is False
    del bucket["in/a.csv"]
    assert inbox.is_as("a.csv", before) is None


def test_an_object_that_is_gone_is_no_fault(inbox: Inbox) -> None:
    assert inbox.put_away("a.csv", f"done/{DAY}") == "a.csv"


def test_old_nights_go_and_nothing_else(bucket: Objects, inbox: Inbox) -> None:
    for day in ("2026-08-01", DAY):
        bucket["in/a.csv"] = b"x"
        inbox.put_away("a.csv", f"done/{day}", note="a note")
    bucket["in/done/2026-08-01/somebody-elses.docx"] = b"x"
    bucket["in/done/2026-08-02/a.csv"] = b"no list of ours"
    bucket["in/done/older/a.csv"] = b"no day"

    assert inbox.remove_old_nights(before=DAY) == 2

    left = {key.removeprefix("in/done/") for key in bucket if not key.endswith(".jobmojito-batch")}
    assert left == {
        "2026-08-01/somebody-elses.docx",
        "2026-08-02/a.csv",
        "older/a.csv",
        f"{DAY}/a.csv",
        f"{DAY}/a.csv.note.txt",
    }


def test_a_store_that_lets_nobody_in_is_a_line(bucket: Objects, inbox: Inbox) -> None:
    bucket.is_closed = True

    with pytest.raises(InputError, match="s3://bucket/in/: listing failed") as caught:
        look(inbox)

    assert "made-up" not in str(caught.value)
