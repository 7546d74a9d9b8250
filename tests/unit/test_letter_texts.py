"""The texts of letters: those that come with the program, and what is wrong with others."""

from pathlib import Path

import py3langid
import pytest

from jobmojito_batch.columns import LetterStep
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.letters.texts import (
    PLACEHOLDERS,
    Text,
    Values,
    check_filled,
    texts_of,
    write_templates,
)

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "br", "pl", "cs", "sk", "nl")
ANN = Values(
    name="Ann Lee",
    first_name="Ann",
    email="ann@example.com",
    position="Nurse",
    link="https://interviews.example/i/1?a=1&b=2",
    external_id="",
    sender="Recruiting",
)
OURS = [
    pytest.param(step, language, id=f"{language}.{step}")
    for step in LetterStep
    for language in LANGUAGES
]
FILLER = "Words before the link, so many that no list of messages shows it. " * 3


def a_text(body: str = f"{FILLER}\n\n{{{{ link }}}}", subject: str = "Hello") -> Text:
    return Text.read("en.invited.txt", "en", f"Subject: {subject}\n\n{body}\n")


@pytest.mark.parametrize(("step", "language"), OURS)
def test_each_placeholder_is_in_each_text(step: LetterStep, language: str) -> None:
    text = texts_of(step).by_language[language]

    assert text.placeholders == {"name", "position", "link", "sender"}


@pytest.mark.parametrize(("step", "language"), OURS)
def test_each_text_is_in_its_language(step: LetterStep, language: str) -> None:
    letter = texts_of(step).by_language[language].letter(ANN)

    found, _ = py3langid.classify(letter.text)
    assert found == ("pt" if language == "br" else language)


@pytest.mark.parametrize(("step", "language"), OURS)
def test_the_link_stands_in_the_text_and_not_where_others_see_it(
    step: LetterStep, language: str
) -> None:
    letter = texts_of(step).by_language[language].letter(ANN)

    assert ANN.link not in letter.subject
    assert letter.text.index(ANN.link) > 200
    assert letter.text.count(ANN.link) == 1
    assert 'href="https://interviews.example/i/1?a=1&amp;b=2"' in letter.html


@pytest.mark.parametrize("step", LetterStep)
def test_no_text_speaks_of_one_gender(step: LetterStep) -> None:
    """Forms that have to choose: a participle of the reader, an address such as Herr or Mr."""
    choosing = (
        "Herr ", "Frau ", "Mr", "Ms", "(e)", "(a)", "/a ", "interesado", "interessato", "obrigad",
        "Pan ", "Pani", "intéressé", "geehrte",
    )  # fmt: skip
    for text in texts_of(step).by_language.values():
        assert not [word for word in choosing if word in f"{text.subject} {text.body} "]


def test_a_language_without_a_text_gets_english() -> None:
    assert texts_of(LetterStep.INVITED).of("hu").language == "en"
    assert texts_of(LetterStep.INVITED).of(None).language == "en"


def test_html_says_the_same_and_runs_nothing() -> None:
    text = a_text(f"Hello {{{{ name }}}},\n{FILLER}\n\n{{{{ link }}}}")
    odd = Values(**(ANN.as_mapping() | {"name": "<script>alert(1)</script>"}))

    html = text.letter(odd).html
    assert "<script>" not in html
    assert "Hello &lt;script&gt;" in html


def test_what_fills_a_placeholder_is_no_template() -> None:
    odd = Values(**(ANN.as_mapping() | {"name": "{{ link }}{% raw %}"}))

    letter = a_text(f"{FILLER} {{{{ name }}}} {{{{ link }}}}").letter(odd)
    assert "{{ link }}{% raw %}" in letter.text


