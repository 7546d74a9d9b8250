"""
What Prefect keeps of a run, searched to the last byte, and shows of it, in a real browser.

Nobody is in it. `make screenshots` renews docs/images from here.
"""

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect, sync_playwright

from tests.prefect_real.house import ROOT, PrefectHouse, until
from tests.prefect_real.watched import ACCEPTED, NOT_TO_BE_FOUND, SENT, Watched

pytestmark = pytest.mark.flow

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
VIEWPORT: Final = {"width": 1280, "height": 900}
PATIENCE_MILLISECONDS: Final = 60_000
DRAWING_MILLISECONDS: Final = 1_500
"""The timeline of a run is drawn on a canvas, which tells nobody when it is done."""
COLOURS: Final = 128


class Watcher:
    """A person with a browser and a camera, who notes every address that is asked."""

    def __init__(self, context: BrowserContext, watched: Watched, pictures: Path) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MILLISECONDS)
        self.watched = watched
        self._pictures = pictures
        self.elsewhere: set[str] = set()
        self.page.on("request", lambda request: self._note(request.url))

    def _note(self, address: str) -> None:
        ours = (self.watched.house.url, f"blob:{self.watched.house.url}", "data:")
        if not address.startswith(ours):
            self.elsewhere.add(address)

    def open(self, path: str) -> Page:
        """Open a page of the UI."""
        self.page.goto(self.watched.house.url + path)
        return self.page

    def sees(self, text: str | re.Pattern[str]) -> Locator:
        """The text stands on the page, sooner or later."""
        found = self.page.get_by_text(text).first
        expect(found).to_be_visible(timeout=PATIENCE_MILLISECONDS)
        return found

    def take_picture(self, name: str) -> str:
        """A picture for the documents; gives the text of the page, in which nobody is."""
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_timeout(DRAWING_MILLISECONDS)
        # Few colours: a page of the UI is a third of its size and looks the same.
        image = Image.open(BytesIO(self.page.screenshot(animations="disabled")))
        image.convert("RGB").quantize(COLOURS).save(self._pictures / f"{name}.png", optimize=True)
        text = self.page.inner_text("body")
        assert not [word for word in NOT_TO_BE_FOUND if word.lower() in text.lower()]
        return text


@pytest.fixture(scope="module")
def watcher(watched: Watched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watcher]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: `apt-get install chromium`, and the UI is looked at too")
    folder = tmp_path_factory.mktemp("chromium")
    pictures = Path(ROOT, os.environ.get("SCREENSHOTS", folder))
    pictures.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder / "profile",
            executable_path=CHROMIUM,
            headless=True,
            args=FLAGS,
            viewport=VIEWPORT,  # type: ignore[arg-type]
        )
        try:
            yield Watcher(context, watched, pictures)
        finally:
            context.close()


def artifact(watched: Watched, key: str) -> dict[str, Any] | None:
    found = [one for one in watched.house.artifacts(watched.run_id) if one["key"] == key]
    return found[0] if found else None


def test_the_run_had_every_kind_of_outcome(watched: Watched) -> None:
    """Else there would be little to find."""
    assert watched.night.outcomes(1) == {
        "invited": ACCEPTED - 1,
        "review": 1,
        "rejected": 1,
        "failed": 1,
        "unknown": 1,
        "duplicate": 1,
        "invalid": 3,
    }
    assert (watched.ended["state"]["type"], watched.ended["state"]["name"]) == (
        "FAILED",
        "Unsettled",
    )
    assert watched.stopped["state"]["name"] == "Stopped"
    assert watched.night.outcomes(2) == {"not_sent": 2}


def test_nobody_is_in_prefects_database_files_logs_or_answers(watched: Watched) -> None:
    """Names, addresses, résumés, cells, links and the token; the sentence proves the search."""
    house = watched.house
    sentence = watched.ended["state"]["message"]
    until(lambda: sentence in house.logs(watched.run_id), "the last log line has arrived")

    places = dict(_kept_by(house, watched.run_id))

    found = {
        (place, word)
        for place, text in places.items()
        for word in NOT_TO_BE_FOUND
        if word.lower() in text.lower()
    }
    # A page of the database may still be in the log of what is written ahead.
    places["database file"] = places["prefect/prefect.db"] + places.get(
        "prefect/prefect.db-wal", ""
    )
    assert found == set()
    assert {place for place, text in places.items() if sentence in text} >= {
        "database file", "worker.log", "artifact", "log", "flow_run_state", "/logs/filter",
        "/artifacts/filter", "/events/filter", "/flow_runs/filter",
    }  # fmt: skip


