"""
Which code page a text has, by what letters and pairs of letters are likely in names and words.

Each page that can stand for the bytes gives a reading. Its likelihood is that of its words in a mix
of languages, which fits itself to the file: exports hold names of several. Pages that give the
same text are one reading; where two readings are nearly alike, or none is likely, nobody knows.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from jobmojito_batch.intake.letters import languages

_WEST: Final = ("en", "de", "fr", "es", "pt", "it", "nl", "da", "nb", "sv", "fi", "is", "ca", "sq")
_EAST: Final = ("cs", "sk", "pl", "hu", "ro", "sl", "hr", "sq", "de")
_CYRILLIC: Final = ("ru", "uk", "bg", "sr", "mk", "be")
_BALTIC: Final = ("lt", "lv", "et")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A code page."""

    codec: str
    name: str
    at_home: tuple[str, ...]
    """The languages that are written on it."""
    handicap: float
    """How much rarer than the commonest it is; a logarithm."""
    is_read: bool = True
    """Else it is told apart from the others, but read only where a person says so."""


PAGES: Final = (
    Page(codec="cp1252", name="Windows-1252", at_home=_WEST, handicap=0.0),
    Page(codec="cp1250", name="Windows-1250", at_home=_EAST, handicap=0.2),
    Page(codec="cp1251", name="Windows-1251", at_home=_CYRILLIC, handicap=0.2),
    Page(codec="cp1253", name="Windows-1253", at_home=("el",), handicap=0.2),
    Page(codec="cp1254", name="Windows-1254", at_home=("tr",), handicap=0.2),
    Page(codec="cp1257", name="Windows-1257", at_home=_BALTIC, handicap=0.2),
    Page(codec="latin_1", name="ISO-8859-1", at_home=_WEST, handicap=1.0),
    Page(codec="iso8859_2", name="ISO-8859-2", at_home=_EAST, handicap=1.0),
    Page(codec="iso8859_9", name="ISO-8859-9", at_home=("tr",), handicap=1.0),
    Page(codec="iso8859_13", name="ISO-8859-13", at_home=_BALTIC, handicap=1.0),
    *(
        Page(codec=codec, name=name, at_home=at_home, handicap=9.0, is_read=False)
        for codec, name, at_home in (
            ("iso8859_15", "ISO-8859-15", _WEST),
            ("iso8859_5", "ISO-8859-5", _CYRILLIC),
            ("iso8859_7", "ISO-8859-7", ("el",)),
            ("iso8859_16", "ISO-8859-16", ("ro",)),
            ("cp1255", "Windows-1255", ("he",)),
            ("cp1256", "Windows-1256", ("ar",)),
            ("koi8_r", "KOI8-R", ("ru", "bg")),
            ("koi8_u", "KOI8-U", ("uk",)),
            ("mac_roman", "Macintosh", _WEST),
            ("mac_latin2", "Mac-Latin2", _EAST),
            ("mac_cyrillic", "Mac-Cyrillic", _CYRILLIC),
            ("mac_turkish", "Mac-Turkish", ("tr",)),
            ("cp437", "CP437", _WEST),
            ("cp850", "CP850", _WEST),
            ("cp852", "CP852", _EAST),
            ("cp857", "CP857", ("tr",)),
            ("cp775", "CP775", _BALTIC),
            ("cp866", "CP866", _CYRILLIC),
            ("cp737", "CP737", ("el",)),
        )
    ),
)