def test_a_subject_is_one_line() -> None:
    odd = Values(**(ANN.as_mapping() | {"position": "Nurse\nBcc: everybody@example.com"}))

    letter = a_text(subject="For {{ position }}").letter(odd)
    assert letter.subject == "For Nurse Bcc: everybody@example.com"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("Hello {{ name }}", "Subject", id="no-subject"),
        pytest.param(f"Subject: Hi\n\n{FILLER}", "no {{ link }}", id="no-link"),
        pytest.param(
            f"Subject: Hi\n\n{FILLER}{{{{ link }}}}{{{{ salary }}}}", "salary", id="unknown"
        ),
        pytest.param(f"Subject: Hi\n\n{FILLER}{{{{ link }}", "placeholders are", id="unclosed"),
        pytest.param(
            f"Subject: {{{{ link }}}}\n\n{FILLER}{{{{ link }}}}", "list of", id="in-subject"
        ),
        pytest.param("Subject: Hi\n\nHi, {{ link }}", "list of messages", id="in-preview"),
        pytest.param(
            f"Subject: Hi\n\n{FILLER}{{{{ link }}}}{{{{ name.__class__.__mro__ }}}}",
            "cannot be filled in",
            id="out-of-the-sandbox",
        ),
    ],
)
def test_a_text_that_would_not_do_is_an_error_that_names_its_file(content: str, says: str) -> None:
    with pytest.raises(SettingsError, match=r"de\.invited\.txt") as error:
        Text.read("de.invited.txt", "de", content).letter(ANN)
    assert says in str(error.value)


def test_a_placeholder_that_is_blank_for_somebody_names_the_rows() -> None:
    text = a_text(f"{FILLER} {{{{ link }}}} {{{{ external_id }}}}")
    known = Values(**(ANN.as_mapping() | {"external_id": "A-1"}))

    check_filled([(text, known, "row 2 of people.csv")])
    with pytest.raises(SettingsError, match=r"external_id .* is blank for row 3 of people\.csv\. "):
        check_filled([(text, known, "row 2 of people.csv"), (text, ANN, "row 3 of people.csv")])


def test_the_texts_that_are_given_are_taken_back(tmp_path: Path) -> None:
    written = write_templates(tmp_path / "texts")

    assert len(written) == len(LANGUAGES) * len(LetterStep)
    (tmp_path / "texts" / "README.md").write_text("ours")
    (tmp_path / "texts" / "de.invited.txt").write_bytes(
        b"\xef\xbb\xbfSubject: Hallo\r\n\r\n" + FILLER.encode() + b"\r\n\r\n{{ link }}\r\n"
    )
    texts = texts_of(LetterStep.INVITED, tmp_path / "texts")
    assert texts.of("de").subject == "Hallo"
    assert texts.of("sk") == texts_of(LetterStep.INVITED).of("sk") or texts.of("sk").subject
    with pytest.raises(SettingsError, match="is there already"):
        write_templates(tmp_path / "texts")


@pytest.mark.parametrize("name", ["invited.de.txt", "xx.invited.txt", "de.invite.txt"])
def test_a_file_that_would_do_nothing_is_an_error(tmp_path: Path, name: str) -> None:
    write_templates(tmp_path / "texts")
    (tmp_path / "texts" / name).write_text("Subject: Hi\n\nHello")

    with pytest.raises(SettingsError, match="by its name"):
        texts_of(LetterStep.INVITED, tmp_path / "texts")


def test_a_folder_without_english_is_an_error(tmp_path: Path) -> None:
    write_templates(tmp_path / "texts")
    (tmp_path / "texts" / "en.not_started.txt").unlink()

    texts_of(LetterStep.INVITED, tmp_path / "texts")
    with pytest.raises(SettingsError, match=r"no en\.not_started\.txt"):
        texts_of(LetterStep.NOT_STARTED, tmp_path / "texts")


def test_the_page_names_every_placeholder() -> None:
    page = (Path(__file__).parents[2] / "docs" / "letters.md").read_text("utf-8")

    assert [name for name in PLACEHOLDERS if f"`{{{{ {name} }}}}`" not in page] == []
