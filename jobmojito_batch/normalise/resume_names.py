"""
What a résumé file may be called after: keys of people and of files, which meet in a join.

A key says by what it trusts (its first letter, a Trust) and the folded words. Both sides are made
by the same expressions, so that a folder of any size costs a hash join and no comparison of pairs.
"""

from collections.abc import Sequence
from enum import StrEnum
from itertools import combinations
from typing import Final

import polars as pl

from jobmojito_batch.normalise import email
from jobmojito_batch.normalise.fields import EMAIL, EXTERNAL
from jobmojito_batch.normalise.headers import NAME
from jobmojito_batch.normalise.text import folded


class Trust(StrEnum):
    """What a file is called after, the most trusted first."""

    ID = "a"
    """The external id as it is written."""
    ID_FOLDED = "b"
    EMAIL = "c"
    EMAIL_FOLDED = "d"
    NAME_AND_ID = "e"
    NAME = "f"


# Words that say that it is a résumé, in the languages of the header aliases; folded.
_CV_WORDS: Final = (
    r"cvs?|resumes?|rezume|lebenslauf|lebenslaufe|zivotopisy?|curriculum|curriculo|vitae|zyciorys"
    r"|hoja vida|hoja de vida|oneletrajz|biodata|bewerbung|bewerbungsunterlagen|application"
    r"|candidate|applicant|kandidat(?:ka|in)?|bewerber(?:in)?|uchadzac(?:ka)?"
)
# Words that say which version it is.
_VERSION_WORDS: Final = (
    r"final|finale|new|neu|novy|nove|novo|nuevo|aktuell|aktualn[iye]|updated?|latest|versio?n"
    r"|verze|verzia|wersja|v ?\d{1,3}|rev ?\d{0,3}|copy|kop(?:ie|ia)|copi[ea]|draft|scan|signed"
    r"|vita|profil|profile|eng?|english|englisch|german|deutsch|svk?|sk|cz|cs|pl|pdf|docx?|of"
)
# Months that are nobody's first name (Jan, April, May, June, August are).
_MONTHS: Final = (
    r"feb|sept?|oct|okt|nov|dec|dez|january|february|march|july|september|october|november"
    r"|december|januar|februar|marz|juli|oktober|dezember"
)
_LAST_LANGUAGE: Final = r" (?:de|es|fr|it|pt)$"
_TITLES: Final = (
    r"(?:[mj]u|ph|rn|pae|th)?dr|ing|mgr|bc|ph ?d|csc|mba|msc|bsc|prof|doc|dipl|mr|mrs|ms|miss|herr"
    r"|frau|pani?"
)
_COPY: Final = r"(?:\s*\(\d{1,3}\))+\s*$"
_NUMBERS: Final = r"[\p{N} ]*\p{N}[\p{N} ]*"
_YEAR: Final = r"^(?:19|20)\d\d$"
_LEAST_ID: Final = 3
"""A shorter id, once words were taken away, is a number of a copy: `CV 2`."""

# `ä` is written `a` or `ae`, `ø` is written `o` or `oe`, `å` is written `a` or `aa`, each anyhow.
_LONG_FORMS: Final = ({"ä": "ae", "ö": "oe", "ü": "ue"}, {"ø": "oe"}, {"å": "aa"})
_SPELLINGS: Final = tuple(
    {letter: long for form in some for letter, long in form.items()}
    for count in range(1, len(_LONG_FORMS) + 1)
    for some in combinations(_LONG_FORMS, count)
)
_SPELLED_IN_WAYS: Final = "[äöüøå]"

FILE: Final = "file"
KEY: Final = "key"
TRUST: Final = "trust"


# Frames are built step by step, each folded text a column once: as one expression, polars works
# the inner ones out again for each key.


# People


