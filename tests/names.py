"""Writes the names of countries, languages and months: `python -m tests.names`."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from jobmojito_batch.normalise import countries, dates, languages
from jobmojito_batch.normalise.known_names import FILE


def as_written() -> str:
    """The file, as CLDR has the names now."""
    names = {
        "countries": _grouped((key, " ".join(codes)) for key, codes in countries.built().items()),
        "languages": _grouped(languages.built().items()),
        "months": _grouped((key, f"{number:02}") for key, number in dates.built().items()),
    }
    return json.dumps(names, ensure_ascii=False, indent=0) + "\n"


def _grouped(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    keys: defaultdict[str, list[str]] = defaultdict(list)
    for key, what in sorted(named):
        keys[what].append(key)
    return {what: " ".join(mine) for what, mine in sorted(keys.items())}


if __name__ == "__main__":
    Path(str(FILE)).write_text(as_written(), "utf-8")
