"""What Prefect keeps of a run, searched to the last byte: nobody is in it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.prefect_real.house import PrefectHouse, until
from tests.prefect_real.watched import ACCEPTED, NOT_TO_BE_FOUND, Watched

pytestmark = pytest.mark.flow


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