def test_the_page_of_a_run_shows_its_state_and_the_sentence(watcher: Watcher) -> None:
    watched = watcher.watched
    sentence = watched.ended["state"]["message"]
    until(lambda: sentence in watched.house.logs(watched.run_id), "the last log line has arrived")

    watcher.open(f"/runs/flow-run/{watched.run_id}")

    watcher.sees("Unsettled")
    watcher.sees("candidates.csv")
    watcher.sees(re.compile(r"^\d Task runs$"))
    watcher.take_picture("run")
    watcher.sees(sentence).scroll_into_view_if_needed()
    assert sentence in watcher.take_picture("run-log")


def test_the_summary_begins_with_the_sentence_and_counts_outcomes_and_reasons(
    watcher: Watcher,
) -> None:
    summary = artifact(watcher.watched, "invite-summary")
    assert summary is not None

    watcher.open(f"/artifacts/artifact/{summary['id']}")

    watcher.sees(watcher.watched.ended["state"]["message"])
    shown = watcher.take_picture("summary").split()
    for word, count in {"rejected": 1, "invalid": 3, "unknown": 1, "several_emails": 1}.items():
        assert (word, str(count)) in pairwise(shown)


def test_the_progress_says_how_many_rows_are_done(watcher: Watcher) -> None:
    progress = artifact(watcher.watched, "invite-progress")
    assert progress is not None

    watcher.open(f"/artifacts/artifact/{progress['id']}")

    watcher.sees(f"rows done: {SENT} / {SENT}")
    watcher.take_picture("progress")


def test_the_table_of_what_needs_a_person_names_rows_and_no_person(watcher: Watcher) -> None:
    table = artifact(watcher.watched, "needs-a-person")
    assert table is not None

    watcher.open(f"/artifacts/artifact/{table['id']}")

    watcher.sees("candidates.csv")
    shown = watcher.take_picture("needs-a-person")
    for code in ("unknown_country", "several_emails", "invalid_email", "refused"):
        assert code in shown


def test_the_run_form_explains_every_parameter(watcher: Watcher) -> None:
    deployment = watcher.watched.house.by_hand
    schema = deployment["parameter_openapi_schema"]["definitions"]["InviteParameters"]

    watcher.open(f"/deployments/deployment/{deployment['id']}/run")

    watcher.sees("Inputs")
    shown = watcher.take_picture("run-form")
    for parameter in schema["properties"].values():
        assert parameter["title"] in shown
        assert parameter["description"].replace("`", "") in shown  # they are Markdown there


def test_the_ui_asks_nobody_but_its_own_server(watcher: Watcher) -> None:
    watcher.open("/dashboard")
    watcher.page.wait_for_load_state("networkidle")

    assert watcher.elsewhere == set()


def _kept_by(house: PrefectHouse, run_id: str) -> Iterator[tuple[str, str]]:
    """All that the server, the worker and the flow's process keep, as texts by place."""
    for path in [*house.home.rglob("*"), *house.folder.glob("*.log")]:
        if path.is_file():
            yield path.relative_to(house.folder).as_posix(), _text(path.read_bytes())
    yield from _tables(house.home / "prefect.db")
    events = {"filter": {"any_resource": {"id": [f"prefect.flow-run.{run_id}"]}}}
    bodies = {"flow_runs": {}, "task_runs": {}, "logs": {}, "artifacts": {}, "events": events}
    for kind, body in bodies.items():
        yield f"/{kind}/filter", json.dumps(house.post(f"/{kind}/filter", body), ensure_ascii=False)
    for kind in ("flow_run", "task_run"):
        for run in house.post(f"/{kind}s/filter", {}):
            states = house.api.get(f"/{kind}_states/", params={f"{kind}_id": run["id"]})
            yield f"states of {run['name']}", states.text


def _text(content: bytes) -> str:
    """Bytes as letters: UTF-8 where they are, and whatever stands between."""
    return content.decode("utf-8", errors="replace")


def _tables(database: Path) -> Iterator[tuple[str, str]]:
    """Every table of the database with all its values."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.text_factory = _text
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608
            yield name, "\n".join(str(row) for row in rows)