_MOST_WORDS: Final = 200
_MOST_PLAIN_WORDS: Final = 80
_LONGEST_WORD: Final = 24
_PLAIN_WEIGHT: Final = 10
_ROUNDS: Final = 6
# What the languages weigh before a word is read, in words: all, those of the page, those that
# countries and addresses in the file speak.
_ANYWHERE: Final = 0.4
_AT_HOME: Final = 0.4
_SPOKEN: Final = 6.0
_OUT_OF_QUESTION: Final = 25.0
_HOPELESS: Final = 80.0
_STRANGE: Final = 25.0
_NO_SIGN: Final = 28.0
_CONTROL: Final = 36.0
_WRONG_CASE: Final = 15.0
_COMMON_MARK: Final = -5.0
_RARE_MARK: Final = -9.0
_ABROAD: Final = -4.0
"""For a text whose languages are not at home on the page; a logarithm."""
_ELSEWHERE: Final = -4.0
"""For countries in the file whose languages are not at home on the page."""
_SURE: Final = 3.0
"""Readings this much less likely than the best are none; twice that, where one word tells."""
_LEAST_LIKELY_LETTER: Final = -6.0
"""A text whose letters are less likely than this, one with another, is in no language we know."""
_EXAMPLES: Final = 3

_WORD: Final = re.compile(rb"[A-Za-z'\x80-\xff]*[\x80-\xff][A-Za-z'\x80-\xff]*")
_PLAIN_WORD: Final = re.compile(rb"(?<![\w@.'\x80-\xff])[A-Za-z]{3,24}(?![\w@.'\x80-\xff])")
_TOP_LEVEL: Final = re.compile(rb"@[\w.-]+\.([A-Za-z]{2})\b")
_CELL: Final = re.compile(rb"[^;,\t|\r\n\"]+")
# Marks that stand before a word, behind one, and within.
_AHEAD: Final = frozenset("“”„’‘‚«»‹›–—…•·\xa0€£¿¡§†")
_BEHIND: Final = frozenset("“”„’‘«»‹›–—…•·\xa0®™°€£†")
_BETWEEN: Final = frozenset("’‘·–—\xa0\xad…")
_ORDINALS: Final = frozenset("ªº")
_LONGEST_BEFORE_ORDINAL: Final = 2
_COMMON_MARKS: Final = frozenset("’“”„–—…•\xa0")
_PARTS: Final = re.compile(r"[^\W\d_ªº]+|.", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What a text is taken to be, and how sure that is."""

    page: Page
    others: tuple[Page, ...] = ()
    """Pages that would give another text, which is nearly as likely."""
    is_likely: bool = True
    """False where no reading gives words of a language that we know."""
    examples: tuple[str, ...] = field(default=(), repr=False)
    """The words of the file, as each of the pages reads them, where it is not sure."""

    @property
    def is_sure(self) -> bool:
        """Whether nobody has to be asked."""
        return self.is_likely and not self.others and self.page.is_read


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    page: Page
    texts: tuple[str, ...] = field(repr=False)
    likelihood: float
    a_letter: float
    """The likelihood of a letter, one with another."""

    def rank(self) -> tuple[bool, float]:
        return self.page.is_read, self.likelihood


def guess(sample: bytes) -> Guess:
    """The page of *sample*: lines with accents of a text that is not Unicode."""
    words = [word for word, _ in Counter(_WORD.findall(sample)).most_common(_MOST_WORDS)]
    plain = [
        w.decode().lower()
        for w, _ in Counter(_PLAIN_WORD.findall(sample)).most_common(_MOST_PLAIN_WORDS)
    ]
    spoken = _hints(sample)
    readings = _readings(words, plain, spoken)
    best, *rest = sorted(readings, key=lambda reading: -reading.likelihood)
    near = [
        reading for reading in rest if best.likelihood - reading.likelihood < _doubt(best, reading)
    ]
    is_likely = best.a_letter > _LEAST_LIKELY_LETTER
    guessed = Guess(page=best.page, others=tuple(o.page for o in near), is_likely=is_likely)
    if guessed.is_sure:
        return guessed
    return Guess(
        page=best.page,
        others=guessed.others,
        is_likely=is_likely,
        examples=_examples([best, *near[:2]]),
    )


def _doubt(best: _Reading, other: _Reading) -> float:
    """How much less likely the other has to be: more, where they differ in a word or two."""
    differing = sum(map(str.__ne__, best.texts, other.texts))
    return _SURE * (1 + 1 / max(differing, 1))


def _readings(
    words: Sequence[bytes], plain: Sequence[str], spoken: Mapping[str, float]
) -> list[_Reading]:
    """One for each text that the words may stand for; the commonest of the pages that give it."""
    texts = {page: tuple(word.decode(page.codec, "replace") for word in words) for page in PAGES}
    marks = {text: sum(map(_marks, text)) for text in texts.values()}
    least = max(marks.values()) - _HOPELESS
    known: _Known = {}
    by_text: dict[tuple[str, ...], _Reading] = {}
    for page, text in texts.items():
        if marks[text] >= least:
            reading = _read(page, text, marks[text], plain, spoken, known)
            by_text[text] = max(by_text.get(text, reading), reading, key=_Reading.rank)
    return list(by_text.values())


def _read(
    page: Page,
    texts: tuple[str, ...],
    marks: float,
    plain: Sequence[str],
    spoken: Mapping[str, float],
    known: "_Known",
) -> _Reading:
    parts = [
        _small(part)[:_LONGEST_WORD]
        for text in texts
        for part in _PARTS.findall(text)
        if _is_letter(part[0])
    ]
    mixed, abroad = _mix(parts, plain, page, spoken, known)
    # People of all countries are in those that speak English.
    elsewhere = sum(
        part for language, part in spoken.items() if language not in ("en", *page.at_home)
    )
    letters = sum(len(part) + 1 for part in parts)
    return _Reading(
        page=page,
        texts=texts,
        likelihood=mixed + marks + abroad + _ELSEWHERE * elsewhere - page.handicap,
        a_letter=(mixed + marks) / letters if letters else 0.0,
    )


def _mix(
    words: Sequence[str],
    plain: Sequence[str],
    page: Page,
    spoken: Mapping[str, float],
    known: "_Known",
) -> tuple[float, float]:
    """How likely the words are in the mix of languages that explains them best; the page's part."""
    order = list(languages())
    prior = [
        _ANYWHERE / len(order)
        + _AT_HOME * (language in page.at_home) / len(page.at_home)
        + _SPOKEN * spoken.get(language, 0.0)
        for language in order
    ]
    rows = [_by_language(word, known) for word in (*words, *plain)]
    # Plain words tell the language too, but there are more of them than of the others.
    weight = min(1.0, _PLAIN_WEIGHT / max(len(plain), 1))
    share = [chance / sum(prior) for chance in prior]
    for _ in range(_ROUNDS):
        total = list(prior)
        for number, row in enumerate(rows):
            for at, part in row.shares(share):
                total[at] += part if number < len(words) else part * weight
        share = [count / sum(total) for count in total]
    home = {at for at, language in enumerate(order) if language in page.at_home}
    of_words = rows[: len(words)]
    strange = sum(part for row in of_words for at, part in row.shares(share) if at not in home)
    likely = sum(row.likelihood(_of_the_others(row, share, total)) for row in of_words)
    return likely, _ABROAD * strange / max(len(words), 1)


def _of_the_others(row: "_Word", share: Sequence[float], total: Sequence[float]) -> list[float]:
    """The shares of the languages without the word itself, which is no evidence of its own."""
    left = list(total)
    for at, part in row.shares(share):
        left[at] -= part
    whole = sum(left)
    return [count / whole for count in left]


class _Word:
    """How likely a word is in each of the languages: those that are not out of the question."""

    def __init__(self, word: str) -> None:
        all_of_them = [letters.likelihood(word) for letters in languages().values()]
        self._top = max(all_of_them)
        self._parts = [
            (at, math.exp(likelihood - self._top))
            for at, likelihood in enumerate(all_of_them)
            if likelihood > self._top - _OUT_OF_QUESTION
        ]

    def shares(self, share: Sequence[float]) -> list[tuple[int, float]]:
        """How likely it is of each language, where the file has each of them to its *share*."""
        parts = [(at, share[at] * part) for at, part in self._parts]
        whole = sum(part for _, part in parts)
        return [(at, part / whole) for at, part in parts]

    def likelihood(self, share: Sequence[float]) -> float:
        return self._top + math.log(sum(share[at] * part for at, part in self._parts))


_Known = dict[str, _Word]


def _by_language(word: str, known: _Known) -> _Word:
    if word not in known:
        known[word] = _Word(word)
    return known[word]


def _small(word: str) -> str:
    return word.replace("İ", "i").lower()  # the dot would be a letter of its own


def _is_letter(mark: str) -> bool:
    return unicodedata.category(mark)[0] in "LM" and mark not in _ORDINALS


def _marks(text: str) -> float:
    """How likely what is no letter is, two alphabets in a word and capitals within; a logarithm."""
    likelihood = -_STRANGE * (len({_alphabet(letter) for letter in text if _is_letter(letter)}) > 1)
    for at, mark in enumerate(text):
        before, after = text[:at], text[at + 1 : at + 2]
        if _is_letter(mark):
            likelihood += _case(before, mark, after)
        elif not mark.isascii():
            likelihood += _mark(before, mark, after)
    return likelihood


def _mark(before: str, mark: str, after: str) -> float:
    if mark == "\ufffd" or unicodedata.category(mark) == "Cc":
        return -_NO_SIGN if mark == "\ufffd" else -_CONTROL
    left, right = _ends_in_letter(before), after.isalpha()
    if left and right:
        fits = mark in _BETWEEN
    elif mark in _ORDINALS:
        fits = not right and len(before) <= _LONGEST_BEFORE_ORDINAL
    else:
        fits = (not left or mark in _BEHIND) and (not right or mark in _AHEAD)
    return (_COMMON_MARK if mark in _COMMON_MARKS else _RARE_MARK) - _STRANGE * (not fits)


def _ends_in_letter(text: str) -> bool:
    return bool(text) and _is_letter(text[-1])


def _case(before: str, letter: str, after: str) -> float:
    """A capital behind a small letter, or within a word of small ones, where it has an accent."""
    behind = letter.islower() and after.isupper() and letter != "ß"
    within = letter.isupper() and after.islower() and before[-1:].isupper()
    return -_WRONG_CASE * ((behind or within) and not (letter + after).isascii())


@cache
def _alphabet(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def _hints(sample: bytes) -> dict[str, float]:
    """Language → what part of the countries and languages named in the sample speak it."""
    counts: Counter[str] = Counter()
    for match in _TOP_LEVEL.finditer(sample):
        counts.update(_spoken(match[1].decode().upper()))
    for match in _CELL.finditer(sample):
        if len(match[0]) < 30 and match[0].isascii():  # noqa: PLR2004 - no country is longer
            counts.update(_named().get(match[0].strip().decode().casefold(), ()))
    total = sum(counts.values())
    return {language: count / total for language, count in counts.items()}


@cache
def _named() -> dict[str, tuple[str, ...]]:
    """Names of countries and languages, in English and their own, and country codes."""
    from babel import Locale

    english = Locale("en")
    by_name: dict[str, tuple[str, ...]] = {}
    by_name |= {n.casefold(): (c,) for c, n in english.languages.items() if c in languages()}
    for code, name in english.territories.items():
        spoken = _spoken(code)
        if spoken and code.isalpha():
            by_name[name.casefold()] = by_name[code.casefold()] = spoken
            for language in spoken:
                own = Locale.parse(language).territories.get(code, name)
                by_name[own.casefold()] = spoken
    return by_name


@cache
def _spoken(territory: str) -> tuple[str, ...]:
    from babel.languages import get_official_languages

    territory = {"UK": "GB"}.get(territory, territory)
    official = {"no": "nb", "bs": "hr", "sh": "hr"}
    codes = [official.get(code, code) for code in get_official_languages(territory)]
    return tuple(dict.fromkeys(code for code in codes if code in languages()))


def _examples(readings: Sequence[_Reading]) -> tuple[str, ...]:
    """Some words that the readings differ in, as each has them."""
    columns = list(zip(*(reading.texts for reading in readings), strict=True))
    differing = [c for c in columns if len(readings) == 1 or len(set(c)) > 1][:_EXAMPLES]
    return tuple(
        f"{reading.page.name}: {', '.join(column[at] for column in differing)}"
        for at, reading in enumerate(readings)
    )
