"""
The whole job at the desk, played in a browser: with the mouse, by keyboard alone, without scripts.

One browser, one desk, one sandbox. SCREENSHOTS names a folder for pictures of every page.
"""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from jobmojito_batch.sandbox import RunningSandbox, Scenario
from tests.helpers import HEADERS, RESUME, TOKEN, people
from tests.mail_server import MailServer, running

ROOT: Final = Path(__file__).parents[2]
CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS: Final = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"]
MESSY: Final = ROOT / "data" / "samples" / "candidates.csv"
WIDE: Final = {"width": 1366, "height": 768}
NARROW: Final = {"width": 390, "height": 844}
SECONDS: Final = 240
"""Far beyond what anything takes: a busy machine must not turn a test red."""
MOST_CLICKS: Final = 9

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: `apt-get install chromium`")


class House:
    """A desk on a port of its own, sandbox and mail server behind it, and a browser in front."""

    def __init__(
        self,
        folder: Path,
        sandbox: RunningSandbox,
        mail: MailServer,
        mail_url: str,
        browser: Browser,
    ) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.mail = mail
        self.mail_url = mail_url
        self.browser = browser
        self.log = folder / "events.jsonl"
        self.requests: list[str] = []
        self.keys: list[str] = []
        self.cookies: list[Any] = []
        self.desk: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        own = {name: text for name, text in os.environ.items() if not name.startswith("JOBMOJITO_")}
        return own | {
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "PREFECT_HOME": str(self.folder / "prefect"),
            "JOBMOJITO_API_TOKEN": TOKEN,
            "JOBMOJITO_BASE_URL": self.sandbox.base_url,
            "JOBMOJITO_REQUESTS_PER_SECOND": "60",
            "JOBMOJITO_READ_TIMEOUT_SECONDS": "20",
            "JOBMOJITO_SETTLE_SECONDS": "1",
            "JOBMOJITO_SMTP_URL": self.mail_url,
            "JOBMOJITO_LOG_JSON": str(self.log),
        }

    def start(self) -> None:
        """Start the desk and let the browser in."""
        self.desk = subprocess.Popen(
            [sys.executable, "-m", "jobmojito_batch", "desk", "--no-browser"],
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.desk.stdout is not None
        self.address = self.desk.stdout.readline().strip()
        self.origin, _, key = self.address.partition("/?key=")
        self.keys.append(key)
        context = self.browser.new_context()
        context.set_default_timeout(SECONDS * 1000)
        page = context.new_page()
        page.goto(self.address)
        expect(page.get_by_role("heading", name="Start", level=1)).to_be_visible()
        assert page.url == f"{self.origin}/"
        self.cookies = context.cookies()
        context.close()

    def kill(self) -> None:
        """End the server at once; what is being sent goes on."""
        assert self.desk is not None
        self.desk.kill()
        self.desk.wait()
        assert self.desk.stdout is not None
        self.desk.stdout.close()

    @contextmanager
    def page(self, **options: Any) -> Iterator[Page]:
        """A window that is let in, all of whose requests are noted."""
        context: BrowserContext = self.browser.new_context(
            viewport=options.pop("viewport", WIDE), accept_downloads=True, **options
        )
        context.set_default_timeout(SECONDS * 1000)
        context.add_cookies(self.cookies)
        context.on("request", lambda request: self.requests.append(request.url))
        try:
            yield context.new_page()
        finally:
            context.close()

    @property
    def enrolled(self) -> Counter[tuple[str, str]]:
        """How often each person was enrolled, by position."""
        return Counter(
            (str(entry.email), str(entry.position_id))
            for entry in self.sandbox.log
            if entry.event == "created"
        )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    expect.set_options(timeout=SECONDS * 1000)
    folder = tmp_path_factory.mktemp("desk")
    mail = MailServer()
    with (
        RunningSandbox(Scenario()) as sandbox,
        running(mail) as mail_url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        house = House(folder, sandbox, mail, mail_url, browser)
        try:
            house.start()
            yield house
        finally:
            house.kill()
            browser.close()


def exported(folder: Path, name: str, *rows: str) -> Path:
    path = folder / name
    path.write_text("\n".join([HEADERS, *rows]) + "\n", encoding="utf-8")
    return path


def heading(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", name=name, level=1, exact=True)).to_be_visible()


def look(page: Page, name: str) -> None:
    """Nothing for axe to find in either theme; a picture of each width where they are asked for."""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{name}, {theme}: {found.generate_report()}"
    page.emulate_media(color_scheme="light")
    if (pictures := os.environ.get("SCREENSHOTS")) is not None:
        for width, size in (("wide", WIDE), ("narrow", NARROW)):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.evaluate("scrollTo(0, 0)")
            page.screenshot(path=Path(ROOT, pictures, f"desk-{name}-{width}.png"))
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]


def test_the_whole_job_with_the_mouse(house: House) -> None:
    """The messy sample: corrected, looked at, sent once, links on the screen."""
    with house.page() as page:
        correct_with_the_mouse(house, page)
        send_with_the_mouse(house, page)
        look_at_what_became_of_it(page)
        write_to_them_and_look_them_up(house, page)


def correct_with_the_mouse(house: House, page: Page) -> None:
    page.goto(house.origin)
    look(page, "start")
    page.get_by_label("Candidate file").set_input_files(MESSY)
    page.get_by_role("button", name="Read it").click()
    heading(page, "Columns")
    expect(page.get_by_label("Email Address", exact=True)).to_have_value("candidate_email")
    look(page, "columns")
    page.get_by_role("button", name="Go on to the rows").click()

    heading(page, "Rows")
    expect(page.get_by_role("button", name="To correct 4")).to_be_visible()
    look(page, "rows")
    country = page.get_by_label("Country, row 11", exact=True)
    country.fill("SI")
    country.press("Tab")
    expect(page.get_by_role("button", name="To correct 3")).to_be_visible()
    page.get_by_role("button", name="Leave out", exact=True).first.click()
    expect(page.get_by_role("button", name="Left out 1")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Left out 1")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the corrected file").click()
    assert download.value.suggested_filename == "candidates.corrected.csv"


def send_with_the_mouse(house: House, page: Page) -> None:
    page.get_by_role("link", name="Go on to the plan").click()
    heading(page, "Plan")
    expect(page.get_by_text("cannot be taken back")).to_be_visible()
    look(page, "plan")
    page.get_by_label("Send the first N only").fill("2")
    page.get_by_role("button", name=re.compile(r"^Send \d+ invitations$")).click()
    page.get_by_role("button", name="Send 2 invitations").click()  # seen first, then sent
    heading(page, "Results")
    assert sum(house.enrolled.values()) == 2
    page.get_by_role("link", name="Go on with what is left").click()
    send = page.get_by_role("button", name=re.compile(r"^Send \d+ invitations$"))
    count = int(re.findall(r"\d+", send.inner_text())[0])
    send.click()
    heading(page, "Progress")
    look(page, "progress")
    heading(page, "Results")
    look(page, "results")
    assert sum(house.enrolled.values()) == 2 + count
    assert set(house.enrolled.values()) == {1}


def look_at_what_became_of_it(page: Page) -> None:
    page.get_by_role("button", name="Reveal link").first.click()
    expect(page.get_by_role("textbox", name=re.compile("Link of row"))).to_have_value(
        re.compile(r"^http://127\.0\.0\.1:\d+/interview")
    )
    for name in ("Download results", "Download errors"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert download.value.path().stat().st_size
    page.get_by_label("Search").fill("no such person")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("0 rows", exact=True)).to_be_visible()


def write_to_them_and_look_them_up(house: House, page: Page) -> None:
    page.get_by_role("link", name="Letters", exact=True).click()
    heading(page, "Letters and follow up")
    page.get_by_label("From").fill("Recruiting <jobs@example.com>")
    page.get_by_role("button", name="Write the drafts").click()
    drafts = page.get_by_role("link", name=re.compile(r"^Download \d+ drafts$"))
    count = int(re.findall(r"\d+", drafts.inner_text())[0])
    with page.expect_download() as download:
        drafts.click()
    with ZipFile(download.value.path()) as archive:
        assert sum(name.endswith(".eml") for name in archive.namelist()) == count > 0

    expect(page.get_by_label("From")).to_have_value("Recruiting <jobs@example.com>")
    page.get_by_label("Posting cannot be taken back").check()
    page.get_by_role("button", name="Post the letters").click()
    expect(page.get_by_text(f"{count} sent", exact=True)).to_be_visible()
    assert (house.mail.taken.total(), max(house.mail.taken.values())) == (count, 1)

    page.get_by_role("button", name="Look up now").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download follow up").click()
    assert "what_to_do" in download.value.path().read_text(encoding="utf-8-sig")
    look(page, "afterwards")
    page.get_by_role("link", name="Runs", exact=True).click()
    heading(page, "Runs")
    look(page, "runs")


def applicants(folder: Path, count: int) -> tuple[Path, Path, set[str]]:
    """An export without résumés, a zip of them called after its ids, and the addresses."""
    headers = "Applicant ID,Candidate,E-mail,Country,Job title,Job location,Job country,Language"
    rows = [
        f"A-{n},Ann Lee {n},clicks{n}@example.com,Slovakia,Nurse,London,GB,en" for n in range(count)
    ]
    export = folder / "clicks.csv"
    export.write_text("\n".join([headers, *rows]) + "\n", encoding="utf-8")
    resumes = folder / "resumes.zip"
    with ZipFile(resumes, "w") as archive:
        for n in range(count):
            archive.writestr(f"CVs/A-{n}.txt", f"{RESUME} She is the applicant of number {n}.")
    return export, resumes, {f"clicks{n}@example.com" for n in range(count)}


def test_from_the_upload_to_links_in_nine_clicks(house: House, tmp_path: Path) -> None:
    """And a second press, another tab and the way back send nothing again."""
    export, resumes, addresses = applicants(tmp_path, 180)
    with house.page() as page:
        clicks = 0

        def click(role: Any, name: str) -> None:
            nonlocal clicks
            clicks += 1
            page.get_by_role(role, name=name).click()

        page.goto(house.origin)
        clicks += 4  # two fields, and a file in each
        page.get_by_label("Candidate file").set_input_files(export)
        page.get_by_label("Résumé files").set_input_files(resumes)
        click("button", "Read it")
        click("button", "Go on to the rows")
        click("link", "Go on to the plan")
        other = page.context.new_page()
        other.goto(page.url)
        click("button", "Send 180 invitations")
        other.get_by_role("button", name="Send 180 invitations").click()
        expect(other.get_by_text("this press sent nothing")).to_be_visible()
        look(other, "not-sent")
        heading(page, "Results")
        expect(page.get_by_role("button", name="Reveal link").first).to_be_visible()
        assert clicks <= MOST_CLICKS

        other.goto(page.url)
        other.get_by_role("button", name="The next rows").click()
        other.get_by_role("button", name="Reveal link").first.click()
        expect(other.get_by_label(re.compile("^Link of row"))).to_be_visible()
        expect(other.get_by_text("101 to 180 of 180 rows")).to_be_visible()

        page.go_back()
        page.goto(page.url) if page.url.endswith("/progress") else None
    enrolled = {who[0]: n for who, n in house.enrolled.items() if who[0] in addresses}
    assert enrolled == dict.fromkeys(addresses, 1)


def test_the_whole_job_by_keyboard_alone(house: House, tmp_path: Path) -> None:
    rows = people(2, start=200)
    rows.append(rows[0].replace("p200@", "p202@").replace(",SK,", ",Atlantis,"))
    file = exported(tmp_path, "keys.csv", *rows)
    with house.page() as page:

        def to(name: str) -> None:
            """Press Tab until what has the focus is called so."""
            for _ in range(80):
                page.keyboard.press("Tab")
                said = page.evaluate(
                    "() => { const e = document.activeElement; return (e.labels && e.labels[0] ?"
                    " e.labels[0].textContent : e.textContent).trim(); }"
                )
                if said == name:
                    return
            pytest.fail(f"no way to {name} by Tab")

        # Choosers are asked for before there is a page: asked for beside the key that opens one,
        # Chromium may open its own.
        page.on("filechooser", lambda _: None)
        page.goto(house.origin)
        to("Candidate file")
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Enter")
        chooser.value.set_files(file)
        to("Read it")
        page.keyboard.press("Enter")
        heading(page, "Columns")
        to("Go on to the rows")
        page.keyboard.press("Enter")
        heading(page, "Rows")
        to("candidate_country_code, row 4")
        page.keyboard.type("SK")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="To correct 0")).to_be_visible()
        to("Go on to the plan")
        page.keyboard.press("Enter")
        heading(page, "Plan")
        to("Send 3 invitations")
        page.keyboard.press("Enter")
        heading(page, "Results")
        assert {n for who, n in house.enrolled.items() if who[0].startswith("p20")} == {1}


