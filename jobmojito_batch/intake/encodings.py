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

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.code_pages import PAGES, Guess, guess
from jobmojito_batch.intake.scratch import scratch_file
from jobmojito_batch.records import InputDoubt

BLOCK_BYTES: Final = 1 << 20
UTF_8: Final = "UTF-8"

_NAMES: Final = {
    **{page.codec: page.name for page in PAGES},
    "utf_16_le": "UTF-16 LE",
    "utf_16_be": "UTF-16 BE",
    "utf_8": UTF_8,
}
KNOWN: Final = (UTF_8, "UTF-16", *(page.name for page in PAGES if page.is_read))
"""What is found out; others have to be said."""

_SAMPLE_BYTES: Final = 200_000
_LINE_WITH_ACCENTS: Final = re.compile(rb"[^\n\r]*[\x80-\xff][^\n\r]*[\n\r]*")
_NOT_ASCII: Final = re.compile("[^\x00-\x7f]")
_UNDECODABLE: Final = re.compile("[\udc80-\udcff]")
# Control characters that no text holds; a NUL may be a slip of the program that wrote the file.
_BINARY: Final = re.compile(rb"[\x01-\x08\x0e-\x19\x1c-\x1f]")
_MOST_BINARY_SHARE: Final = 0.01
_MOST_NAMED: Final = 3
_NO_ENCODINGS: Final = frozenset(
    {
        "idna",
        "punycode",
        "raw-unicode-escape",
        "unicode-escape",
        "undefined",
        "utf-7",
        "mbcs",
        "oem",
    }
)
_MAGIC: Final = (b"PK\x03\x04", bytes.fromhex("D0CF11E0"), b"%PDF-", b"PAR1", b"\x1f\x8b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A delimited file that may be parsed: UTF-8 without NUL bytes."""

    path: Path
    encoding: str
    """What the original is written in, as people call it."""
    notes: tuple[str, ...] = ()
    doubts: tuple[InputDoubt, ...] = ()


class NotPlainError(Exception):
    """The file is not UTF-8, or holds NUL bytes: `as_plain` makes a copy that can be parsed."""


class UndecodableError(Exception):
    """A byte has no meaning in *codec*, which the rest of the file is written in."""

    def __init__(self, codec: str) -> None:
        super().__init__(codec)
        self.codec = codec
        self.encoding = _name_of(codec)


def is_utf_16(head: bytes) -> bool:
    """Whether a file that starts with *head* is UTF-16, by its mark or its zeros."""
    return _utf_16(head) is not None


def as_plain(path: Path, source: str, scratch: Path, said: str | None = None) -> Plain:
    """
    A copy of *path* in *scratch*, in UTF-8 and without NUL bytes; mode 600.

    *said* is the codec that a person has named. Raises InputError for what is no text,
    UndecodableError.
    """
    with path.open("rb") as file:
        head = file.read(_SAMPLE_BYTES)
    if said is not None:
        codec = _with_byte_order(said, head)
        copy, notes = _copied(path, codec, scratch)
        return Plain(path=copy, encoding=_name_of(codec), notes=notes)
    refuse_binary(head, source)
    codec_or_guess = _utf_16(head) or _eight_bit_codec(path)
    if isinstance(codec_or_guess, str):
        copy, notes = _copied(path, codec_or_guess, scratch)
        return Plain(path=copy, encoding=_NAMES[codec_or_guess], notes=notes)
    copy, notes = _copied(path, codec_or_guess.page.codec, scratch)
    name = codec_or_guess.page.name
    guessed = f"read as {name}, by the look of its letters; check that the names are right"
    return Plain(
        path=copy,
        encoding=name,
        notes=(guessed, *notes),
        doubts=() if codec_or_guess.is_sure else (_doubt(codec_or_guess, source),),
    )


def _with_byte_order(codec: str, head: bytes) -> str:
    """UTF-16 without a mark as its zeros tell it; Python knows it by its mark alone."""
    if codecs.lookup(codec).name != "utf-16":
        return codec
    return _utf_16(head) or codec


def _copied(path: Path, codec: str, scratch: Path) -> tuple[Path, tuple[str, ...]]:
    """The copy in UTF-8, and what is said of it."""
    copy = scratch_file(scratch, ".utf8.csv")
    has_nul = False
    with copy.open("wb") as out:
        for text in _decoded(path, codec):
            has_nul = has_nul or "\x00" in text
            out.write(text.replace("\x00", "").encode("utf-8", "surrogatepass"))
    return copy, ("holds NUL bytes, which are left out",) if has_nul else ()


def _doubt(guessed: Guess, source: str) -> InputDoubt:
    """That nobody knows the encoding; the words that it hangs on are for a person's eyes alone."""
    names = [page.name for page in (guessed.page, *guessed.others)]
    if not guessed.is_likely:
        seen, names = "its accents make no words of a language we know", []
    elif len(names) > 1:
        seen = f"its accents are as likely {' as '.join(names[:_MOST_NAMED])}"
    else:
        seen = f"its accents look like {names[0]}, which is rare"
    settles = " or ".join(f"--encoding {name}" for name in names[:_MOST_NAMED])
    return InputDoubt(
        kind="encoding",
        source=source,
        sentence=f"{seen}; read wrongly, people and positions have wrong names",
        option=f"say {settles or '--encoding NAME'}, or save it again as CSV UTF-8",
        examples=guessed.examples,
    )


def codec_called(name: str) -> str | None:
    """The codec that a person calls *name*, such as Windows-1250; None where there is none."""
    alike = {page.name.casefold(): page.codec for page in PAGES}
    wanted = "-".join(name.casefold().replace("_", " ").split())
    try:
        codec = codecs.lookup(alike.get(wanted, wanted))
    except LookupError:
        return None
    # A codec of bytes to bytes (base64, zip) or of the Internet's names is no encoding of a text.
    is_text = getattr(codec, "_is_text_encoding", True) and codec.name not in _NO_ENCODINGS
    return codec.name if is_text else None


def _name_of(codec: str) -> str:
    """As people call it."""
    wanted = codecs.lookup(codec).name
    return next((n for c, n in _NAMES.items() if codecs.lookup(c).name == wanted), codec.upper())


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


def _eight_bit_codec(path: Path) -> str | Guess:
    """
    UTF-8 where more of what is not ASCII decodes than does not, so that a stray byte is named.

    Else what the lines with accents look like.
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
    return "utf_8" if good >= bad else guess(b"".join(lines))


def _decoded(path: Path, codec: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(codec)()
    mark = "\ufeff"
    for block in (*_blocks(path), b""):
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeError as exc:  # not of a byte alone: UTF-16 and UTF-32 without their mark
            raise UndecodableError(codec) from exc
        yield text.removeprefix(mark)
        mark = ""


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block
