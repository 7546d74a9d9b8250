"""
How often the page of a short file is right, asked about, or wrong.

    python benchmarks/encodings/measure.py --draws 20 [--by chardet] [LANGUAGE ...]

Files of 2, 8 and 40 rows with accents (names, job titles and towns of people.toml; the tables of
letters do not know them) and as many plain rows, on every page of section 5 of the specification
that has all their letters. Right: each letter is. Asked: it is held, and the page named. Nothing
in the files but these words tells the language: headers, addresses and countries are English.
"""

import argparse
import random
import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import chardet

from jobmojito_batch.intake.code_pages import PAGES, guess

HERE: Final = Path(__file__).parent
SIZES: Final = (2, 8, 40)
PLAIN: Final = (
    "Anna Lee;anna@example.org;Tester;Remote",
    "Peter Holm;p.holm@example.org;Cook;Paris",
)
HEADERS: Final = "Candidate Name;Email;Job Title;Job Location"
READ: Final = {page.codec: page for page in PAGES if page.is_read}
_SEED: Final = 20261126

Verdict = str | None
"""The codec, or None where it asks."""


def ours(content: bytes) -> Verdict:
    lines = [line for line in content.splitlines(keepends=True) if not line.isascii()]
    found = guess(b"".join(lines))
    return found.page.codec if found.is_sure else None


def by_chardet(content: bytes) -> Verdict:
    names = [page.name.lower() for page in READ.values()]
    found = chardet.detect_all(content, include_encodings=names)
    return found[0]["encoding"] if found else None


def by_charset_normalizer(content: bytes) -> Verdict:
    import charset_normalizer  # noqa: PLC0415 - Prefect brings it; only asked for here

    found = charset_normalizer.from_bytes(content, cp_isolation=list(READ)).best()
    return found.encoding if found else None


WAYS: Final[dict[str, Callable[[bytes], Verdict]]] = {
    "ours": ours,
    "chardet": by_chardet,
    "charset-normalizer": by_charset_normalizer,
}


def files(
    person: dict[str, list[str]], rows: int, draws: int, chance: random.Random
) -> Iterator[str]:
    for _ in range(draws):
        lines: list[str] = []
        while len(lines) < rows:
            name, job, town = (chance.choice(person[key]) for key in ("names", "jobs", "towns"))
            # Accents in one cell of three, as in exports whose job titles are English.
            plain = chance.random()
            line = f"{name};x{len(lines)}@example.org;{job if plain < 0.5 else 'Tester'};{town if plain < 0.25 else 'Remote'}"  # noqa: E501
            if not line.isascii():
                lines += [line, chance.choice(PLAIN)]
        yield "\r\n".join([HEADERS, *lines]) + "\r\n"


def judged(way: Callable[[bytes], Verdict], text: str, codec: str) -> str:
    content = text.encode(codec)
    found = way(content)
    if found is None:
        return "asked"
    try:
        return "right" if content.decode(found) == text else "wrong"
    except (UnicodeDecodeError, LookupError):
        return "wrong"


def measured(
    people: dict[str, Any], way: Callable[[bytes], Verdict], draws: int
) -> Iterator[tuple[str, str, int, Counter[str]]]:
    for language, person in people.items():
        for codec in READ:
            for rows in SIZES:
                counts: Counter[str] = Counter()
                chance = random.Random(f"{_SEED} {language} {codec} {rows}")  # noqa: S311
                for text in files(person, rows, draws, chance):
                    try:
                        text.encode(codec)
                    except UnicodeEncodeError:
                        continue
                    counts[judged(way, text, codec)] += 1
                if counts.total() > draws // 2:
                    yield language, codec, rows, counts


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("languages", nargs="*")
    options.add_argument("--draws", type=int, default=20)
    options.add_argument("--by", choices=WAYS, default="ours")
    asked = options.parse_args()
    people = tomllib.loads((HERE / "people.toml").read_text("utf-8"))
    people = {k: v for k, v in people.items() if not asked.languages or k in asked.languages}
    began = time.perf_counter()
    total: dict[int, Counter[str]] = defaultdict(Counter)
    print(
        "| language | page | rows | right | asked | wrong |\n| --- | --- | --- | --- | --- | --- |"
    )
    for language, codec, rows, counts in measured(people, WAYS[asked.by], asked.draws):
        print(
            f"| {language} | {READ[codec].name} | {rows} |",
            " | ".join(str(counts[k]) for k in ("right", "asked", "wrong")),
            "|",
            flush=True,
        )
        total[rows] += counts
    for rows, counts in total.items():
        shares = ", ".join(
            f"{counts[k]} {k} ({counts[k] / counts.total():.1%})"
            for k in ("right", "asked", "wrong")
        )
        print(f"{rows} rows: {counts.total()} files: {shares}")
    print(f"{time.perf_counter() - began:.0f} s")
    return 1 if any(counts["wrong"] for counts in total.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
