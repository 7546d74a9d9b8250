from .mail_server import try_mail_server
from .post import LettersObserver
from .ready import ReadyLetters, letters_settings, ready_letters
from .send import write_and_send
from .summary import LettersFiles, LettersSummary

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
