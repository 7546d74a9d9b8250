"""
Languages by any of their names, as the platform's 34 codes.

The codes are not quite ISO 639: `br` is Brazilian Portuguese, `no` any Norwegian, `fil` stands for
`tl` too.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

import polars as pl

from jobmojito_batch.contract import LANGUAGE_CODES
from jobmojito_batch.normalise.countries import HEADER_LANGUAGES
from jobmojito_batch.normalise.known_names import known_names
from jobmojito_batch.normalise.text import code_by_key, compact, folded, keys_of

BRAZILIAN: Final = "br"

# What CLDR calls the platform's languages, where it is not the code itself.
_CLDR_CODES: Final[dict[str, tuple[str, ...]]] = {
    "br": ("pt_BR",),
    "pt": ("pt", "pt_PT"),
    "zh": ("zh", "zh_Hans", "zh_Hant"),
    "no": ("no", "nb", "nn"),
    "fil": ("fil", "tl"),
}

# Codes of ISO 639-2 and 639-3, codes that are often mistaken, and names that CLDR does not have.
# Mistaken codes are only those that name no language of their own (`cz` is none, `se` is Sami).
_OTHER_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "ar": ("ara", "arb"),
    "bg": ("bul",),
    "zh": ("zho", "chi", "cmn", "cn", "mandarin", "mandarin chinese", "simplified chinese",
           "traditional chinese", "putonghua"),
    "hr": ("hrv", "scr"),
    "cs": ("ces", "cze", "cz", "česky", "český", "czech language"),
    "da": ("dan", "dk"),
    "nl": ("nld", "dut", "flemish", "vlaams"),
    "en": ("eng", "anglicky", "po angielsku"),
    "fil": ("fil", "tgl", "tl", "tagalog", "pilipino"),
    "fi": ("fin",),
    "fr": ("fra", "fre", "francouzsky", "francúzsky"),
    "de": ("deu", "ger", "německy", "nemecky", "po niemiecku"),
    "el": ("ell", "gre", "gr", "modern greek"),
    "hi": ("hin",),
    "hu": ("hun", "maďarsky"),
    "id": ("ind", "bahasa indonesia"),
    "it": ("ita", "taliansky", "italsky"),
    "ja": ("jpn", "jp"),
    "ko": ("kor",),
    "ms": ("msa", "may", "zsm", "bahasa melayu", "bahasa malaysia", "malaysian"),
    "no": ("nor", "nob", "nno", "nb", "nn", "bokmål", "nynorsk"),
    "pl": ("pol", "polsky", "poľsky", "po polsku"),
    "pt": ("por", "european portuguese"),
    "br": ("pt br", "brazilian", "brazilian portuguese", "portuguese brazil", "brasileiro"),
    "ro": ("ron", "rum", "mol", "mo", "moldovan"),
    "ru": ("rus", "rusky"),
    "sk": ("slk", "slo", "slovensky", "slovenský", "po slovensky"),
    "es": ("spa", "castellano", "castilian", "španielsky", "španělsky"),
    "sv": ("swe",),
    "ta": ("tam",),
    "th": ("tha",),
    "tr": ("tur",),
    "uk": ("ukr", "ua", "ukrajinsky"),
    "vi": ("vie",),
}  # fmt: skip

_REGION_FORM: Final = r"^([a-z]{2,3})(?:[-_ ][a-z]{4})?(?:[-_ ](?:[a-z]{2}|\d{3}))?(?:\.utf-?8)?$"
_BRETON: Final = r"^br[-_ ]"
_IN_BRAZIL: Final = r"^pt(?:[-_ ]latn)?[-_ ]br(?:\.utf-?8)?$|^br[-_ ]br$"
_BRAZILIAN_NAME: Final = r"^port[ou]g.* br[ae]s?[zs]|^br[ae]s?[zs]\w* port[ou]g"


def key(text: pl.Expr) -> pl.Expr:
    """
    What names of languages are compared by.

    Region forms lose their region (`en-US`, `zh-Hans-CN`), names what stands in brackets
    (`German (Austria)`), save where that makes it Brazilian.
    """
    lower = text.str.to_lowercase()
    is_brazilian = lower.str.contains(_IN_BRAZIL) | folded(lower).str.contains(_BRAZILIAN_NAME)
    return (
        pl.when(is_brazilian)
        .then(pl.lit(BRAZILIAN))
        .when(lower.str.contains(_REGION_FORM) & ~lower.str.contains(_BRETON))
        .then(lower.str.extract(_REGION_FORM))
        .otherwise(compact(lower.str.replace(r"\s*\([^()]*\)$", "")))
    )


def code(text: pl.Expr) -> pl.Expr:
    """The code of a language by any of its names; null where none fits."""
    return code_by_key(text, key, lookup())


@cache
def lookup() -> pl.DataFrame:
    """`key` → `code`, one row for each name of a platform language."""
    known = known_names().languages
    return pl.DataFrame({"key": list(known), "code": list(known.values())})


def built() -> Mapping[str, str]:
    """Key → code, looked up anew. The first source wins: the platform, our list, CLDR."""
    names = [(code, code) for code in LANGUAGE_CODES]
    names += [(name, code) for code, others in _OTHER_NAMES.items() for name in others]
    names += _cldr_names()
    table: dict[str, str] = {}
    keys = keys_of([name for name, _ in names], key)
    for name_key, (_, code) in zip(keys, names, strict=True):
        table.setdefault(name_key, code)
    return table


def _cldr_names() -> Iterator[tuple[str, str]]:
    """Each platform language in the languages of the headers and in itself."""
    from babel import Locale

    for code in LANGUAGE_CODES:
        cldr_codes = _CLDR_CODES.get(code, (code,))
        for language in (*HEADER_LANGUAGES, cldr_codes[0]):
            names = Locale.parse(language).languages
            yield from ((names[name], code) for name in cldr_codes if name in names)
