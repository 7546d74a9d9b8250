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
_UNSURE: Final = 0.7
_EASTERN: Final = re.compile(rb"\.(?:sk|cz|pl|hu|ro|si|hr|rs|ba)\b", re.IGNORECASE)
_WESTERN: Final = re.compile(
    rb"\.(?:de|at|ch|fr|be|es|it|pt|br|mx|ar|nl|dk|se|no|fi|uk|ie|us|ca)\b", re.IGNORECASE
)
# What both halves write in the same way: the umlauts, most acute accents, ß and ç.
_NOT_SHARED: Final = re.compile(
    rb"[\x80-\xff](?<![\xc1\xc2\xc4\xc7\xc9\xcb\xcd\xce\xd3\xd4\xd6\xda\xdc\xdd\xdf\xe1\xe2\xe4\xe7\xe9\xeb\xed\xee\xf3\xf4\xf6\xfa\xfc\xfd])"
)
# ISO 8859 has control characters where Windows has quotes, dashes and the rest of its letters.
_WINDOWS_ONLY: Final = re.compile(rb"[\x80-\x9f]")
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
    return legacy_codec(b"".join(lines))


def legacy_codec(sample: bytes) -> str:
    """
    The codec of text with accents that is not Unicode, by its letters.

    Where chardet hardly prefers one half of Europe to the other (two accents in a short file), the
    countries in the addresses decide, and `ñ` is taken to be a Spanish one rather than Polish.
    """
    found = chardet.detect_all(sample, include_encodings=list(_LEGACY))
    trust = {
        _LEGACY[str(one["encoding"]).lower()]: one["confidence"]
        for one in found
        if str(one["encoding"]).lower() in _LEGACY  # None where it has no idea
    }
    eastern = max(("cp1250", "iso8859_2"), key=lambda codec: trust.get(codec, 0.0))
    western = max(("cp1252", "latin_1"), key=lambda codec: trust.get(codec, 0.0))
    east, west = trust.get(eastern, 0.0), trust.get(western, 0.0)
    is_eastern = east > west
    if min(east, west) > _UNSURE * max(east, west):
        ends = [len(ending.findall(sample)) for ending in (_EASTERN, _WESTERN)]
        if ends[0] != ends[1]:
            is_eastern = ends[0] > ends[1]
        elif set(_NOT_SHARED.findall(sample)) <= {b"\xf1", b"\xd1"}:
            is_eastern = False
    codec = eastern if is_eastern else western
    if _WINDOWS_ONLY.search(sample):
        return {"latin_1": "cp1252", "iso8859_2": "cp1250"}.get(codec, codec)
    return codec


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
