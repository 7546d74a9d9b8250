"""What is a résumé, and what only stands in its cell: an address, a file name, `Yes`, base64."""

from typing import Final

import polars as pl

CUT_BY_EXCEL: Final = 32_767
"""As many characters as a cell of Excel holds: a text of just that length was probably cut."""

_FILE_NAME: Final = (
    r"(?i)^[^\n<>|\"?*]{1,200}\.(?:pdf|docx?|odt|rtf|txt|md|html?|pages|tex|jpe?g|png|tiff?|zip)$"
)
_ADDRESSES: Final = (
    r"(?i)^(?:(?:https?|ftp|file)://\S+|www\.\S+)(?:[\s,;|]+(?:https?://|www\.)\S+)*$"
)
_BASE64: Final = r"^(?:data:[\w/+.\-]+;base64,)?[A-Za-z0-9+/\n]{60,}={0,2}$"
_BARE: Final = (
    r"(?i)^(?:yes|no|y|n|x|true|false|ja|nein|oui|non|s[ií]|[áa]no|nie|tak|available|attached"
    r"|(?:see|siehe|voir|ver|viz) \w+(?: \w+)?|[\d.,/ -]+)[.!]?$"
)
_RTF: Final = "{\\rtf"


def is_file_name(text: pl.Expr) -> pl.Expr:
    """Whether the whole text is the name of a file; an address is none."""
    return text.str.contains(_FILE_NAME) & ~text.str.contains(_ADDRESSES)


def is_no_resume(text: pl.Expr, least: int) -> pl.Expr:
    """Whether it is an address, base64, a bare word for "attached", or shorter than *least*."""
    return (
        (text.str.len_chars() < least)
        | text.str.contains(_ADDRESSES)
        | text.str.contains(_BARE)
        | text.str.starts_with(_RTF)
        | _is_base64(text)
    )


def _is_base64(text: pl.Expr) -> pl.Expr:
    """A long run of its letters without a blank, of all three kinds."""
    kinds = [text.str.contains(kind) for kind in ("[A-Z]", "[a-z]", "[0-9]")]
    return text.str.contains(_BASE64) & pl.all_horizontal(kinds)
