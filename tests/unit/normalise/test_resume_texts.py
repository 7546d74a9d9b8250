"""A résumé tells something of a person; what only points to one is none."""

import polars as pl
import pytest

from jobmojito_batch.normalise import is_no_resume

FLOOR = 40
POINTERS = [
    "download it here: https://ats.example.com/resumes/2026/11/a-long-token-abcdef0123456789",
    "resume of Ann (1).pdf; cover letter of Ann.pdf; certificates of Ann.pdf",
    '{"url": "https://x.example/cv.pdf", "filename": "cv.pdf", "type": "application/pdf"}',
    "1234567890 / 1234567890 / 1234567890 / 1234567890 / 1234567890",
    "____________________________________________________________",
    "Please see the attached CV document for further details about the candidate",
    "Bitte sehen Sie sich das an, siehe den Lebenslauf im Anhang der E-Mail vom Montag",
    "ann.lee@example.com, ann.lee.the.second@example.com, ann.lee.third@example.com",
]
TEXTS = [
    "Experienced nurse with ten years in intensive care, night shifts and team leadership.",
    "Wrote report.pdf generators in Go for five years; led a team of three engineers.",
    "Go, Rust, SQL. See github.com/ann for projects; lead of a team of five at a bank since 2019.",
    "護士 十年經驗 " * 8,
    "She managed attachments of heavy machines to cranes for nine years, then trained others.",
]


def is_none(text: str) -> bool:
    frame = pl.DataFrame({"text": [text]})
    return bool(frame.select(is_no_resume(pl.col("text"), FLOOR)).item())


@pytest.mark.parametrize("text", POINTERS)
def test_what_points_to_a_resume_is_none(text: str) -> None:
    assert is_none(text)


@pytest.mark.parametrize("text", TEXTS)
def test_a_short_text_about_a_person_is_one(text: str) -> None:
    assert not is_none(text)
