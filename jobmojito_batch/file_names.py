"""Names of files, of compressed ones too: `people.csv.gz` is `people`, a `.csv` that is packed."""

from pathlib import PurePath
from typing import Final

PACKED: Final = frozenset({".gz", ".gzip", ".zst", ".zstd", ".zip"})
"""What a compressed file is called, after the suffix of what is in it or alone."""

NO_TEXT: Final = "its name holds bytes that are no UTF-8, as an old archive leaves them; rename it"
"""Of a file or folder whose name `is_text` is not true of: why, and what to do."""


def is_text(name: str) -> bool:
    """Whether a name is text. Bytes that are none stand in it as halves of a surrogate pair."""
    return name.isascii() or name == as_text(name)


def as_text(name: str) -> str:
    """The name with a question mark for each byte that is no text."""
    return name.encode("utf-8", "replace").decode()


def without_packing(name: str) -> str:
    """The name without the suffix that says how the file is compressed: `people.csv`."""
    path = PurePath(name)
    return path.stem if path.suffix.lower() in PACKED else path.name


def stem_of(name: str) -> str:
    """The name without its suffixes: `people`."""
    return PurePath(without_packing(name)).stem


def ending_of(name: str) -> str:
    """What `stem_of` leaves out: `.csv.gz`."""
    return PurePath(name).name[len(stem_of(name)) :]
