"""What the pages say and keep, without a browser."""

import asyncio
import html
import re
import stat
import time
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobmojito_batch.desk import desk as desk_module
from jobmojito_batch.desk.desk import Desk, said_of
from jobmojito_batch.desk.errands import Errand
from jobmojito_batch.pipeline import AccountView
from jobmojito_batch.sandbox import RunningSandbox, Scenario
from jobmojito_batch.verdict import Answer
from tests.desk.visits import exported, upload
from tests.helpers import RESUME, Run, a_row, people, write_input

ODD = "Wer,Adresse des Menschen,Land\nAnn Lee,ann@example.com,SK\n"
FOR_ALL = {
    "value:position_name": "Cook",
    "value:position_location": "London",
    "value:position_country_code": "GB",
    "value:mojito_language_code": "en",
}


async def text_of(client: httpx.AsyncClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def counts(page: str) -> dict[str, int]:
    found = re.findall(r'name="show" value="\w+"[^>]*>([A-Z][a-z ]+) ([\d,]+)<', page)
    return {name: int(count) for name, count in found}


async def test_columns_are_chosen_and_remembered_for_the_next_file(
    desk: Desk, person: httpx.AsyncClient
) -> None:
    token = {"token": desk.keys.token}
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("Ann Lee.txt", RESUME)
    cvs = ("cvs.zip", archive.getvalue())
    home = await upload(person, desk, ODD, resumes=cvs)

    page = await text_of(person, f"{home}/columns")
    assert '<label for="column-1">Adresse des Menschen</label>' in page
    assert "ann@example.com" in page
    form = {**token, "column:0": "candidate_name", "column:1": "candidate_email", **FOR_ALL}
    await person.post(f"{home}/columns", data={**form, "column:2": "candidate_country_code"})
    assert counts(await text_of(person, f"{home}/rows")) == {"To correct": 0, "Ready to send": 1}

    again = await upload(person, desk, ODD.replace("ann@", "ben@"), resumes=cvs)
    page = await text_of(person, f"{again}/columns")
    assert "Remembered from an earlier file with the same headers" in page
    assert "you said so" in page
    await person.post(f"{again}/columns/forget", data=token)
    third = await upload(person, desk, ODD, resumes=cvs)
    assert "Remembered" not in await text_of(person, f"{third}/columns")


async def test_files_that_come_later_are_read_like_those_of_before(
    desk: Desk, person: httpx.AsyncClient
) -> None:
    """More résumés, and another table of jobs under the same name."""
    rows = ODD + "Ben Poe,ben@example.com,SK\n"
    jobs = "Position,Location,Country code,Language\n{},London,GB,en\n"
    token = {"token": desk.keys.token}
    columns = {"column:0": "candidate_name", "column:1": "candidate_email"}
    home = await upload(person, desk, rows, resumes=("Ann Lee.txt", RESUME.encode()))
    await person.post(f"{home}/columns", data={**token, **FOR_ALL, **columns})
    assert counts(await text_of(person, f"{home}/rows")) == {"To correct": 1, "Ready to send": 1}

    more = {"resumes": ("Ben Poe.txt", RESUME.encode())}
    await person.post(f"{home}/columns", data={**token, **FOR_ALL}, files=more)

    assert counts(await text_of(person, f"{home}/rows")) == {"To correct": 0, "Ready to send": 2}
    found = desk.uploads.find(home.rpartition("/")[2])
    before = found.content(None)
    for name in ("Cook", "Nurse"):
        table = {"jobs": ("jobs.csv", jobs.format(name).encode())}
        await person.post(f"{home}/columns", data={**token, **FOR_ALL}, files=table)
        assert found.content(None) != before
        before = found.content(None)


async def test_an_answer_can_be_taken_back(desk: Desk, person: httpx.AsyncClient) -> None:
    """A bare `Description` may be of the person or of the position."""
    text = "Name,E-mail,Country,Description\nAnn Lee,a@example.com,SK,Night shifts\n"
    home = await upload(person, desk, text)
    token = {"token": desk.keys.token}
    form = {**token, **FOR_ALL, "value:candidate_resume": RESUME}
    await person.post(f"{home}/columns", data=form)
    questions = set(re.findall(r'name="(doubt:\w+)"', await text_of(person, f"{home}/plan")))
    assert questions
    for said in ("yes", "no", "yes"):
        await person.post(f"{home}/plan", data={**token, **dict.fromkeys(questions, said)})
        page = await text_of(person, f"{home}/plan")
        checked = re.findall(r'name="doubt:\w+" value="(\w+)" checked', page)
        assert set(checked) == {said}


async def test_a_needed_field_without_a_column_stands_above_the_columns(
    desk: Desk, person: httpx.AsyncClient
) -> None:
    home = await upload(person, desk, "Name,E-mail,Country,Resume\nAnn,a@example.com,SK,good\n")
    page = await text_of(person, f"{home}/columns")
    assert "Needed, and no column gives it" in page
    assert page.index("position_name for all rows") < page.index("Columns of the file")
    await person.post(f"{home}/columns", data={"token": desk.keys.token, **FOR_ALL})
    assert counts(await text_of(person, f"{home}/rows"))["Ready to send"] == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"PK\x03\x04 no zip", "cannot be read"),
        (b"Name,E-mail\n", "no rows"),
    ],
)
async def test_a_file_that_cannot_be_read_is_a_sentence(
    desk: Desk, person: httpx.AsyncClient, content: bytes, says: str
) -> None:
    home = await upload(person, desk, content, "people.xlsx")
    page = await text_of(person, f"{home}/columns")
    assert 'class="fault"' in page
    assert "Traceback" not in page
    for path in ("rows", "plan"):
        answer = await person.get(f"{home}/{path}")
        assert answer.status_code == 400
    assert says in page or "column" in page


