"""
What a text says of an account's credits.

Nothing is documented for empty credits (reference, section 3.2), so the words decide, by degrees: a
text mentions a lack of credits, does so and is not about somebody's work, or cannot mean anything
but the account. "Insufficient credit risk experience" is only the first.
"""

import functools
import re
from typing import Final

_HAS_NOT: Final = r"(?:not|\w+n't|cannot) have (?:enough|sufficient|any)"
_LACK: Final = (
    rf"insufficient|not enough|{_HAS_NOT}|no|no more|without|out of|ran out|run out"
    r"|exhausted|exceed\w*|lack\w*|zero|depleted|used up|too low|too few|missing|required"
    r"|needed?|limit\w*|reached|top up|buy"
)
_MENTIONED: Final = (
    rf"\b(?:{_LACK})\b(?:\W+\w+){{0,4}}?\W+credits?\b"
    rf"|\bcredits?\b(?:\W+\w+){{0,5}}?\W+(?:{_LACK})\b"
)

_OF_WORK: Final = (
    r"\b(?:risk|control|history|analysts?|background|experience|skills?|degree|universit\w+"
    r"|college|academic|ects|semester|exam\w*|licen[cs]\w+|cpa|bank\w*|loans?|lending|mortgage|debt\w*|customers?|clients?)\b"
)
"""Words of a job or an education, where credit is something else."""
_OF_A_PERSON: Final = (
    r"\b(?:candidate|applicant|he|she|they)\W+(?:has|have|had|lacks?|holds?|shows?|earned|with)\b"
)

_NONE_OF: Final = (
    rf"insufficient|not enough|{_HAS_NOT}|no|no more|out of|low on|lack(?:s|ing)?(?: of)?"
    r"|without|zero|0|exhausted|used up"
)
_KIND: Final = (
    r"interview|screening|account|available|remaining|any|all|your|the|monthly|more|ai|sufficient"
)
_WHOSE: Final = r"(?:on|in|for|of)\W+(?:your|this|the)\W+(?:account|plan|balance|merchant)"
_WHAT_FOR: Final = r"to\W+(?:create|invite|start|send|run|screen|complete|perform|continue|proceed)"
_UNMISTAKABLE: Final = (
    # "Not enough credits.", "no interview credits left", "out of credits to invite anybody"
    rf"\b(?:{_NONE_OF})(?:\W+(?:{_KIND}))*\W+credits?"
    rf"(?=\s*(?:$|[.!;:()\"'])|\W+(?:left|remaining|available|{_WHOSE}|{_WHAT_FOR})\b)"
    # "Your credit balance is too low", "credits have run out", "credit limit reached"
    r"|\bcredit(?:s|\W+(?:balance|limit|quota|allowance))"
    r"(?:\W+(?:is|are|has|have|been|was|were|already|now|all|completely|fully)){0,4}"
    r"\W+(?:exhausted|insufficient|empty|depleted|used up|run out|ran out|reached|exceeded|too low"
    r"|zero|0|gone|spent)\b"
    # "Please top up your account", "buy more credits"
    r"|\btop(?:\W?up)(?:\W+\w+){0,3}?\W+(?:account|balance|credits?|wallet)\b"
    r"|\b(?:buy|purchase|add|recharge|refill)(?:\W+\w+){0,3}?\W+credits\b"
)


def mentions_lack_of_credits(text: str) -> bool:
    """Whether it speaks of too few credits, of whatever kind."""
    return _says(_MENTIONED, text)


def may_mean_account(text: str) -> bool:
    """Whether it speaks of too few credits, and not of somebody's work."""
    return mentions_lack_of_credits(text) and not _says(_OF_WORK, text)


def means_account(text: str) -> bool:
    """Whether it says that the account is out of credits, and cannot mean anything else."""
    is_about_somebody = _says(_OF_WORK, text) or _says(_OF_A_PERSON, text)
    return _says(_UNMISTAKABLE, text) and not is_about_somebody


def _says(pattern: str, text: str) -> bool:
    """Whether its words do; those of a code, too: `insufficient_credits`."""
    return _compiled(pattern).search(text.replace("_", " ")) is not None


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Built when an answer is read; a plan has none."""
    return re.compile(pattern, re.IGNORECASE)
