"""Words of the pages: kinds, outcomes, numbers, and what the command line would say."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

KINDS: Final = {
    "invalid": ("To correct", ""),
    "to_send": ("Ready to send", "They pass all checks and nobody has invited them yet."),
    "duplicate": (
        "Duplicate",
        "The same invitation as an earlier row of this file; nothing is sent for them.",
    ),
    "already_done": (
        "Already done",
        "Settled in an earlier run: nothing is sent; their links are in the results.",
    ),
    "unknown": (
        "Unknown",
        "Sent earlier without a trustworthy answer; they are looked up, never sent blind.",
    ),
    "unresolved": ("Waiting", "The first call of their position has no answer yet."),
    "left_out": ("Left out", "You left them out: nothing is sent for them."),
}
"""What a person calls the kinds of rows, in their order, and what they are."""
SAID: Final = {
    "undone": "The last step was undone.",
    "nothing": "There was nothing to change.",
    "corrected": "Checked again.",
    "left_out": "The row is left out.",
    "forgotten": "The mapping is forgotten: the columns are as the program takes them by itself.",
    "stopping": "Stopping: calls under way end, nothing more is sent.",
    "erased": "The person is erased from the ledger. Files that were written or uploaded still "
    "have them: remove those, too.",
    "reconciling": "The unknown rows are being looked up; reload this page to see what came of it.",
    "removed": "The upload and its files are removed; the ledger still knows who was invited.",
    "answered": "Your answer is kept.",
}
_HINTS: Final = (
    (re.compile(r", or give one value for all with --set \S+=VALUE"),
     ", or give one value for all rows under Columns"),
    (re.compile(r"\s*\(candidate_resume_file, --resumes FOLDER\)"), " under Columns"),
    (re.compile(r"say where the files are with --resumes FOLDER"),
     "upload the résumé files under Columns"),
    (re.compile(r"\s*\(--resumes FOLDER\)"), " (upload them under Columns)"),
    (re.compile(r'(?:say )?--map "([^"=]*)=([a-z_]+)"(?: \([^)]*\))?'),
     r"choose \2 for “\1” under Columns"),
    (re.compile(r'--map "([^"=]*)="(?: \(neither\))?'), r"ignore “\1” under Columns"),
    (re.compile(r"--set (\w+)=VALUE for all rows"), r"give one value for all rows under Columns"),
    (re.compile(r"which column has it with --map"), "which column has it under Columns"),
    (re.compile(r"--header-row (\d+)"), r"header row \1"),
    (re.compile(r"--encoding NAME|--encoding \S+"), "another encoding under Columns"),
)  # fmt: skip
_SOON: Final = 90
_LONG: Final = 5400


def for_the_page(text: str) -> str:
    """What the command line would say, as it is said to somebody at the desk."""
    for pattern, here in _HINTS:
        text = pattern.sub(here, text)
    return text


def duration(seconds: float) -> str:
    """As a person says it."""
    if seconds < _SOON:
        return counted(max(1, round(seconds)), "second")
    if seconds < _LONG:
        return counted(round(seconds / 60), "minute")
    return f"{seconds / 3600:.1f} hours"


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def moment(at: datetime) -> str:
    """A time, as the pages write it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def spaced(name: str) -> str:
    """An identifier as words."""
    return name.replace("_", " ")


FILTERS: Final[dict[str, Callable[..., object]]] = {
    "for_the_page": for_the_page,
    "duration": duration,
    "counted": counted,
    "spaced": spaced,
    "kind": lambda name: KINDS.get(name, ("Left for later",))[0],
    "grouped": lambda count: f"{count:,}",
    "moment": moment,
}