def keys_of_people(frame: pl.LazyFrame, keep: Sequence[str]) -> pl.LazyFrame:
    """
    The columns *keep* with each KEY that the file of a row may have; of clean name, e-mail and id.

    A row has several, some of them twice.
    """
    address = email.address(pl.col(EMAIL))
    return (
        frame.select(
            *keep, pl.col(EXTERNAL).alias("id"), address.alias("at"), _spelled(NAME).alias("text")
        )
        .explode("text")
        .with_columns(
            folded(pl.col("text")),
            folded(pl.col("id")).alias("folded id"),
            folded(pl.col("at")).alias("folded at"),
        )
        .with_columns(_untitled(pl.col("text")).alias("untitled"))
        .with_columns(
            _in_order(pl.col("text")).alias("words"),
            _in_order(pl.col("untitled")).alias("untitled words"),
            *_in_one_word(pl.coalesce("untitled", "text")),
        )
        .select(*keep, pl.concat_list(_keys_of_person()).alias(KEY))
        .explode(KEY)
        .drop_nulls(KEY)
    )


def _keys_of_person() -> list[pl.Expr]:
    words = [pl.col("words"), pl.col("untitled words")]
    return [
        _keyed(Trust.ID, pl.col("id").str.to_lowercase()),
        _keyed(Trust.ID_FOLDED, pl.col("folded id")),
        _keyed(Trust.EMAIL, pl.col("at")),
        _keyed(Trust.EMAIL_FOLDED, pl.col("folded at")),
        *(_keyed(Trust.NAME_AND_ID, _in_order(pl.col("folded id") + " " + name)) for name in words),
        *(_keyed(Trust.NAME, name) for name in words),
        *(_keyed(Trust.NAME, pl.col(column)) for column in ("as one", "turned")),
    ]


def person() -> pl.Expr:
    """Who a row is of, as a number: the address says so, else name and id."""
    address = pl.coalesce(email.address(pl.col(EMAIL)), pl.col(EMAIL).str.to_lowercase())
    else_ = pl.concat_str(NAME, EXTERNAL, separator="|", ignore_nulls=True)
    return pl.coalesce(address, else_).hash()


def _spelled(name: str) -> pl.Expr:
    """The text, and where it has letters that are written in several ways, each of them; a list."""
    text = pl.col(name).str.to_lowercase()
    twofold = pl.when(text.str.contains(_SPELLED_IN_WAYS)).then(text)
    others = [twofold.str.replace_many(ways) for ways in _SPELLINGS]
    return pl.concat_list([text, *others]).list.drop_nulls().list.unique()


def _untitled(text: pl.Expr) -> pl.Expr:
    """Without titles, where there are any and two words are left: Ing is a surname, too."""
    has_title = text.str.contains(_words(_TITLES))
    rest = _without(pl.when(has_title).then(text), _TITLES)
    return pl.when(rest.str.contains(" ", literal=True)).then(rest)