async def test_without_a_token_files_can_be_read_and_nothing_sent(
    desk: Desk, person: httpx.AsyncClient
) -> None:
    assert "No token is set" in await text_of(person, "/")
    home = await upload(person, desk, exported(a_row("a@example.com")))
    page = await text_of(person, f"{home}/plan")
    assert "nothing can be sent without a token" in page
    assert "Send 1 invitation<" not in page


@pytest.mark.parametrize(
    ("status", "left", "says"),
    [
        (200, 12.5, "12.5 credits left"),
        (200, 0.0, "no credits left"),
        (401, None, "refuses the token"),
        (None, None, "cannot be reached"),
        (503, None, "did not say what is left (HTTP 503)"),
    ],
)
def test_the_account_is_a_sentence(status: int | None, left: float | None, says: str) -> None:
    answer: Any = Answer(http_status=status)
    assert says in said_of(AccountView(answer=answer, credits_left=left))


async def test_a_slow_api_does_not_keep_the_page(
    person: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBMOJITO_API_TOKEN", "made-up")
    monkeypatch.setattr(desk_module, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(desk_module, "view_account", lambda *_: time.sleep(0.3))
    assert "has not answered yet" in await text_of(person, "/")


async def test_a_disk_that_is_full_is_a_sentence(
    desk: Desk, person: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "touch", full)
    form = {"token": desk.keys.token}
    files = {"candidates": ("people.csv", exported(a_row("a@example.com")).encode())}
    answer = await person.post("/uploads", data=form, files=files)
    assert answer.status_code in {400, 507}
    assert "make room" in answer.text.lower()
    monkeypatch.undo()


async def test_a_plan_that_is_no_longer_true_is_shown_anew(
    desk: Desk, person: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a run of the command line is a run here, too."""
    with RunningSandbox(Scenario()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        home = await upload(person, desk, exported(*people(3)))
        seen = await text_of(person, f"{home}/plan")
        hidden = dict(re.findall(r'name="(plan|number|limit)" value="([^"]*)"', seen))
        assert "Send 3 invitations" in seen
        code = await asyncio.to_thread(run.invite, write_input(tmp_path, people(2)))
        assert code == 0

        form = {"token": desk.keys.token, "first": "", **hidden}
        answer = await person.post(f"{home}/send", data=form)

        assert answer.status_code == 409
        assert "no longer true" in answer.text
        assert "Send 1 invitation" in answer.text
        assert run.creates == 2
        [where] = set(re.findall(r'href="(/runs/[0-9a-f-]+)"', await text_of(person, "/runs")))
        page = await text_of(person, where)
        assert "2 rows:" in page
        assert "/interview" not in page
        ordinals = re.findall(r'name="ordinal" value="(\d+)"', page)
        assert len(ordinals) == page.count("Reveal link") == run.outcomes.get("invited", 0)
        form = {"token": desk.keys.token, "ordinal": ordinals[0] if ordinals else "0"}
        assert not ordinals or "/interview" in (await person.post(f"{where}/link", data=form)).text
        found = await person.get(f"{where}/files/results")
        assert found.text.count("p0@example.com") == 1
        assert (await person.get(f"{where}/files/errors")).status_code == 400


async def test_letters_and_follow_up_go_on_beside_the_desk(
    desk: Desk, person: httpx.AsyncClient, tmp_path: Path
) -> None:
    """An errand is a command of the program, whose JSON or last words the page shows."""
    errand, failed = Errand(tmp_path / "run", "status"), Errand(tmp_path / "run", "failed")
    errand.start("status", "--json")
    failed.start("results", "no-such-run")
    while errand.is_going_on or failed.is_going_on:  # noqa: ASYNC110 - processes set no event
        await asyncio.sleep(0.1)
    assert errand.said is not None
    modes = {stat.S_IMODE(path.stat().st_mode) for path in errand.folder.iterdir()}
    assert modes == {0o600}
    assert {"runs": [], "invitations": {}, "doubts": []}.items() <= errand.said.items()
    assert errand.fault == ""
    assert "ledger" in failed.fault

    page = await text_of(person, "/runs/a-run/afterwards")
    for label in ("Letters", "Follow up", "Write the drafts", "Look up now"):
        assert label in page
    form = {"token": desk.keys.token, "step": "everybody"}
    assert (await person.post("/runs/a-run/letters", data=form)).status_code == 400
    assert (await person.post("/runs/a-run/letters/post", data=form)).status_code == 400
    for path in ("letters", "followup", "x"):
        assert (await person.get(f"/runs/a-run/afterwards/{path}")).status_code == 400
