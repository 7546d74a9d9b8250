"""What a file is: its content shows it; its suffix speaks only where the content says nothing."""

import json
import re
import zipfile
from enum import StrEnum
from pathlib import Path
from typing import Final

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.encodings import is_utf_16
from jobmojito_batch.intake.paths import COLUMNAR, LINES, WORKBOOKS
from jobmojito_batch.intake.workbook_bounds import BROKEN


class Kind(StrEnum):
    """What reads a file."""

    TEXT = "text"
    WORKBOOK = "workbook"
    PARQUET = "parquet"
    LINES = "lines"
    JSON = "json"
    HTML = "html"
    SPREADSHEET_XML = "xml"
    GZIP = "gzip"
    ZIP = "zip"
    ZSTD = "zstd"


HEAD_BYTES: Final = 64 * 1024

_MAGIC: Final = {
    b"PAR1": Kind.PARQUET,
    bytes.fromhex("D0CF11E0A1B11AE1"): Kind.WORKBOOK,
    b"\x1f\x8b\x08": Kind.GZIP,
    b"\x28\xb5\x2f\xfd": Kind.ZSTD,
}
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_UNREAD: Final = {
    b"%PDF-": "a PDF",
    b"{\\rtf": "a text document (RTF)",
    b"7z\xbc\xaf\x27\x1c": "packed by 7-Zip",
    b"Rar!\x1a\x07": "packed by RAR",
    b"\xfd7zXZ\x00": "packed by xz",
    b"BZh91AY&SY": "packed by bzip2",
    b"SQLite format 3\x00": "a database (SQLite)",
    b"ARROW1\x00\x00": "an Arrow file",
    b"Obj\x01": "an Avro file",
}
_TAR: Final = (257, b"ustar")
# Tags, and not just a bracket: `<Name>` may be a header of a CSV.
_HTML: Final = re.compile(
    rb"\s*(?:<\?xml[^>]*\?>\s*|<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|table|meta|style|"
    rb"div|center|title|tr|thead|tbody)\b",
    re.IGNORECASE | re.DOTALL,
)
_PAGE: Final = re.compile(rb"<!doctype\s+html|<html\b", re.IGNORECASE)
_XML: Final = re.compile(rb"\s*<(?:\?xml|!DOCTYPE|[A-Za-z_]\w*:[A-Za-z]|Workbook\b)")
_SPREADSHEET: Final = re.compile(
    rb"urn:schemas-microsoft-com:office:spreadsheet|progid=\"Excel\.Sheet\""
)
_JSON_LIST: Final = re.compile(rb'\s*\[\s*(?:\{\s*["}]|\]|\[\s*")')
_JSON_OBJECT: Final = re.compile(rb'\s*\{\s*(?:"|\}|$)')
_BOMS: Final = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_BINARY: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def kind_of(path: Path, source: str) -> Kind:
    """
    What *path* is. Raises InputError for what is known and holds no table, such as a PDF.

    A broken archive is taken for a workbook unless it is called .zip, and what is no text for what
    its suffix says: their readers say what is wrong with it.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if head.startswith(_ZIP):
        return _archive(path, source)
    _refuse_others(head, source)
    return _markup(_as_ascii(head), source) or _json(head, path) or _plain(head, path)


def _archive(path: Path, source: str) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.replace("\\", "/").lower() for name in archive.namelist()}
    except BROKEN:
        return Kind.ZIP if path.suffix.lower() == ".zip" else Kind.WORKBOOK
    if any(name.startswith("word/") for name in names):
        raise _no_table(source, "a Word document")
    if any(name.startswith("ppt/") for name in names):
        raise _no_table(source, "a presentation")
    is_workbook = any(name.startswith("xl/") for name in names) or (
        names & {"[content_types].xml", "mimetype"} and names & {"content.xml", "_rels/.rels"}
    )
    return Kind.WORKBOOK if is_workbook else Kind.ZIP


def _refuse_others(head: bytes, source: str) -> None:
    for magic, what in _UNREAD.items():
        if head.startswith(magic):
            raise _no_table(source, what)
    if head[_TAR[0] :].startswith(_TAR[1]):
        raise _no_table(source, "a tar archive")


def _no_table(source: str, what: str) -> InputError:
    verb = "unpack it first" if "packed" in what or "archive" in what else "export a table instead"
    return InputError(f"{source}: is not text but {what}; {verb} (CSV, .xlsx, Parquet or JSON)")


def _as_ascii(head: bytes) -> bytes:
    """The head without what marks its encoding, a byte a letter: enough for tags and braces."""
    mark = next((mark for mark in _BOMS if head.startswith(mark)), b"")
    text = head[len(mark) :]
    if mark[:1] in {b"\xff", b"\xfe"} or (not mark and is_utf_16(head)):
        return text.replace(b"\x00", b"")
    return text


def _markup(head: bytes, source: str) -> Kind | None:
    if not head.lstrip().startswith(b"<"):
        return None
    if _XML.match(head) and _SPREADSHEET.search(head) and b"Workbook" in head:
        return Kind.SPREADSHEET_XML
    if _HTML.match(head) and (_PAGE.search(head) or b"<tr" in head.lower()):
        return Kind.HTML
    if head.lstrip().startswith(b"<?xml"):
        raise _no_table(source, "XML of a kind that is not read")
    return None


def _json(head: bytes, path: Path) -> Kind | None:
    text = _as_ascii(head)
    if _JSON_LIST.match(text):
        return Kind.JSON
    if not _JSON_OBJECT.match(text):
        return None
    first, _, rest = text.strip().partition(b"\n")
    is_alone = not rest.strip()
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        # An object over several lines begins with its brace; else a line is broken, or very long.
        is_cut = is_alone and len(head) == HEAD_BYTES
        is_lines = path.suffix.lower() in LINES - {".json"} and first.strip() != b"{"
        return Kind.LINES if is_lines and not is_cut else Kind.JSON
    return Kind.JSON if is_alone and _holds_a_list(value) else Kind.LINES


def _holds_a_list(value: object, depth: int = 4) -> bool:
    """Whether an object on one line has a list of objects in it, which may be the rows."""
    if not isinstance(value, dict) or not depth:
        return False
    return any(
        (isinstance(inner, list) and inner and isinstance(inner[0], dict | list))
        or _holds_a_list(inner, depth - 1)
        for inner in value.values()
    )


def _plain(head: bytes, path: Path) -> Kind:
    suffix = path.suffix.lower()
    is_text = not _BINARY.search(head) or is_utf_16(head)
    # A single line under a workbook's suffix is no table either.
    if not is_text or b"\n" not in head.replace(b"\r", b"\n"):
        if suffix in WORKBOOKS:
            return Kind.WORKBOOK
        if suffix in COLUMNAR:
            return Kind.PARQUET
    return Kind.LINES if suffix in LINES else Kind.TEXT
