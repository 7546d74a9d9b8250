"""A résumé tells something of a person; what only points to one is none."""

import polars as pl
import pytest

from jobmojito_batch.normalise import is_no_resume, map_headers, normalise
from jobmojito_batch.records import Detected, Table

FLOOR = 40
POINTERS = [
    "download it here: https://ats.example.com/resumes/2026/11/a-long-token-abcdef0123456789",
    "resume of Ann (1).pdf; cover letter of Ann.pdf; certificates of Ann.pdf",
    '{"url": "https://x.example/cv.pdf", "filename": "cv.pdf", "type": "application/pdf"}',
    "1234567890 / 1234567890 / 1234567890 / 1234567890 / 1234567890",
    "____________________________________________________________",
    "Please see the attached CV document for further details about the candidate",
    "Bitte sehen Sie sich das an, siehe den Lebenslauf im Anhang der E-Mail vom Montag",
    "%PDF-1.4 1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj 2 0 obj <</Kids[3 0 R]/Count 1>> endobj",
    "b'%PDF-1.7\\n%\\xe2\\xe3\\xcf\\xd3\\n1 0 obj\\n<< /Type /Catalog /Pages 2 0 R >>\\nendobj'",
    "%!PS-Adobe-3.0 %%Creator: GPL Ghostscript %%Pages: 2 %%BoundingBox: 0 0 595 842 %%EndComments",
    "PK!\u00fdn[Content_Types].xml \u00a2( \u00b4\u0094Mk\u00c3@\u0010 word/document.xml",
    "PK word/document.xml\u00ecZ\u00dbn\u00dcF and so on and so on",
    "\u00d0\u00cf\u00e0\u00a1\u00b1\u00e1 W o r d . D o c u m e n t . 8 Microsoft Word MSWordDoc",
    r"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 Microsoft Word 97-2003 Document MSWordDoc Word.Document.8",
    "0x255044462d312e370a25e2e3cfd30a312030206f626a0a3c3c202f54797065202f436174616c6f67",
    "\u0089PNG IHDR and the rest of a picture of a page, so many letters of it, so many, so many",
    "Resume not provided by the candidate in this application",
    "No resume was uploaded by the candidate at the time of the application.",
    "The candidate did not attach a CV to the application for this position",
    "Der Lebenslauf wurde vom Bewerber in dieser Bewerbung nicht hochgeladen",
    "Für diese Bewerbung: n/a. Es liegt kein Lebenslauf der Bewerberin vor",
    "Le candidat n'a pas joint de CV à sa candidature pour ce poste",
    "El candidato no ha adjuntado su currículum a esta candidatura",
    "Životopis uchádzača nebol k tejto žiadosti priložený vôbec nikdy",
    "Uchazeč nepřiložil životopis k této žádosti o zaměstnání na pozici",
    "Kandydat nie dołączył CV do tej aplikacji na stanowisko kucharza",
    "ann.lee@example.com, ann.lee.the.second@example.com, ann.lee.third@example.com",
]
TEXTS = [
    "Experienced nurse with ten years in intensive care, night shifts and team leadership.",
    "PK Sharma: ten years as a nurse in intensive care, night shifts, word of honour, and leads",
    "CV not attached. I have been a nurse for ten years, in intensive care and on night shifts.",
    "Provided CV screening to the candidates of a bank for five years; no resume was left unread.",
    "No resumes were lost in five years as an archivist of a court, where I led a team of three.",
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


RESUME = (
    "<html><head><title>CV</title><style>p {color: red}</style></head><body><h1>Ann&nbsp;Lee</h1>"
    "<p>Nurse in <b>intensive</b> care,\nten years.<br/>Night shifts &amp; R&amp;D</p>"
    '<ul><li>ICU</li><li>Triage</li></ul><p>See <a href="/cv">my page</a></p></body></html>'
)


def read(text: str) -> str | None:
    table = pl.LazyFrame({"row": [2], "cell:0": [text], "overflow": [None]}).cast(
        {"row": pl.UInt32, "overflow": pl.String}
    )
    said = Table(source="a.csv", headers=("Resume",), frame=table, detected=Detected(kind="CSV"))
    frame = normalise(said, map_headers(["Resume"]), fills={}, max_resume_characters=9_999)
    resume: str | None = frame.collect()["candidate_resume"][0]
    return resume


def test_a_resume_in_html_is_its_text() -> None:
    lines = ["Ann Lee", "Nurse in intensive care, ten years.", "Night shifts & R&D", "ICU",
             "Triage", "See my page"]  # fmt: skip

    assert read(RESUME) == "\n".join(lines)
    assert read(RESUME.replace("<", "&lt;").replace(">", "&gt;")) == "\n".join(lines)
    assert read("Ann Lee<br>Nurse<br>ICU<BR/>Triage") == "Ann Lee\nNurse\nICU\nTriage"


@pytest.mark.parametrize(
    "text",
    [
        "Web developer: I write <div> and <span> by hand, close them with </div>, and test it all.",
        "Skills: C++ <10 years>, a < b and b > c, <br> as in HTML; nine years in a bank in Košice.",
        "Ann Lee\nNurse <ICU>",
    ],
)
def test_a_word_about_tags_is_no_html(text: str) -> None:
    assert read(text) == text


@pytest.mark.parametrize(
    "text",
    [
        '<html><body><a href="https://ats.example/cv/2">Download the résumé here</a></body></html>',
        '<a href="/cv/2">Download the whole résumé of this candidate from our own system</a>',
        '<p><a href="/cv/2">Download the whole résumé of this candidate from our system</a> | </p>',
        '<div><span style="font-family: Arial, sans-serif; font-size: 12px">See CV</span></div>',
    ],
)
def test_html_with_nothing_but_a_link_or_a_word_is_no_resume(text: str) -> None:
    assert is_none(read(text) or "")
