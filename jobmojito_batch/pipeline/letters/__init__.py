"""What candidates are told: drafts, or posted once each (spec section 11)."""

from jobmojito_batch.pipeline.letters.ready import ReadyLetters, letters_settings, ready_letters
from jobmojito_batch.pipeline.letters.send import (
    LettersObserver,
    try_mail_server,
    write_and_send,
)
from jobmojito_batch.pipeline.letters.summary import LettersFiles, LettersSummary

__all__ = [
    "LettersFiles",
    "LettersObserver",
    "LettersSummary",
    "ReadyLetters",
    "letters_settings",
    "ready_letters",
    "try_mail_server",
    "write_and_send",
]
