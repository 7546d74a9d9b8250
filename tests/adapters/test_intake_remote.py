"""Inputs on the web and in an object store, read by polars from servers on loopback."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import polars as pl
import pytest

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake import input_files, read_inputs
from jobmojito_batch.records import Table

CSV = '\ufeffName;E-Mail\r\n"Ann\r\nLee";ann@example.com\r\n\r\nJo;jo@example.com'.encode()


class Store(BaseHTTPRequestHandler):
    """Files of a folder by GET with ranges, and the list of a bucket as S3 gives it."""

    def __init__(self, folder: Path, *args: object) -> None:
        self.folder = folder
        super().__init__(*args)  # type: ignore[arg-type]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if "list-type" in parse_qs(url.query):
            return self._send(200, self._listing(parse_qs(url.query)), {})
        path = self.folder / unquote(url.path).lstrip("/")
        if not path.is_file():
            return self._send(404, b"<Error><Code>NoSuchKey</Code></Error>", {})
        content = path.read_bytes()
        asked = self.headers.get("Range")
        if asked is None:
            return self._send(200, content, {})
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, len(content) - int(last))
        end = min(int(last), len(content) - 1) if first and last else len(content) - 1
        part = {"Content-Range": f"bytes {start}-{end}/{len(content)}"}
        return self._send(206, content[start : end + 1], part)

    def _listing(self, query: dict[str, list[str]]) -> bytes:
        bucket = self.folder / "bucket"
        prefix = query.get("prefix", [""])[0]
        keys = sorted(str(path.relative_to(bucket)) for path in bucket.rglob("*.*"))
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{(bucket / key).stat().st_size}</Size>"
            '<LastModified>2026-11-24T00:00:00.000Z</LastModified><ETag>"x"</ETag></Contents>'
            for key in keys
            if key.startswith(prefix)
        )
        return (
            '<?xml version="1.0"?><ListBucketResult><Name>bucket</Name>'
            f"<IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
        ).encode()

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", '"x"')
        self.send_header("Last-Modified", "Tue, 24 Nov 2026 00:00:00 GMT")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "served"
    (folder / "bucket").mkdir(parents=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Store, folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def s3(served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {
        "AWS_ENDPOINT_URL": served[1],
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_REGION": "eu-central-1",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    return served[0] / "bucket"


def read(scratch: Path, *inputs: str) -> list[Table]:
    scratch.mkdir(exist_ok=True)
    return read_inputs(inputs, scratch=scratch)


def rows_of(table: Table) -> list[tuple[object, ...]]:
    return [row[:3] for row in table.frame.collect().rows()]


def test_a_csv_on_the_web_is_read_with_its_row_numbers(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, url = served
    (folder / "people.csv").write_bytes(CSV)
    [table] = read(tmp_path / "scratch", f"{url}/people.csv?signature=hush")

    assert table.source == "people.csv"
    assert rows_of(table) == [
        (2, "Ann\nLee", "ann@example.com"),
        (4, "Jo", "jo@example.com"),
    ]


def test_a_copy_of_what_came_from_afar_is_private(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = served
    (folder / "people.csv").write_bytes(CSV)
    read(tmp_path / "scratch", f"{url}/people.csv")
    [copy] = (tmp_path / "scratch").iterdir()

    assert copy.stat().st_mode & 0o777 == 0o600


def test_parquet_on_the_web_is_scanned_where_it_is(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, url = served
    pl.DataFrame({"name": ["Ann"], "email": ["ann@example.com"]}).write_parquet(
        folder / "people.parquet"
    )
    [table] = read(tmp_path / "scratch", f"{url}/people.parquet")

    assert rows_of(table) == [(1, "Ann", "ann@example.com")]
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize("pattern", ["s3://bucket/night/*.csv", "s3://bucket/night/"])
def test_a_prefix_of_a_bucket_is_its_files(s3: Path, tmp_path: Path, pattern: str) -> None:
    """Each row knows its file."""
    (s3 / "night").mkdir()
    (s3 / "night" / "a.csv").write_bytes(CSV)
    (s3 / "night" / "b.csv").write_text("name,email\nMo,mo@example.com\n")
    (s3 / "other.csv").write_text("name,email\nNo,no@example.com\n")
    tables = read(tmp_path / "scratch", pattern)

    assert [table.source for table in tables] == ["a.csv", "b.csv"]
    assert rows_of(tables[1]) == [(2, "Mo", "mo@example.com")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "no such file there", id="missing"),
        pytest.param("Jürgen;x\n".encode("latin-1"), "not UTF-8", id="another-encoding"),
    ],
)
def test_what_cannot_be_read_from_afar_is_one_line_without_its_key(
    served: tuple[Path, str], tmp_path: Path, content: bytes | None, said: str
) -> None:
    folder, url = served
    if content is not None:
        (folder / "people.csv").write_bytes(content)

    with pytest.raises(InputError, match=said) as caught:
        read(tmp_path / "scratch", f"{url}/people.csv?signature=hush")
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pattern_that_matches_nothing_says_so(s3: Path) -> None:
    with pytest.raises(InputError, match="no file matches"):
        input_files([f"s3://{s3.name}/none/*.csv"])
