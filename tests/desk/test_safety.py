"""What the desk refuses, and what it renders harmless (spec section 12, Safety)."""

import asyncio
import io
import re
import stat
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from jobmojito_batch.desk import receiving, security
from jobmojito_batch.desk.desk import Desk
from jobmojito_batch.desk.receiving import keep, safe_name, take_resumes
from jobmojito_batch.desk.security import Keys
from jobmojito_batch.desk.server import opening_page
from jobmojito_batch.errors import InputError
from tests.desk.visits import PORT, exported, upload
from tests.helpers import RESUME, a_row

# Who comes in


async def test_without_the_key_nothing_is_shown(stranger: httpx.AsyncClient) -> None:
    for path in ("/", "/runs", "/person", "/static/desk.css", "/nothing"):
        assert (await stranger.get(path)).status_code == 403


async def test_the_key_becomes_a_cookie_once_and_leaves_the_address(
    desk: Desk, stranger: httpx.AsyncClient
) -> None:
    address = desk.keys.address

    first = await stranger.get(address)

    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert (await stranger.get("/")).status_code == 200
    stranger.cookies.clear()
    assert (await stranger.get(address)).status_code == 403


async def test_a_key_in_an_address_leads_to_start_and_nowhere_else(
    person: httpx.AsyncClient,
) -> None:
    for path in ("/", "/runs", "//evil.example/"):
        answer = await person.get(f"http://127.0.0.1:{PORT}{path}?key=x")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_another_host_is_refused_though_it_has_the_cookie(person: httpx.AsyncClient) -> None:
    """A name that is made to point to this machine (DNS rebinding)."""
    for host in ("evil.example", f"evil.example:{PORT}", "127.0.0.1", f"localhost:{PORT}", ""):
        assert (await person.get("/", headers={"host": host})).status_code == 421


async def test_another_page_is_refused_though_it_has_the_cookie(
    desk: Desk, person: httpx.AsyncClient
) -> None:
    form = {"token": desk.keys.token}
    foreign: tuple[dict[str, str], ...] = (
        {"origin": "http://evil.example"},
        {"origin": f"http://localhost:{PORT}"},
        {"origin": "null"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    )
    for headers in foreign:
        answer = await person.post("/runs/reconcile", data=form, headers=headers)
        assert answer.status_code == 403, headers
    assert not desk.reconciling.is_going_on


async def test_a_form_without_its_token_is_refused(person: httpx.AsyncClient) -> None:
    for form in ({}, {"token": ""}, {"token": "made up"}):
        assert (await person.post("/person", data=form)).status_code == 403


async def test_a_link_from_elsewhere_is_led_in_where_the_cookie_does_not_follow(
    stranger: httpx.AsyncClient,
) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    again = await stranger.get("/", headers=headers)
    assert again.status_code == 403
    assert 'http-equiv="refresh"' in again.text
    assert 'http-equiv="refresh"' not in (await stranger.get("/runs", headers=headers)).text


async def test_every_answer_says_that_nothing_is_kept_or_told(
    desk: Desk, stranger: httpx.AsyncClient
) -> None:
    async def check(path: str, **headers: str) -> None:
        answer = await stranger.get(path, headers=headers)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "unsafe" not in answer.headers["content-security-policy"]

    await check("/")
    await check("/", host="evil.example")
    stranger.cookies.set(desk.keys.cookie, desk.keys.session)
    for path in ("/", "/static/desk.css", "/nothing", "/uploads/nothing/rows"):
        await check(path)


def test_the_page_that_a_browser_opens_is_for_this_person_alone() -> None:
    """The key is in no list of processes: what is opened is this file."""
    keys = Keys(PORT)
    with opening_page(keys) as page:
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        assert keys.key is not None
        assert keys.key not in page.as_uri()
        assert keys.key in page.read_text(encoding="utf-8")
    assert not page.exists()
    assert keys.key not in repr(keys)


# What is too much


async def test_a_request_is_bounded_by_what_it_says_and_by_what_it_brings(
    person: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "MOST_BYTES", 10_000)

    async def stream() -> AsyncIterator[bytes]:
        yield b'--b\r\ncontent-disposition: form-data; name="x"; filename="x"\r\n\r\n'
        for _ in range(5):
            yield b"x" * 5_000
            await asyncio.sleep(0)

    kind = "multipart/form-data; boundary=b"
    said = await person.post("/uploads", content=b"x" * 20_000, headers={"content-type": kind})
    unsaid = await person.post("/uploads", content=stream(), headers={"content-type": kind})
    assert (said.status_code, unsaid.status_code) == (413, 413)


async def test_a_form_is_bounded(desk: Desk, person: httpx.AsyncClient) -> None:
    fields = {f"doubt:{n}": (None, "yes") for n in range(4_200)}
    many = await person.post("/uploads", files={"token": (None, desk.keys.token), **fields})
    long = {"token": (None, desk.keys.token), "column:0": (None, "x" * (2 << 20))}
    assert many.status_code == 400
    assert (await person.post("/uploads", files=long)).status_code == 400
    assert not desk.uploads.all()


# What is uploaded


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd.csv", "passwd.csv"),
        ("..\\..\\windows\\people.xlsx", "people.xlsx"),
        ("/absolute/people.csv", "people.csv"),
        ("..", "upload"),
        ("", "upload"),
        ("a\x00b\nc.csv", "a_b_c.csv"),
        ("{date}[x]*?.csv", "_date_x_.csv"),
        ("con.csv", "_con.csv"),
        (".hidden", "hidden"),
        ("Žofia Müller.pdf", "Žofia Müller.pdf"),
    ],
)
def test_the_name_of_an_upload_is_no_path(given: str, kept: str) -> None:
    assert safe_name(given, otherwise="upload") == kept