def _in_one_word(text: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """`=jananovak` and, the last word first, `=novakjana`."""
    first = text.str.extract(r"^(.* )(\S+)$", 1).str.replace_all(" ", "", literal=True)
    last = text.str.extract(r"^(.* )(\S+)$", 2)
    return ("=" + first + last).alias("as one"), ("=" + last + first).alias("turned")


# Files


def keys_of_files(files: pl.DataFrame) -> pl.DataFrame:
    """
    FILE, TRUST and KEY of *files*, which have FILE, `stem` and `folder` (blank: the folder itself).

    A file whose name says no more than that it is a résumé is called after its folder, too.
    """
    says_nothing = (bare_stems(files["stem"]) == "") & (files["folder"] != "")
    after_folders = files.filter(says_nothing).with_columns(pl.col("folder").alias("stem"))
    named = pl.concat([files, after_folders]).select(FILE, pl.col("stem").str.normalize("NFC"))
    single = named.with_columns(pl.col("stem").str.replace(_COPY, "").alias("single"))
    keys = pl.concat([_keys_as_one(single), _keys_as_names(single)])
    distinct = keys.explode(KEY).drop_nulls().unique(maintain_order=True)
    return distinct.with_columns(pl.col(KEY).str.slice(0, 1).alias(TRUST))


def _keys_as_one(single: pl.DataFrame) -> pl.DataFrame:
    """Ids and addresses, the words in their order."""
    as_written = [pl.col("stem").str.to_lowercase(), pl.col("single").str.to_lowercase()]
    some = pl.col("no cv"), pl.col("no version")
    ids = [pl.when(_may_be_id(text)).then(text) for text in some]
    keys = [_keyed(trust, text) for trust in (Trust.ID, Trust.EMAIL) for text in as_written]
    keys += [_keyed(Trust.ID_FOLDED, text) for text in (pl.col("all"), *ids)]
    addresses = [pl.col("all"), *some, pl.col("no cv").str.replace(" at ", " ", literal=True)]
    keys += [_keyed(Trust.EMAIL_FOLDED, text) for text in addresses]
    return _bare(single, "single").select(FILE, pl.concat_list(keys).alias(KEY))


def _keys_as_names(single: pl.DataFrame) -> pl.DataFrame:
    """The words in any order, as they are written and parted by their capitals."""
    parted = single.with_columns(_parted(pl.col("single")).alias("single"))
    spelled = pl.concat([single, parted]).select(FILE, _spelled("single").alias("text"))
    words = [pl.col(name) for name in ("all", "no cv", "no version", "no dates")]
    keys = [_keyed(Trust.NAME_AND_ID, _in_order(text)) for text in words[:3]]
    keys += [_keyed(Trust.NAME, _in_order(text)) for text in (*words, _untitled(words[-1]))]
    is_one_word = words[-1].str.contains(r"^\S+$")
    keys.append(_keyed(Trust.NAME, pl.when(is_one_word).then("=" + words[-1])))
    bare = _bare(spelled.explode("text").unique(maintain_order=True), "text")
    return bare.select(FILE, pl.concat_list(keys).alias(KEY))


def bare_stems(stems: pl.Series) -> pl.Series:
    """The words of file names without those that say nothing of a person."""
    single = pl.col("stem").str.normalize("NFC").str.replace(_COPY, "")
    parted = stems.alias("stem").to_frame().select(_parted(single).alias("text"))
    return _bare(parted, "text")["no dates"]


def _bare(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The words of a column: all, without those for a résumé, for a version, and for a date."""
    return (
        frame.with_columns(folded(pl.col(column)).alias("all"))
        .with_columns(_without(pl.col("all"), _CV_WORDS).alias("no cv"))
        .with_columns(
            _without(pl.col("no cv"), _VERSION_WORDS)
            .str.replace(_LAST_LANGUAGE, "")
            .alias("no version")
        )
        .with_columns(
            _without(pl.col("no version").str.replace_all(_NUMBERS, " "), _MONTHS).alias("no dates")
        )
    )


def _parted(text: pl.Expr) -> pl.Expr:
    """`NovakJanaCV2024` in words."""
    return (
        text.str.replace_all(r"(\p{Lu})(\p{Lu}\p{Ll})", "${1} ${2}")
        .str.replace_all(r"(\p{Ll})(\p{Lu})", "${1} ${2}")
        .str.replace_all(r"(\p{L})(\p{N})", "${1} ${2}")
        .str.replace_all(r"(\p{N})(\p{L})", "${1} ${2}")
    )


def _may_be_id(text: pl.Expr) -> pl.Expr:
    return (text.str.len_chars() >= _LEAST_ID) & ~text.str.contains(_YEAR)


# Both


def _keyed(trust: Trust, text: pl.Expr) -> pl.Expr:
    return pl.lit(trust.value) + pl.when(text != "").then(text)


def _without(text: pl.Expr, words: str) -> pl.Expr:
    """Folded text without these words, and its blanks single."""
    rest = text.str.replace_all(_words(words), " ")
    return rest.str.replace_all(r" {2,}", " ").str.strip_chars()


def _words(words: str) -> str:
    """A pattern for whole words; by the borders of ASCII, which folded letters nearly all are."""
    return rf"(?-u:\b)(?:{words})(?-u:\b)"


def _in_order(text: pl.Expr) -> pl.Expr:
    return text.str.split(" ").list.sort().list.join(" ")
