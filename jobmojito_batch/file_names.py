"""Names of files, of compressed ones too: `people.csv.gz` is `people`, a `.csv` that is packed."""

from pathlib import PurePath
from typing import Final

PACKED: Final = frozenset({".gz", ".gzip", ".zst", ".zstd", ".zip"})
"""What a compressed file is called, after the suffix of what is in it or alone."""


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
