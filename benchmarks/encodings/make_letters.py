"""
Writes jobmojito_batch/intake/letters.json: how often pairs and triples of letters stand in a word.

By language, from three sources: news (the statistics that lingua-language-detector 1.4.2 ships,
Apache 2.0), names, towns and job titles (Faker, MIT), names of countries, languages and months
(babel, CLDR). Words of people.toml are left out, so that what is measured was not learnt.

    pip install faker==40.63.0 lingua-language-detector==1.4.2 brotli
    python benchmarks/encodings/make_letters.py
"""

import importlib
import json
import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

import babel
import brotli
import lingua

HERE: Final = Path(__file__).parent
TARGET: Final = HERE.parents[1] / "jobmojito_batch" / "intake" / "letters.json"
LETTERS: Final = 1_000_000
"""All counts are of so many letters."""
WEIGHT_OF_NAMES: Final = 0.5
RARE: Final = 3.0
LEVELS_A_DOUBLING: Final = 2

# Language → locales of Faker.
LOCALES: Final = {
    "en": ("en_GB", "en_US", "en_IE"), "de": ("de_DE", "de_AT", "de_CH"),
    "fr": ("fr_FR", "fr_CH", "fr_BE", "fr_CA"), "es": ("es_ES", "es_MX", "es_AR", "es_CO", "es_CL"),
    "pt": ("pt_PT", "pt_BR"), "it": ("it_IT",), "nl": ("nl_NL", "nl_BE"), "da": ("da_DK",),
    "nb": ("no_NO",), "sv": ("sv_SE",), "fi": ("fi_FI",), "is": ("is_IS",), "ca": ("es_CA",),
    "cs": ("cs_CZ",), "sk": ("sk_SK",), "pl": ("pl_PL",), "hu": ("hu_HU",), "ro": ("ro_RO",),
    "sl": ("sl_SI",), "hr": ("hr_HR", "bs_BA"), "sq": (), "ru": ("ru_RU",), "uk": ("uk_UA",),
    "bg": ("bg_BG",), "sr": (), "mk": ("mk_MK",), "be": (), "el": ("el_GR",), "tr": ("tr_TR",),
    "lt": ("lt_LT",), "lv": ("lv_LV",), "et": ("et_EE",), "he": ("he_IL",), "ar": ("ar_AA",),
}  # fmt: skip
# Where a language is at home. Letters that its page lacks are other people's names in the news, or
# text that was read wrongly: Croatian news have ð for đ.
PAGES: Final = {
    "cp1250": ("cs", "sk", "pl", "hu", "ro", "sl", "hr"),
    "cp1251": ("ru", "uk", "bg", "sr", "mk", "be"),
    "cp1253": ("el",), "cp1254": ("tr",), "cp1255": ("he",), "cp1256": ("ar",),
    "cp1257": ("lt", "lv", "et"),
}  # fmt: skip
_KINDS: Final = ("person", "job", "address")
_LISTS: Final = re.compile(
    r"(?:first|last|middle|prefix|parent|job|city|cities|states?|countr|street|provinc|region)",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[^\W\d_]+")
# Comma below came late; the code pages have the cedilla.
_OLD: Final = str.maketrans("șțȘȚ", "şţŞŢ")


def news(language: str) -> Counter[str]:
    """Runs of one, two and three letters, without the ends of words."""
    found: Counter[str] = Counter()
    for size, name in enumerate(("unigrams", "bigrams", "trigrams"), start=1):
        for ngram, share in _shares(language, name):
            context = found[ngram[:-1]] if size > 1 else LETTERS
            found[ngram] += share * context  # type: ignore[assignment]
    return Counter({ngram.translate(_OLD): count for ngram, count in found.items()})


def _shares(language: str, name: str) -> Iterator[tuple[str, float]]:
    path = Path(lingua.__file__).parent / "language-models" / language / f"{name}.json.br"
    for fraction, ngrams in json.loads(brotli.decompress(path.read_bytes()))["ngrams"].items():
        over, under = map(int, fraction.split("/"))
        for ngram in ngrams.split(" "):
            yield ngram, over / under


def names(language: str, left_out: set[str]) -> Counter[str]:
    """Runs of one to three letters and ends of words (`^`, `$`)."""
    found: Counter[str] = Counter()
    words = {word for text in _texts(language) for word in _WORD.findall(_folded(text))}
    for word in words - left_out:
        marked = f"^{word}$"
        for size in (1, 2, 3):
            found.update(marked[at : at + size] for at in range(len(marked) - size + 1))
    letters = sum(count for ngram, count in found.items() if len(ngram) == 1)
    return Counter({n: count * LETTERS / letters for n, count in found.items()})  # type: ignore[misc]


def _folded(text: str) -> str:
    return text.translate(_OLD).replace("İ", "i").lower()  # the dot would be a letter of its own


def _texts(language: str) -> Iterator[str]:
    for locale, kind in ((locale, kind) for locale in LOCALES[language] for kind in _KINDS):
        try:
            module = importlib.import_module(f"faker.providers.{kind}.{locale}")
        except ModuleNotFoundError:
            continue
        for name in dir(module.Provider):
            if _LISTS.search(name) and not name.startswith("_"):
                yield from _strings(getattr(module.Provider, name))
    locale = babel.Locale.parse(language)
    yield from chain(locale.territories.values(), locale.languages.values())
    yield from chain(
        locale.months["format"]["wide"].values(), locale.days["format"]["wide"].values()
    )


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield "" if "{{" in value else value
    elif isinstance(value, dict | list | tuple | set | frozenset):
        for one in value:
            yield from _strings(one)


def counts(language: str, left_out: set[str]) -> dict[str, float]:
    read, called = news(language), names(language, left_out)
    total = Counter(read)
    for ngram, count in called.items():
        total[ngram] += count * WEIGHT_OF_NAMES  # type: ignore[assignment]
    page = next((page for page, at_home in PAGES.items() if language in at_home), "cp1252")
    return {
        n: c
        for n, c in total.items()
        if _is_kept(n, c) and n.encode(page, "ignore").decode(page) == n
    }


def _is_kept(ngram: str, count: float) -> bool:
    if len(ngram) == 3 and (ngram.isascii() or not any(c.isascii() for c in ngram.strip("^$"))):
        return False  # tells no page from another; of Cyrillic and Greek pairs are enough
    return count >= RARE and not re.search(r"[^\w^$]", ngram)


def packed(found: dict[str, float]) -> dict[str, dict[str, str]]:
    """Size of the run → level of its count → the runs, one after another."""
    made: dict[str, dict[str, str]] = {"1": {}, "2": {}, "3": {}}
    for ngram in sorted(found):
        level = str(round(math.log2(found[ngram]) * LEVELS_A_DOUBLING))
        size = made[str(len(ngram))]
        size[level] = size.get(level, "") + ngram
    return made


def main() -> None:
    people = tomllib.loads((HERE / "people.toml").read_text("utf-8"))
    said = " ".join(chain.from_iterable(chain.from_iterable(p.values()) for p in people.values()))
    left_out = {word for word in _WORD.findall(_folded(said)) if not word.isascii()}
    made = {language: packed(counts(language, left_out)) for language in LOCALES}
    TARGET.write_text(json.dumps(made, ensure_ascii=False, indent=0) + "\n", "utf-8")
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, {len(made)} languages")


if __name__ == "__main__":
    main()
