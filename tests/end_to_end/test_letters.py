"""Letters from the command line: drafts, and a real mail server on loopback."""

import json
import stat
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import polars as pl
import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.sandbox import RunningSandbox
from tests.helpers import Run, a_row, friendly, people, read_results, write_input
from tests.mail_server import MailServer, Mood, running

SENDER = "Recruiting Berlin <jobs@example.com>"


@pytest.fixture
def a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("JOBMOJITO_MAIL_FROM", SENDER)
    with RunningSandbox(friendly()) as sandbox:
        yield Run(tmp_path, sandbox, monkeypatch)


def letters(*options: str | Path) -> int:
    return main(["letters", *map(str, options)])


def drafts(folder: Path) -> list[EmailMessage]:
    return [
        message_from_bytes(file.read_bytes(), policy=default)
        for file in sorted(folder.glob("*.eml"))
    ]


def links(a_run: Run) -> dict[str, str]:
    return {row["candidate_email"]: row["interview_url"] for row in a_run.results}


def test_everybody_with_a_link_gets_a_draft_and_a_line(a_run: Run) -> None:
    """One of an earlier run, too; nobody whose row is invalid; each in the language of the row."""
    first = write_input(a_run.folder, people(2))
    a_run.invite(first)
    german = a_row("jürgen@exämple.com", name="Jürgen Groß").replace(",en,", ",German,")
    polish = a_row("hu@example.com", name="李 小龙").replace(",en,", ",Hungarian,")
    rows = [*people(2), german, polish, a_row("no address", name="Nobody")]
    path = write_input(a_run.folder, rows)
    a_run.invite(path)

    assert letters(path, "--to", "drafts") == 0
    folder = Path("drafts")
    made = drafts(folder)
    table = pl.read_excel(folder / "letters.xlsx")

    assert [message["To"].addresses[0].addr_spec.partition("@")[0] for message in made] == [
        "p0", "p1", "jürgen".encode().decode("ascii", "surrogateescape"), "hu",
    ]  # fmt: skip
    assert table["email"].to_list() == list(links(a_run))[:4]
    assert table["link"].to_list() == list(links(a_run).values())[:4]
    assert table["first_name"].to_list() == ["Ann", "Ann", "Jürgen", "李"]
    assert table["language"].to_list() == ["en", "en", "de", "en"]
    assert table["row"].to_list() == [2, 3, 4, 5]
    assert table["file"].to_list() == [
        "0001-ann-lee.eml", "0002-ann-lee.eml", "0003-jurgen-gross.eml", "0004.eml",
    ]  # fmt: skip
    assert made[2]["Subject"] == "Ihr Interview für die Stelle „Nurse“"
    for message, link in zip(made, table["link"], strict=True):
        plain, html = message.iter_parts()
        assert link in plain.get_content()
        assert link in html.get_content()
        assert link not in str(message["Subject"])
        assert str(message["From"]) == SENDER
        assert message["X-Unsent"] == "1"
        assert "Recruiting Berlin" in plain.get_content()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_old_and_new_drafts_do_not_mix(a_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_input(a_run.folder, people(3))
    a_run.invite(path)
    assert letters(path, "--to", "drafts") == 0
    Path("drafts", "mine.eml").write_text("of my own")
    write_input(a_run.folder, people(1))

    assert letters(path, "--to", "drafts") == 2
    assert "--replace" in capsys.readouterr().err
    assert len(drafts(Path("drafts"))) == 4
    assert letters(path, "--to", "drafts", "--replace") == 0
    assert sorted(file.name for file in Path("drafts").iterdir()) == [
        "0001-ann-lee.eml", "letters.xlsx", "mine.eml",
    ]  # fmt: skip


def test_what_cannot_be_written_is_said_before_anything_is(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_input(a_run.folder, people(2))
    text = path.read_text().replace("team", "external_id")
    path.write_text(text.replace("blue", "A-1", 1).replace("blue", ""))
    a_run.invite(path)
    for folder, name in (("texts", "salary"), ("blank", "external_id")):
        assert letters("--write-templates", folder) == 0
        with Path(folder, "en.invited.txt").open("a") as file:
            file.write(f"{{{{ {name} }}}}\n")
    wrong = {
        "--to FOLDER": [],
        "sender": ["--to", "drafts", "--from", "nobody"],
        "JOBMOJITO_SMTP_URL": ["--send", "--yes"],
        "say --yes": ["--send"],
        "salary": ["--to", "drafts", "--templates", "texts"],
        "row 3 of people.csv": ["--to", "drafts", "--templates", "blank"],
        "`jobmojito-batch followup` first": ["--to", "drafts", "--for", "not_started"],
        "there is no language": ["--to", "drafts", "--language", "xx"],
    }

    for says, options in wrong.items():
        assert letters(path, *options) == 2
        assert says in capsys.readouterr().err
    assert not list(Path().glob("drafts/*"))
    assert not Path("people.letters.csv").exists()


def test_what_became_of_each_letter_stands_beside_its_row(
    a_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the next run goes on: nobody twice, refused ones again, unknown ones not."""
    moods = {"p1": Mood.REFUSES, "p2": Mood.DROPS_AFTER, "p3": Mood.GREYLISTS}
    server = MailServer(lambda address: moods.get(address.partition("@")[0], Mood.KIND))
    path = write_input(a_run.folder, [*people(5), a_row("no address")])
    a_run.invite(path)
    monkeypatch.setattr("jobmojito_batch.letters.posting.PAUSES", (0.01,))
    capsys.readouterr()
    with running(server) as url:
        monkeypatch.setenv("JOBMOJITO_SMTP_URL", url)
        assert letters(path, "--send", "--yes", "--json", "--log-json", "log.jsonl") == 3
        told = json.loads(capsys.readouterr().out)
        first = [row["letter_outcome"] for row in read_results(Path("people.letters.csv"))]
        moods["p1"] = Mood.KIND
        assert letters(path, "--send", "--yes") == 3
        assert main(["doctor"]) == 0
    rows = read_results(Path("people.letters.csv"))

    assert first == ["sent", "refused", "unknown", "sent", "sent", ""]
    assert [row["letter_outcome"] for row in rows] == [
        "already_sent", "sent", "unknown", "already_sent", "already_sent", "",
    ]  # fmt: skip
    assert "not posted again" in rows[2]["letter_message"]
    assert list(rows[0])[4:8] == ["interview_url", "letter_outcome", "letter_message", "letter_at"]
    assert told["outcomes"]["sent"] == 3
    assert server.taken == Counter({f"p{n}@example.com": 1 for n in range(5)})
    assert stat.S_IMODE(Path("people.letters.csv").stat().st_mode) == 0o600
    of_ann = dict(server.letters)["p0@example.com"]
    assert of_ann["X-Unsent"] is None
    assert of_ann["Message-ID"].endswith("@example.com>")
    said = capsys.readouterr()
    assert "letters are from jobs@example.com" in said.out
    log = Path("log.jsonl").read_text() + said.err + said.out
    assert not [link for link in links(a_run).values() if link and link in log]
    assert "p0@" not in log
    assert url not in log
    assert main(["doctor"]) == 1  # the server is gone
    said = capsys.readouterr()
    assert "there is no connection to the mail server" in said.out
    assert url not in said.out