async def test_an_upload_stays_in_its_folder_for_its_owner_alone(
    desk: Desk, person: httpx.AsyncClient
) -> None:
    home = await upload(person, desk, exported(a_row("a@example.com")), "../../../people.csv")

    folder = desk.uploads.find(home.rpartition("/")[2]).folder
    assert [path.name for path in (folder / "input").iterdir()] == ["people.csv"]
    for path in (desk.uploads.folder, folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    await person.post(f"{home}/remove", data={"token": desk.keys.token})
    assert not folder.exists()


def a_zip(*entries: tuple[zipfile.ZipInfo | str, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    file.seek(0)
    return file


def test_links_and_ways_out_of_a_zip_are_not_taken(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.pdf")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = a_zip((link, b"/etc/passwd"), ("../out.pdf", b"x"), ("cv/Ann Lee.txt", b"good"))

    taken = take_resumes(tmp_path / "resumes", [("cvs.zip", archive)])

    assert (taken.count, taken.refused) == (1, 2)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files == [tmp_path / "resumes" / "cv" / "Ann Lee.txt"]


def test_a_zip_bomb_ends_at_what_one_resume_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "MOST_OF_A_RESUME", 1 << 20)
    bomb = a_zip(("bomb.txt", b"0" * (8 << 20)))
    assert bomb.getbuffer().nbytes < 20_000
    with pytest.raises(InputError, match="larger than 1 MB"):
        take_resumes(tmp_path / "resumes", [("bomb.zip", bomb)])
    assert sum(path.stat().st_size for path in tmp_path.rglob("*")) <= (1 << 20) + 8192


def test_a_file_that_calls_itself_a_zip_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        take_resumes(tmp_path / "resumes", [("cvs.zip", io.BytesIO(b"no zip"))])


def test_what_is_larger_than_it_may_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="larger than"):
        keep(io.BytesIO(b"x" * 10), tmp_path / "file", most=9)


# What cells say


async def test_what_a_cell_says_is_never_markup(desk: Desk, person: httpx.AsyncClient) -> None:
    hostile = '<img src=x onerror="alert(1)">'
    quoted = '"' + hostile.replace('"', '""') + '"'
    text = exported(
        a_row("bad", name=quoted),
        a_row("b@example.com", country="<script>alert(2)</script>"),
        a_row("c@example.com", position=quoted),
    ).replace("team", "<b onclick=alert(3)>team</b>")
    home = await upload(person, desk, text, "<i>people</i>.csv")

    for path in ("/", f"{home}/columns", f"{home}/rows", f"{home}/plan"):
        page = (await person.get(path)).text
        for markup in ("<img", "<script>alert", "<b onclick", "<i>people"):
            assert markup not in page, path
        assert not re.search(r"<script(?![^>]*src=)|style=|onerror=\"|onclick=\"", page), path
    assert "&lt;img src=x" in (await person.get(f"{home}/rows")).text


async def test_a_formula_in_the_corrected_file_is_text(
    desk: Desk, person: httpx.AsyncClient
) -> None:
    home = await upload(person, desk, exported(a_row("a@example.com", team="=1+1")))
    form = {"token": desk.keys.token, "cell:2:2": '=HYPERLINK("http://evil.example")'}
    await person.post(f"{home}/rows", data=form)

    lines = (await person.get(f"{home}/corrected")).text.splitlines()

    assert lines[1].endswith(",'=1+1")
    assert "'=HYPERLINK" in lines[1]
    assert RESUME in lines[1]


async def test_the_pages_of_nothing_are_sentences(desk: Desk, person: httpx.AsyncClient) -> None:
    form = {"token": desk.keys.token}
    for path in ("/uploads/../x/rows", "/uploads/nothing/plan", "/runs/nothing"):
        answer = await person.get(path)
        assert answer.status_code in {400, 404}
        assert "<h1>Not done</h1>" in answer.text
    assert "choose the export" in (await person.post("/uploads", data=form)).text.lower()
