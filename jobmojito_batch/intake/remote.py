"""
Inputs in object stores and on the web, through polars' own readers.

Parquet is scanned where it is. Text is copied into the run's folder first, since its encoding and
dialect have to be known before it is parsed, and one download is better than three.
"""

import re
from pathlib import Path, PurePosixPath
from typing import Final

import polars as pl

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.scratch import scratch_file
from jobmojito_batch.storage import STORES
from jobmojito_batch.urls import leads_here, scheme_of, shown

READ_FROM_AFAR: Final = (".parquet", ".csv", ".tsv", ".txt", ".ndjson", ".jsonl")
_WEB: Final = frozenset({"https", "http"})
_PATTERN: Final = re.compile(r"[*?\[]")
_PATH: Final = "path"


def name_of(uri: str) -> str:
    """The file name at the end of a URI, without what follows a question mark."""
    return PurePosixPath(uri.partition("?")[0]).name


def remote_uris(uri: str) -> list[str]:
    """
    The files that *uri* stands for: itself, or what a pattern or a prefix (`…/`) matches.

    Raises InputError for a scheme or a format that is not read from afar, and where nothing
    matches.
    """
    scheme = scheme_of(uri)
    if scheme not in STORES | _WEB:
        raise InputError(
            f"{shown(uri)}: this kind of address is not read; use s3://, gs://, az:// or https://"
        )
    if scheme == "http" and not leads_here(uri):
        raise InputError(f"{shown(uri)}: candidates do not travel unencrypted; use https://")
    patterns = [f"{uri}*{suffix}" for suffix in READ_FROM_AFAR] if uri.endswith("/") else [uri]
    if patterns == [uri] and (scheme in _WEB or not _PATTERN.search(uri)):
        _check_suffix(uri)
        return [uri]
    uris = sorted({match for pattern in patterns for match in _matches(pattern)})
    if not uris:
        raise InputError(f"{shown(uri)}: no file matches; check the address")
    return uris


def local_copy(uri: str, source: str, scratch: Path) -> Path:
    """The text at *uri* as a file of mode 600 in *scratch*. Raises InputError."""
    copy = scratch_file(scratch, PurePosixPath(name_of(uri) or "input.csv").suffix)
    try:
        # Lines as they are: no quote, no delimiter, no header of its own.
        pl.scan_lines(uri, glob=False).sink_csv(
            copy, include_header=False, quote_style="never", separator="\x1f", engine="streaming"
        )
    except (pl.exceptions.PolarsError, OSError) as exc:
        raise unreachable(uri, source, exc) from None
    return copy


def unreachable(uri: str, source: str, exc: BaseException) -> InputError:
    """What a person can do about an address that could not be read."""
    said = str(exc).lower()
    if "invalid utf8" in said or "invalid utf-8" in said:
        what = "is not UTF-8, which text read from afar has to be; download the file first"
    elif "404" in said or "not found" in said or "nosuchkey" in said or "no such" in said:
        what = "no such file there; check the address"
    elif any(word in said for word in ("401", "403", "denied", "credential", "unauthor")):
        what = "not permitted; set the credentials of the object store in the environment"
    else:
        what = f"could not be read ({type(exc).__name__}); check the address and the network"
    return InputError(f"{source}: {what}" if source else f"{shown(uri)}: {what}")


def _check_suffix(uri: str) -> None:
    suffix = PurePosixPath(name_of(uri)).suffix.lower()
    if suffix and suffix not in READ_FROM_AFAR:
        raise InputError(
            f"{shown(uri)}: {suffix} files are read from a disk only; download the file first"
        )


def _matches(pattern: str) -> list[str]:
    _check_suffix(pattern)
    scan = pl.scan_parquet if pattern.endswith(".parquet") else pl.scan_lines
    try:
        paths = scan(pattern, include_file_paths=_PATH).select(pl.col(_PATH).unique())
        return paths.collect(engine="streaming")[_PATH].to_list()
    except (pl.exceptions.PolarsError, OSError) as exc:
        if any(word in str(exc).lower() for word in ("expanded paths were empty", "not found")):
            return []
        raise unreachable(pattern, "", exc) from None
