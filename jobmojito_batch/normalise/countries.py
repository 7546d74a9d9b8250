"""Countries by any of their names: ISO codes, names in many languages (CLDR), short forms."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Final

import polars as pl

from jobmojito_batch.normalise.known_names import known_names
from jobmojito_batch.normalise.text import code_by_key, folded, keys_of

HEADER_LANGUAGES: Final = ("en", "de", "sk", "cs", "pl", "fr", "es", "it", "pt", "nl", "hu")
# In which exports name every country too: those of the platform's interviews, and neighbours'. A
# name that any other source gives to a country stays that country's. Not those of India and
# Thailand, whose vowels are the accents that a key has not.
_MORE_LANGUAGES: Final = (
    "ar", "bg", "da", "el", "fi", "fil", "he", "hr", "id", "ja", "ko", "ms", "nb", "ro", "ru", "sl",
    "sr", "sv", "tr", "uk", "vi", "zh", "zh_Hant",
)  # fmt: skip

# Two-letter codes of CLDR that are no countries of ISO 3166; Kosovo (XK) stays, people live there.
_NO_COUNTRIES: Final = frozenset(
    {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}
)
# A language that half of a country speaks names it, official or not.
_SPOKEN_BY_PERCENT: Final = 50.0

# Short forms, older names and the long forms of ISO, which CLDR does not have.
_SHORT_FORMS: Final[dict[str, tuple[str, ...]]] = {
    "AE": ("UAE", "U.A.E.", "Emirates", "VAE"),
    "BG": ("BUL",),
    "BO": ("Bolivia (Plurinational State of)", "Bolivia, Plurinational State of"),
    "BA": ("Bosnia", "BiH"),
    "BN": ("Brunei Darussalam",),
    "CD": ("DRC", "DR Congo", "Democratic Republic of the Congo", "Congo (DRC)",
           "Congo, Democratic Republic of the", "Congo, the Democratic Republic of the", "Zaire"),
    "CG": ("Republic of the Congo", "Congo, Republic of the", "Congo Republic"),
    "CH": ("SUI", "Swiss"),
    "CI": ("Cote d'Ivoire", "Ivory Coast"),
    "CN": ("PRC", "P.R. China", "PR China", "People's Republic of China", "Mainland China"),
    "CV": ("Cabo Verde",),
    "CZ": ("Czech Republic", "Česká republika", "Czech", "ČR", "Tschechische Republik",
           "République tchèque", "República Checa", "Repubblica Ceca", "Republika Czeska"),
    "DE": ("GER", "BRD", "Federal Republic of Germany", "Bundesrepublik Deutschland"),
    "DK": ("DEN",),
    "FK": ("Falklands", "Falkland Islands (Malvinas)"),
    "FM": ("Micronesia (Federated States of)", "Micronesia, Federated States of"),
    "GB": ("UK", "U.K.", "Great Britain", "Britain", "United Kingdom", "England", "Scotland",
           "Wales", "Northern Ireland", "ENG", "Velká Británie", "Veľká Británia",
           "United Kingdom of Great Britain and Northern Ireland", "Grande-Bretagne",
           "Großbritannien", "Gran Bretaña", "Gran Bretagna", "Grã-Bretanha", "Wielka Brytania"),
    "GR": ("GRE", "Hellas", "EL"),
    "HK": ("Hong Kong", "Hongkong"),
    "HR": ("CRO",),
    "IE": ("Republic of Ireland", "Eire"),
    "IR": ("Iran (Islamic Republic of)", "Iran, Islamic Republic of", "Islamic Republic of Iran"),
    "KG": ("Kyrgyz Republic",),
    "KP": ("North Korea", "DPRK", "Korea (North)", "Democratic People's Republic of Korea",
           "Korea (the Democratic People's Republic of)", "Korea, Democratic People's Republic of"),
    "KR": ("South Korea", "Republic of Korea", "Korea (South)", "Korea, South",
           "Korea, Republic of", "Korea (the Republic of)", "ROK", "S. Korea", "한국", "韓國"),
    "LA": ("Lao PDR", "Lao People's Democratic Republic"),
    "MD": ("Moldova, Republic of", "Republic of Moldova", "Moldova (the Republic of)"),
    "MK": ("Macedonia", "FYROM", "Republic of North Macedonia"),
    "MM": ("Burma", "Myanmar"),
    "MO": ("Macao", "Macau"),
    "NL": ("NED", "Holland", "The Netherlands", "Netherlands (Kingdom of the)", "Holandsko"),
    "PH": ("Philippines", "The Philippines"),
    "PS": ("Palestine", "State of Palestine", "Palestine, State of"),
    "PT": ("POR",),
    "RU": ("Russian Federation", "Russian Federation (the)"),
    "SA": ("KSA", "Kingdom of Saudi Arabia"),
    "SK": ("Slovak Republic", "Slovenská republika", "Slovak", "Slowakische Republik",
           "République slovaque", "República Eslovaca", "Repubblica Slovacca"),
    "SY": ("Syrian Arab Republic",),
    "SZ": ("Swaziland",),
    "TL": ("East Timor",),
    "TR": ("Turkey", "Türkiye", "Turkiye", "Republic of Turkey"),
    "TW": ("Taiwan, Province of China", "Taiwan (Province of China)", "Republic of China"),
    "TZ": ("Tanzania, United Republic of", "United Republic of Tanzania"),
    "US": ("USA", "U.S.A.", "U.S.", "United States", "The United States", "America",
           "United States of America", "The United States of America", "EE.UU.", "Estados Unidos",
           "Spojené štáty", "Stany Zjednoczone", "États-Unis", "Vereinigte Staaten"),
    "VA": ("Vatican", "Holy See"),
    "VE": ("Venezuela (Bolivarian Republic of)", "Venezuela, Bolivarian Republic of"),
    "VN": ("Vietnam", "Viet Nam"),
}  # fmt: skip

# Names that people give to more than one country. A name here is never guessed at, whatever CLDR
# makes of it in some language.
_AMBIGUOUS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("Congo", "Kongo", "Konga"), ("CD", "CG")),
    **dict.fromkeys(("Korea", "Corea", "Corée", "Coreia"), ("KP", "KR")),
    "Virgin Islands": ("VG", "VI"),
    "Guiana": ("GF", "GY"),
    "Czechoslovakia": ("CZ", "SK"),
    "Yugoslavia": ("BA", "HR", "ME", "MK", "RS", "SI"),
}


@cache
def alpha_2() -> tuple[str, ...]:
    """The codes this program sends, sorted."""
    from babel import Locale

    named = Locale("en").territories
    codes = {str(code) for code in named} - _NO_COUNTRIES
    return tuple(sorted(code for code in codes if len(code) == 2 and code.isalpha()))  # noqa: PLR2004


def key(text: pl.Expr) -> pl.Expr:
    """
    What names of countries are compared by: no case, accents, blanks, nor the words the, and, of.

    Up to three letters keep their accents: `ČR` is not Costa Rica.
    """
    letters = text.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", "")
    is_accented_code = (letters.str.len_chars() <= 3) & letters.str.contains(r"[^\x00-\x7f]")  # noqa: PLR2004
    words = folded(text).str.replace_all(r"\b(?:the|and|of) ", "").str.replace(r" the$", "")
    return (
        pl.when(is_accented_code)
        .then(letters)
        .otherwise(words.str.replace_all(" ", "", literal=True))
    )


def code(text: pl.Expr) -> pl.Expr:
    """The code of a country by any of its names; null where none fits."""
    return code_by_key(text, key, lookup())


@cache
def lookup() -> pl.DataFrame:
    """`key` → `code`, one row for each name that fits one country."""
    names = known_names().countries.items()
    known = {name: codes[0] for name, codes in names if len(codes) == 1}
    return pl.DataFrame({"key": list(known), "code": list(known.values())})


@lru_cache(maxsize=4096)  # of many faulty rows few say something else than the others
def choices(text: str) -> tuple[str, ...]:
    """The codes of the countries that a name may mean."""
    return known_names().countries.get(keys_of([text], key)[0], ())


def built() -> Mapping[str, tuple[str, ...]]:
    """Key → codes, looked up anew. The better source wins: codes, our lists, English, others."""
    hand_made = [(name, code) for code, names in _SHORT_FORMS.items() for name in names]
    hand_made += [(name, code) for name, codes in _AMBIGUOUS.items() for code in codes]
    table: dict[str, tuple[str, ...]] = {}
    for names in (_iso_codes(), hand_made, _names_in(["en"]), _names_in(_languages())):
        for name_key, codes in _grouped(names).items():
            table.setdefault(name_key, codes)
    for name_key, codes in _with_code(table):
        table.setdefault(name_key, codes)
    for name_key, codes in _grouped(_all_names_in(_MORE_LANGUAGES)).items():
        if not (name_key.isascii() and len(name_key) <= 3):  # noqa: PLR2004 - it looks like a code
            table.setdefault(name_key, codes)
    return table


def _with_code(table: Mapping[str, tuple[str, ...]]) -> list[tuple[str, tuple[str, ...]]]:
    """`Slovakia (SK)` and `SVK - Slovakia`: a name and a code that agree."""
    code_of = defaultdict(list)
    for code, country in _iso_codes():
        if code.isalpha():
            code_of[country].append(code.lower())
    return [
        (pair, codes)
        for name_key, codes in table.items()
        if len(codes) == 1 and len(name_key) > 3  # noqa: PLR2004 - a name, not a code
        for code in code_of[codes[0]]
        for pair in (name_key + code, code + name_key)
    ]


def _grouped(names: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    pairs = list(names)
    codes: defaultdict[str, set[str]] = defaultdict(set)
    keys = keys_of([name for name, _ in pairs], key)
    for name_key, (_, code) in zip(keys, pairs, strict=True):
        if name_key:
            codes[name_key].add(code)
    return {name_key: tuple(sorted(its_codes)) for name_key, its_codes in codes.items()}


def _iso_codes() -> Iterator[tuple[str, str]]:
    """
    Alpha-2, alpha-3 and three-digit numeric codes.

    `56` for `056` is left out: without its zero it may as well be a calling code.
    """
    from babel.core import get_global

    countries = set(alpha_2())
    yield from ((code, code) for code in countries)
    for alias, targets in get_global("territory_aliases").items():
        if len(alias) == 3 and len(targets) == 1 and targets[0] in countries:  # noqa: PLR2004
            yield alias, targets[0]


def _languages() -> list[str]:
    """The languages of our headers, and those that each country uses for itself."""
    from babel.core import get_global

    own = {
        language
        for spoken in get_global("territory_languages").values()
        for language, facts in spoken.items()
        if facts["official_status"] in {"official", "de_facto_official"}
        or facts["population_percent"] >= _SPOKEN_BY_PERCENT
    }
    return [*HEADER_LANGUAGES, *sorted(own - set(HEADER_LANGUAGES))]


def _all_names_in(languages: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The names of all countries in these languages."""
    from babel import Locale

    for language in languages:
        names = Locale.parse(language).territories
        yield from ((names[code], code) for code in alpha_2() if code in names)


def _names_in(languages: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Names in the languages of the headers; in any other, those of the countries that use it."""
    from babel import Locale
    from babel.core import get_global
    from babel.localedata import exists

    spoken_in = get_global("territory_languages")
    for language in languages:
        if not exists(language):
            continue
        names = Locale.parse(language).territories
        for code in alpha_2():
            if code in names and (
                language in HEADER_LANGUAGES or language in spoken_in.get(code, {})
            ):
                yield names[code], code