def test_the_whole_job_without_scripts(house: House, tmp_path: Path) -> None:
    rows = [row.replace(",SK,", ",Atlantis,") for row in people(3, start=300)]
    file = exported(tmp_path, "plain.csv", *rows)
    with house.page(java_script_enabled=False) as page:
        page.goto(house.origin)
        page.get_by_label("Candidate file").set_input_files(file)
        page.get_by_role("button", name="Read it").click()
        page.get_by_role("button", name="Go on to the rows").click()
        page.get_by_label("candidate_country_code, row 2").fill("DE")
        page.get_by_role("button", name="Check the cells again").click()
        expect(page.get_by_role("button", name="To correct 2")).to_be_visible()
        page.get_by_label("Cells that say").fill("Atlantis")
        page.get_by_label("say instead").fill("AT")
        page.get_by_role("button", name="Replace in column").click()
        expect(page.get_by_role("button", name="Ready to send 3")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("button", name="To correct 2")).to_be_visible()
        page.get_by_role("button", name="Leave out", exact=True).first.click()
        expect(page.get_by_role("button", name="Left out 1")).to_be_visible()
        page.get_by_label("candidate_country_code, row 4").fill("AT")
        page.get_by_role("button", name="Check the cells again").click()
        page.get_by_role("link", name="Go on to the plan").click()
        page.get_by_role("button", name="Send 2 invitations").click()
        heading(page, "Results")
        people_sent = {who[0] for who in house.enrolled if who[0].startswith("p30")}
        assert people_sent == {"p300@example.com", "p302@example.com"}

        page.get_by_role("link", name="Person").click()
        page.get_by_label("E-mail").fill("P300@example.com")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("button", name="Reveal link").click()
        expect(page.get_by_label("Link")).to_have_value(re.compile("/interview"))
        page.get_by_label("This cannot be taken back").check()
        page.get_by_role("button", name="Forget").click()
        expect(page.get_by_text("erased from the ledger")).to_be_visible()


