"""
What polars and the operating system say of an input, as one line for a person.

Lazy frames fail where they are collected, so whoever collects one wraps it in `input_faults`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import polars as pl

from jobmojito_batch.errors import InputError


class RaggedRowsError(InputError):
    """A row is wider than the fast parser looks; read the input again with is_ragged=True."""


class NoRowsError(InputError):
    """An input ends after its first row, which may be a header and may be anything."""

    def __init__(self, message: str, headers: Sequence[str]) -> None:
        super().__init__(message)
        self.headers = tuple(headers)


UNREADABLE = (
    pl.exceptions.ComputeError,
    pl.exceptions.InvalidOperationError,
    pl.exceptions.NoDataError,
    pl.exceptions.SchemaError,
    OSError,
)
"""Raised where the bytes of an input are not what its format asks for, or cannot be had."""

# Words of polars' own messages; the rest of them quotes cells, which are people.
_QUOTE_WORDS = ("malformed", "could not parse", "quote")
_WIDTH_WORDS = ("more fields", "n_extra")


def as_input_error(source: str, exc: BaseException) -> InputError:
    """*exc*, raised while *source* was read, as one line that quotes no cell."""
    if isinstance(exc, InputError):
        return exc
    said = str(exc).lower()
    if isinstance(exc, pl.exceptions.PolarsError) and any(words in said for words in _WIDTH_WORDS):
        return RaggedRowsError(f"{source}: a row has far more cells than the header")
    return InputError(f"{source}: {_meaning(exc)}")


@contextmanager
def input_faults(source: str) -> Iterator[None]:
    """Raise InputError about *source* for whatever UNREADABLE the body raises, and for panics."""
    try:
        yield
    except UNREADABLE as exc:
        raise as_input_error(source, exc) from exc
    except BaseException as exc:
        # Damaged workbooks make the Rust reader panic, which comes as a BaseException without a
        # public type.
        if type(exc).__name__ != "PanicException":
            raise
        raise InputError(f"{source}: is damaged; open it and save it again") from exc


def _meaning(exc: BaseException) -> str:
    match exc:
        case FileNotFoundError():
            return "no such file; check the name and the folder"
        case PermissionError():
            return "may not be read (permission denied); change its permissions or copy it"
        case OSError():
            return f"cannot be read ({exc.strerror or type(exc).__name__}); copy it and try again"
    said = str(exc).lower()
    if any(word in said for word in _QUOTE_WORDS):
        return (
            'the rows do not add up: somewhere a quote (") is opened and not closed, or text '
            "follows a closing quote; save the file again as CSV from a spreadsheet program"
        )
    return f"cannot be read to its end ({type(exc).__name__}); save or export it again"
