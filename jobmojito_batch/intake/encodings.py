"""
The encoding of a delimited file, and a UTF-8 copy of one that has another.

polars decodes bytes that are not UTF-8 differently from run to run, so nothing but UTF-8 is ever
given to it.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import chardet

from jobmojito_batch.errors import InputError

BLOCK_BYTES: Final = 1 << 20
UTF_8: Final = "UTF-8"

# What exports are written in where it is not Unicode. chardet is asked about these alone: with all
# that it knows, three accents in a short file are Icelandic or a Macintosh's.
_LEGACY: Final = {
    "windows-1250": "cp1250",
    "windows-1252": "cp1252",
    "iso-8859-2": "iso8859_2",
    "iso-8859-1": "latin_1",
}
_NAMES: Final = {
    "cp1250": "Windows-1250",
    "cp1252": "Windows-1252",
    "iso8859_2": "ISO-8859-2",
    "latin_1": "ISO-8859-1",
    "utf_16_le": "UTF-16 LE",
    "utf_16_be": "UTF-16 BE",
    "utf_8": UTF_8,
}
_SAMPLE_BYTES: Final = 200_000
_LINE_WITH_ACCENTS: Final = re.compile(rb"[^\n\r]*[\x80-\xff][^\n\r]*[\n\r]*")
_NOT_ASCII: Final = re.compile("[^\x00-\x7f]")
_UNDECODABLE: Final = re.compile("[\udc80-\udcff]")
# Control characters that no text holds; a NUL may be a slip of the program that wrote the file.
_BINARY: Final = re.compile(rb"[\x01-\x08\x0e-\x19\x1c-\x1f]")
_MOST_BINARY_SHARE: Final = 0.01
_MAGIC: Final = (b"PK\x03\x04", bytes.fromhex("D0CF11E0"), b"%PDF-", b"PAR1", b"\x1f\x8b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A delimited file that may be parsed: UTF-8 without NUL bytes."""

    path: Path
    encoding: str
    """What the original is written in, as people call it."""
    notes: tuple[str, ...] = ()


class NotPlainError(Exception):
    """The file is not UTF-8, or holds NUL bytes: `as_plain` makes a copy that can be parsed."""


class UndecodableError(Exception):
    """A byte has no meaning in *codec*, which the rest of the file is written in."""

    def __init__(self, codec: str) -> None:
        super().__init__(codec)
        self.codec = codec
        self.encoding = _NAMES[codec]


def is_utf_16(head: bytes) -> bool:
    """Whether a file that starts with *head* is UTF-16, by its mark or its zeros."""
    return _utf_16(head) is not None


def as_plain(path: Path, source: str, scratch: Path) -> Plain:
    """
    A copy of *path* in *scratch*, in UTF-8 and without NUL bytes; mode 600.

    Raises InputError for what is no text, UndecodableError.
    """
    with path.open("rb") as file:
        head = file.read(_SAMPLE_BYTES)
    refuse_binary(head, source)
    codec = _utf_16(head) or _eight_bit_codec(path)
    copy = scratch / f"{len(list(scratch.iterdir()))}.utf8.csv"
    has_nul = False
    with copy.open("xb") as out:
        copy.chmod(0o600)
        for text in _decoded(path, codec):
            has_nul = has_nul or "\x00" in text
            out.write(text.replace("\x00", "").encode("utf-8", "surrogatepass"))
    name = _NAMES[codec]
    notes = []
    if codec in _LEGACY.values():
        notes.append(f"read as {name}, by the look of its letters; check that the names are right")
    if has_nul:
        notes.append("holds NUL bytes, which are left out")
    return Plain(path=copy, encoding=name, notes=tuple(notes))


def refuse_binary(head: bytes, source: str) -> None:
    """Raise InputError where *head* is the beginning of something else than text."""
    if _utf_16(head) is not None:
        return
    strange = len(_BINARY.findall(head))
    if head.startswith(_MAGIC) or strange > len(head) * _MOST_BINARY_SHARE:
        raise InputError(
            f"{source}: is not text; save it as CSV UTF-8, or give a workbook its own suffix "
            "(.xlsx)"
        )


def _utf_16(head: bytes) -> str | None:
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf_16_le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf_16_be"
    # Without a mark: of Latin text every other byte is a zero.
    sample = head[:4096]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    most, least = max(even, odd), min(even, odd)
    if most * 2 < len(sample) // 2 or least * 10 > most:
        return None
    return "utf_16_be" if even > odd else "utf_16_le"


def _eight_bit_codec(path: Path) -> str:
    """
    UTF-8 where more of what is not ASCII decodes than does not, so that a stray byte is named.

    Else the legacy encoding that the lines with accents look like.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = 0
    lines: list[bytes] = []
    room = _SAMPLE_BYTES
    for block in _blocks(path):
        text = decoder.decode(block)
        wrong = len(_UNDECODABLE.findall(text))
        bad += wrong
        good += len(_NOT_ASCII.findall(text)) - wrong
        for match in _LINE_WITH_ACCENTS.finditer(block) if room > 0 else ():
            lines.append(match[0])
            room -= len(match[0])
            if room <= 0:
                break
    if good >= bad:
        return "utf_8"
    found = chardet.detect_all(b"".join(lines), include_encodings=list(_LEGACY))
    name = str(found[0]["encoding"]).lower() if found else "windows-1252"
    return _with_controls(_LEGACY.get(name, "cp1252"), b"".join(lines))


def _with_controls(codec: str, sample: bytes) -> str:
    """ISO 8859 has control characters where Windows has quotes and dashes: then it is Windows."""
    if not re.search(rb"[\x80-\x9f]", sample):
        return codec
    return {"latin_1": "cp1252", "iso8859_2": "cp1250"}.get(codec, codec)


def _decoded(path: Path, codec: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(codec)()
    mark = "\ufeff"
    for block in (*_blocks(path), b""):
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as exc:
            raise UndecodableError(codec) from exc
        yield text.removeprefix(mark)
        mark = ""


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block