def test_a_correction_that_cannot_be_kept_is_a_sentence(house: House, tmp_path: Path) -> None:
    """In place of the rows, which would say nothing of it."""
    row = people(1, start=500)[0].replace(",SK,", ",Atlantis,")
    file = exported(tmp_path, "refused.csv", row)
    with house.page() as page:
        page.goto(house.origin)
        page.get_by_label("Candidate file").set_input_files(file)
        page.get_by_role("button", name="Read it").click()
        page.get_by_role("button", name="Go on to the rows").click()
        heading(page, "Rows")
        gone = f"{house.origin}/uploads/gone/rows"
        page.route(
            re.compile("/rows$"),
            lambda route: route.continue_(url=gone if route.request.method == "POST" else None),
        )
        page.get_by_label("candidate_country_code, row 2").fill("SK")
        page.keyboard.press("Tab")
        heading(page, "Not done")
        expect(page.get_by_text("no such upload")).to_be_visible()


def test_a_server_that_is_killed_loses_nothing(house: House, tmp_path: Path) -> None:
    """The run goes on in its own process; the desk that is opened again shows it."""
    file = exported(tmp_path, "killed.csv", *people(60, start=400))
    with house.page() as page:
        page.goto(house.origin)
        page.get_by_label("Candidate file").set_input_files(file)
        page.get_by_role("button", name="Read it").click()
        page.get_by_role("button", name="Go on to the rows").click()
        page.get_by_role("link", name="Go on to the plan").click()
        page.get_by_role("button", name="Send 60 invitations").click()
        heading(page, "Progress")
        page.wait_for_load_state()  # without its scripts nothing would notice
        house.kill()
        expect(page.get_by_text("The desk does not answer")).to_be_visible(timeout=30_000)
    house.start()
    with house.page() as page:
        page.goto(house.origin)
        page.get_by_role("row", name=re.compile("killed.csv")).get_by_role(
            "link", name=re.compile("Watch it|Look at it")
        ).click()
        heading(page, "Results")
        expect(page.get_by_text("60 rows:")).to_be_visible()
    sent = {who: n for who, n in house.enrolled.items() if who[0].startswith("p4")}
    assert len(sent) == 60
    assert set(sent.values()) == {1}


def test_no_request_left_this_host_and_no_key_was_told(house: House) -> None:
    """Of all that the tests above did."""
    assert house.requests
    assert {url for url in house.requests if not url.startswith("http://127.0.0.1:")} == set()
    secrets = [*house.keys, *(cookie["value"] for cookie in house.cookies), TOKEN]
    written = [path for path in house.folder.rglob("*") if path.is_file()]
    logs = [path for path in written if path.suffix in {".jsonl", ".txt", ".json"}]
    assert house.log in logs
    for path in logs:
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not [secret for secret in secrets if secret in text], path
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        assert not [secret for secret in house.keys if secret in line]
