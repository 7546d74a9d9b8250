"""Night after night: an inbox, dates in paths, the volume guard, what is told in the morning."""

import gzip
import json
import logging
import os
import platform
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from polars.exceptions import PanicException
from prefect.settings import PREFECT_API_URL, temporary_settings

from jobmojito_batch.alerts import SMALL_NIGHT, Night, Trouble, alerts_of
from jobmojito_batch.cli import main
from jobmojito_batch.cli.alerting import failures_told, tell_alerts
from jobmojito_batch.cli.observer import ConsoleObserver
from jobmojito_batch.cli.telling import tell_ending
from jobmojito_batch.env_files import own_path
from jobmojito_batch.errors import BatchError, DoubtError, LostLedgerError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.flows.artifacts import summary_markdown
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import (
    Attention,
    IdleRun,
    ReadyRun,
    RunObserver,
    RunResult,
    prepare_taken,
    run_steps,
    taking,
)
from jobmojito_batch.pipeline.nightly.trend import recent_nights
from jobmojito_batch.sandbox import Fault, RunningSandbox
from jobmojito_batch.settings import load_settings
from jobmojito_batch.summary import Summary
from tests.channels import api_that_takes_nothing, webhook
from tests.helpers import HEADERS, Run, a_row, friendly, people, read_results, write_input
from tests.store import a_bucket

NIGHT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
DAY = "2026-11-24"


class Nights:
    """An inbox, a sandbox, and runs on the days that a test asks for."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.box = run.folder / "inbox"
        self.box.mkdir()
        self.slept: list[float] = []

    async def go(
        self,
        day: int = 0,
        *,
        observer: RunObserver | None = None,
        inputs: str | None = None,
        **asked: object,
    ) -> RunResult:
        """One night, *day* days after the first."""
        given: dict[str, object] = {"inbox": inputs is None, "time_zone": "UTC", "settle": False}
        parameters = InviteParameters(
            inputs=[inputs or str(self.box)],
            **(given | asked),
        )
        result = await run_steps(
            parameters,
            observer or RunObserver(),
            now=NIGHT + timedelta(days=day),
            sleep=self.slept.append,
        )
        if result.error is not None and not isinstance(result.error, BatchError):
            raise result.error
        return result

    def put(self, rows: list[str], name: str = "people.csv") -> Path:
        return write_input(self.box, rows, name)

    def lie(self, folder: str = "") -> set[str]:
        """The names of files directly in a folder of the inbox, our list left out."""
        there = self.box / folder
        if not there.is_dir():
            return set()
        return {path.name for path in there.iterdir() if path.is_file() and path.name[0] != "."}


@pytest.fixture
def nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nights]:
    with RunningSandbox(friendly()) as sandbox:
        yield Nights(Run(tmp_path, sandbox, monkeypatch))


def concluded(night: RunResult) -> Summary:
    return night.concluded


def kinds(night: RunResult) -> list[str]:
    return [alert.kind.value for alert in night.alerts]


# The inbox


async def test_one_file_cannot_end_the_night_and_none_lies_there_unseen(nights: Nights) -> None:
    """A workbook that would abort the process, one that is packed, and one of an unknown kind."""
    field = Path(__file__).parents[1] / "exports" / "field"
    corner = next(field.glob("10-*"))
    (nights.box / "corner.xlsx").write_bytes(corner.read_bytes())
    plain = nights.put(people(2))
    (nights.box / "people.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    (nights.box / "people.rar").write_bytes(b"Rar!")
    (nights.box / "Ann Lee.pdf").write_bytes(b"%PDF")

    night = await nights.go()

    assert nights.run.creates == 2
    assert nights.lie() == {"people.rar", "Ann Lee.pdf"}
    assert nights.lie(f"done/{DAY}") == {
        "people.csv.gz",
        f"{DAY}.results.csv",
        f"{DAY}.results.summary.json",
    }
    assert nights.lie(f"failed/{DAY}") == {"corner.xlsx", "corner.xlsx.error.txt"}
    assert concluded(night).not_taken == ("people.rar", "1 .pdf")
    [alert] = night.alerts
    assert "not taken for its suffix: people.rar, 1 .pdf" in alert.sentence
    assert "Ann" not in alert.sentence


async def test_an_inbox_of_nothing_that_is_taken_says_what_lies_there(nights: Nights) -> None:
    (nights.box / "people.txt").write_text("Name\tE-Mail\n")

    night = await nights.go()

    assert concluded(night).sentence.endswith("not taken for their suffix: 1 .txt")
    assert "needs_repair" in kinds(night)


async def test_files_that_are_settled_lie_in_done_beside_their_results(nights: Nights) -> None:
    nights.put(people(2))
    nights.put([*people(2, start=2), a_row("nobody")], "more.csv")

    night = await nights.go()

    assert concluded(night).exit_code == 1
    assert nights.slept == [10.0]
    assert nights.lie() == set()
    assert nights.lie(f"done/{DAY}") == {
        "people.csv",
        "more.csv",
        f"{DAY}.results.csv",
        f"{DAY}.results.errors.csv",
        f"{DAY}.results.summary.json",
    }
    results = nights.box / "done" / DAY / f"{DAY}.results.csv"
    assert [row["outcome"] for row in read_results(results)] == [*["invited"] * 4, "invalid"]
    assert stat.S_IMODE(results.stat().st_mode) == 0o600
    assert kinds(night) == ["needs_repair"]


async def test_results_of_one_file_are_called_after_it(nights: Nights) -> None:
    nights.put(people(1))

    await nights.go()

    assert "people.results.csv" in nights.lie(f"done/{DAY}")


async def test_an_empty_inbox_is_a_finished_run_that_says_so(nights: Nights) -> None:
    night = await nights.go()

    conclusion = concluded(night)
    assert conclusion.exit_code == 0
    assert conclusion.sentence.startswith(f"0 rows: the inbox {nights.box} holds no new rows")
    assert kinds(night) == ["zero_rows"]
    assert not (nights.box / "done").exists()


def test_an_empty_inbox_is_exit_0_on_the_command_line(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOBMOJITO_INBOX_STABLE_SECONDS", "0")

    code = main(["invite", str(nights.box), "--inbox", "--yes", "--no-prefect", "--json"])

    printed = capsys.readouterr()
    assert code == 0
    assert json.loads(printed.out)["rows"] == 0
    assert "holds no new rows" in printed.err


async def test_the_same_content_goes_once_whatever_its_name(nights: Nights) -> None:
    nights.put(people(2))
    await nights.go()
    nights.put(people(2), "again.csv")

    night = await nights.go(1)

    assert concluded(night).exit_code == 0
    assert "1 file done before" in concluded(night).sentence
    assert nights.run.calls == 2
    assert nights.lie() == set()
    note = nights.box / "done" / "2026-11-25" / "again.csv.note.txt"
    assert note.read_text().startswith(f"the same content as people.csv, done on {DAY} in run ")


async def test_two_files_of_one_content_in_one_night_are_read_once(nights: Nights) -> None:
    nights.put(people(2))
    nights.put(people(2), "twin.csv")

    night = await nights.go()

    assert concluded(night).sentence == "2 rows: 2 invited; about 0.5 credits"
    assert {"people.csv", "twin.csv"} <= nights.lie(f"done/{DAY}")


async def test_a_content_with_rows_that_did_not_run_goes_again_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export that did not change must not hide that somebody is still missing."""
    with RunningSandbox(friendly(faults=(Fault(call=(2,), status=422),))) as sandbox:
        nights = Nights(Run(tmp_path, sandbox, monkeypatch))
        nights.put(people(3))
        first = await nights.go()
        nights.put(people(3))
        second = await nights.go(1)
        nights.put(people(3))
        third = await nights.go(2)

    assert concluded(first).sentence.startswith("3 rows: 2 invited, 1 failed")
    assert concluded(second).sentence.startswith("3 rows: 1 invited, 2 already done")
    assert "1 file done before" in concluded(third).sentence
    assert kinds(second) == ["recovered"]
    assert nights.run.creates == 3


async def test_a_repaired_mapping_reads_a_content_that_left_invalid_rows_again(
    nights: Nights,
) -> None:
    """The same file, and this time somebody says where the e-mail stands."""
    rows = [row.replace("p0@example.com", "") + ",p0@example.com" for row in people(1)]
    path = nights.put([*rows, *people(2, start=1)])
    path.write_text(path.read_text().replace("team\n", "team,Reachable\n", 1))
    content = path.read_text()
    first = await nights.go()
    path.write_text(content)
    second = await nights.go(1, mapping={"Reachable": "candidate_email", "candidate_email": ""})

    assert concluded(first).sentence.startswith("3 rows: 2 invited, 1 invalid")
    assert concluded(second).sentence.startswith("3 rows: 1 invited, 2 invalid")
    assert nights.run.creates == 3


async def test_a_content_that_left_invalid_rows_is_never_done(nights: Nights) -> None:
    """Unchanged it is red each night, and costs nothing: who was invited is known."""
    rows = [*people(2), a_row("no-address")]
    nights.put(rows)
    await nights.go()
    nights.put(rows)
    second = await nights.go(1)

    assert concluded(second).sentence.startswith("3 rows: 2 already done, 1 invalid")
    assert nights.run.creates == 2


async def test_a_content_that_is_done_goes_again_where_it_is_read_in_another_way(
    nights: Nights,
) -> None:
    nights.put(people(2))
    await nights.go()
    nights.put(people(2))
    second = await nights.go(1, values={"position_name": "Cook"}, mapping={"position_name": ""})

    assert concluded(second).sentence.startswith("2 rows: 2 invited")


async def test_a_file_whose_rows_failed_by_the_services_fault_stays_and_goes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could correct anything; after a week it is given up, and lies in done/."""
    limited = Fault(email="p1@example.com", status=503, code="BOOT_ERROR", body="platform")
    monkeypatch.setenv("JOBMOJITO_MAX_ATTEMPTS", "1")
    with RunningSandbox(friendly(faults=(limited,))) as sandbox:
        nights = Nights(Run(tmp_path, sandbox, monkeypatch))
        nights.put(people(3))
        first = await nights.go()
        stays = nights.lie()
        await nights.go(6)
        still = nights.lie()
        await nights.go(8)

    assert concluded(first).sentence.startswith("3 rows: 2 invited, 1 failed")
    assert stays == still == {"people.csv"}
    assert nights.lie() == set()
    assert nights.run.creates == 2


async def test_a_night_that_is_tried_again_leaves_one_set_of_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held, then stopped in the middle, then whole: the last results hold all that was sent."""
    with RunningSandbox(friendly(faults=(Fault(call=(3,), status=402, body="jobmojito"),))) as box:
        nights = Nights(Run(tmp_path, box, monkeypatch))
        nights.put(people(4))
        held = await nights.go(expect_at_most=1)
        stopped = await nights.go()
        whole = await nights.go()

    assert isinstance(held.error, BatchError)
    assert concluded(stopped).exit_code == 4
    assert concluded(whole).exit_code == 0
    results = [one for one in nights.lie(f"done/{DAY}") if ".results." in one]
    assert sorted(results) == ["people.results.csv", "people.results.summary.json"]
    assert len(read_results(nights.box / "done" / DAY / "people.results.csv")) == 4


async def test_results_that_hold_rows_of_a_file_that_is_done_are_never_written_over(
    nights: Nights,
) -> None:
    """Three files, a limit, and two of them stay: the next run of the day has files of its own."""
    for number, name in enumerate(["a.csv", "b.csv", "c.csv"]):
        path = nights.put(people(2, start=10 * number), name)
        os.utime(path, (number + 1.0, number + 1.0))
    await nights.go(limit=3)
    stayed = nights.lie()
    await nights.go()

    folder = nights.box / "done" / DAY
    first, second = (read_results(folder / f"{DAY}{n}.results.csv") for n in ("", "-2"))
    assert stayed == {"b.csv", "c.csv"}
    assert [row["outcome"] for row in first if row["source"] == "a.csv"] == ["invited"] * 2
    assert {row["source"] for row in second} == {"b.csv", "c.csv"}


async def test_results_are_not_written_over_by_those_of_another_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A night that was stopped, and an export of the same name that has other people."""
    with RunningSandbox(friendly(faults=(Fault(call=(2,), status=402, body="jobmojito"),))) as box:
        nights = Nights(Run(tmp_path, box, monkeypatch))
        nights.put(people(3))
        await nights.go()
        nights.put(people(2, start=10))
        await nights.go()

    folder = nights.box / "done" / DAY
    first, second = (read_results(folder / f"people{n}.results.csv") for n in ("", "-2"))
    assert "invited" in [row["outcome"] for row in first]
    assert len(first) == 3
    assert [row["candidate_email"] for row in second] == ["p10@example.com", "p11@example.com"]


async def test_a_run_that_was_killed_leaves_its_names_to_the_next(nights: Nights) -> None:
    """Names are listed before the files are made; nobody lives who could make them."""
    nights.put(people(1))
    taken = taking(
        InviteParameters(inputs=[str(nights.box)], inbox=True, time_zone="UTC"),
        now=NIGHT,
        sleep=nights.slept.append,
    )
    listed = (nights.box / "done" / DAY / ".jobmojito-batch").read_text()
    await nights.go()
    living = nights.lie(f"done/{DAY}")
    taken.close()
    dead = re.sub(r"\|\d+\|", "|0|", listed)  # no process has this number
    (nights.box / "done" / "2026-11-25").mkdir()
    (nights.box / "done" / "2026-11-25" / ".jobmojito-batch").write_text(dead)
    nights.put(people(1, start=1))
    await nights.go(1)

    assert "people-2.results.csv" in living
    assert "people.results.csv" in nights.lie("done/2026-11-25")


async def test_a_night_that_failed_before_there_was_a_ledger_leaves_no_name_taken(
    nights: Nights,
) -> None:
    path = nights.put(people(1))
    path.write_bytes(b"\x00\x01" * 400)
    await nights.go()
    nights.put(people(1))
    await nights.go()

    assert {"people.csv", "people.results.csv"} <= nights.lie(f"done/{DAY}")


async def test_a_content_that_was_done_long_ago_has_its_week_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The week begins with the first night that heard nothing, not with the content."""
    refused = Fault(call=(3,), status=422)
    away = Fault(call=(4, 5, 6), status=503, code="BOOT_ERROR", body="platform")
    monkeypatch.setenv("JOBMOJITO_MAX_ATTEMPTS", "1")
    with RunningSandbox(friendly(faults=(refused, away))) as sandbox:
        nights = Nights(Run(tmp_path, sandbox, monkeypatch))
        nights.put(people(3))
        await nights.go()
        nights.put(people(3))
        lies = []
        for day in (30, 36, 38):
            await nights.go(day)
            lies.append(nights.lie())

    assert lies == [{"people.csv"}, {"people.csv"}, set()]


async def test_a_file_that_cannot_be_read_fails_alone(nights: Nights) -> None:
    nights.put(people(2))
    (nights.box / "broken.csv").write_bytes(b"\x00\x01" * 400)
    (nights.box / "broken.xlsx").write_bytes(b"no workbook")
    (nights.box / "other.csv").write_text("price,quantity\n1,2\n")
    (nights.box / "empty.csv").write_text("")
    two_columns = f"{HEADERS},E-Mail".replace("candidate_email", "Email")
    (nights.box / "twice.csv").write_text(f"{two_columns}\n{people(1)[0]},ann@example.com\n")

    night = await nights.go()

    conclusion = concluded(night)
    assert conclusion.exit_code == 1
    assert conclusion.sentence.startswith("2 rows: 2 invited")
    assert conclusion.sentence.endswith("; 5 files could not be read (see failed/)")
    bad = {"broken.csv", "broken.xlsx", "other.csv", "empty.csv", "twice.csv"}
    assert nights.lie(f"failed/{DAY}") == bad | {f"{name}.error.txt" for name in bad}
    for name in bad:
        reason = (nights.box / "failed" / DAY / f"{name}.error.txt").read_text()
        assert reason.startswith(name)
        assert reason.count("\n") == 1
    assert nights.lie() == set()
    assert kinds(night) == ["needs_repair"]
    summary = json.loads((nights.box / "done" / DAY / f"{DAY}.results.summary.json").read_text())
    assert (summary["exit_code"], summary["unreadable_files"]) == (1, 5)


async def test_a_requisition_with_a_new_title_holds_its_file_and_no_other(nights: Nights) -> None:
    def put(title: str, name: str, email: str) -> None:
        row = f"{a_row(email, position=title)},J1"
        (nights.box / name).write_text(f"{HEADERS},position_external_id\n{row}\n")

    put("Developer", "monday.csv", "ann@example.com")
    await nights.go()
    put("Tester", "renamed.csv", "bob@example.com")
    put("Developer", "tuesday.csv", "cy@example.com")

    conclusion = concluded(await nights.go(1))

    assert [file.file for file in conclusion.unreadable] == ["renamed.csv"]
    assert "the position id 'J1' was 'Developer'" in conclusion.unreadable[0].reason
    assert nights.run.creates == 2


async def test_the_summary_names_files_that_could_not_be_read_and_the_machine(
    nights: Nights, capsys: pytest.CaptureFixture[str]
) -> None:
    nights.put(people(2))
    (nights.box / "broken.csv").write_bytes(b"\x00\x01" * 400)
    nights.put(people(1, start=5), "renamed.csv")
    path = nights.box / "renamed.csv"
    path.write_text(path.read_text().replace("candidate_email", "Reachable at", 1))

    conclusion = concluded(await nights.go())
    tell_ending(conclusion)

    said = capsys.readouterr().err
    broken, renamed = conclusion.unreadable
    assert [broken.file, renamed.file] == ["broken.csv", "renamed.csv"]
    assert "no column gives candidate_email" in renamed.reason
    assert conclusion.host == platform.node()
    assert f"unreadable    {broken.reason}" in said
    assert f"{conclusion.run_id} on {platform.node()}" in said
    assert f"unreadable    {renamed.reason}" in said
    markdown = summary_markdown(conclusion, Attention())
    assert "| broken.csv | " in markdown
    assert platform.node() in markdown


async def test_the_alert_of_a_night_without_an_email_column_names_field_and_option(
    nights: Nights,
) -> None:
    path = nights.put(people(2))
    path.write_text(path.read_text().replace("candidate_email", "Reachable at", 1))

    night = await nights.go()

    [alert] = night.alerts
    assert (alert.kind.value, alert.severity.value) == ("failed", "error")
    assert "no column gives candidate_email" in alert.sentence
    assert '--map "Reachable at=candidate_email"' in alert.sentence
    assert "Nothing was sent" in alert.sentence
    assert f"host: {platform.node()}" in alert.facts
    assert nights.run.calls == 0


async def test_a_person_who_goes_on_finds_the_missing_field_in_the_summary(nights: Nights) -> None:
    path = nights.put(people(2))
    path.write_text(path.read_text().replace("candidate_email", "Reachable at", 1))

    class Nobody(RunObserver):
        confirms = True

    conclusion = concluded(await nights.go(observer=Nobody()))

    [doubt] = conclusion.doubts
    assert doubt.startswith("people.csv: no column gives candidate_email")


async def test_where_the_only_good_file_is_written_anew_the_bad_one_is_still_told(
    nights: Nights,
) -> None:
    (nights.box / "broken.csv").write_bytes(b"\x00\x01" * 400)
    good = nights.put(people(1))
    taken = taking(
        InviteParameters(inputs=[str(nights.box)], inbox=True, time_zone="UTC"),
        now=NIGHT,
        sleep=nights.slept.append,
    )
    good.write_text(good.read_text() + a_row("p9@example.com") + "\n")
    idle = prepare_taken(taken, now=NIGHT)
    taken.close()

    assert isinstance(idle, IdleRun)
    conclusion = idle.conclusion(NIGHT)
    assert conclusion.exit_code == 1
    assert [one.file for one in conclusion.unreadable] == ["broken.csv"]


async def test_where_no_file_can_be_read_the_night_failed(nights: Nights) -> None:
    (nights.box / "broken.csv").write_bytes(b"\x00\x01" * 400)

    night = await nights.go()

    assert f"no file could be read; they are in failed/{DAY}" in str(night.error)
    assert kinds(night) == ["failed"]
    assert not (nights.box / "done").exists() or not any((nights.box / "done").iterdir())


async def test_an_export_without_rows_is_done_with_a_note(nights: Nights) -> None:
    nights.put([])
    with xlsxwriter.Workbook(nights.box / "people.xlsx") as workbook:
        workbook.add_worksheet().write_row(0, 0, HEADERS.split(","))

    night = await nights.go()

    assert concluded(night).exit_code == 0
    assert "2 files without rows" in concluded(night).sentence
    assert kinds(night) == ["zero_rows"]
    assert nights.lie() == set()
    assert "people.xlsx.note.txt" in nights.lie(f"done/{DAY}")


@pytest.mark.parametrize(
    ("faults", "exit_code"),
    [
        pytest.param((Fault(call=(2,), status=504, when="after"),), 3, id="unknown"),
        pytest.param((Fault(call=(2,), status=402),), 4, id="stopped"),
    ],
)
async def test_a_file_stays_until_every_row_is_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: tuple[Fault, ...], exit_code: int
) -> None:
    with RunningSandbox(friendly(faults=faults)) as sandbox:
        nights = Nights(Run(tmp_path, sandbox, monkeypatch))
        nights.put(people(4))

        first = await nights.go()
        stayed = nights.lie()
        second = await nights.go(1, settle=True)

    assert concluded(first).exit_code == exit_code
    assert stayed == {"people.csv"}
    assert concluded(second).exit_code == 0
    assert nights.lie() == set()
    assert nights.run.creates == 4
    assert "recovered" in kinds(second)


async def test_one_unknown_row_keeps_every_file_of_the_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Fault(email="p9@example.com", status=504, when="after")
    with RunningSandbox(friendly(faults=(fault,))) as sandbox:
        nights = Nights(Run(tmp_path, sandbox, monkeypatch))
        nights.put(people(2))
        nights.put(people(1, start=9), "other.csv")

        night = await nights.go()

    assert concluded(night).exit_code == 3
    assert nights.lie() == {"people.csv", "other.csv"}


async def test_a_limit_leaves_the_file_for_the_next_night(nights: Nights) -> None:
    nights.put(people(4))
    nights.put(people(1, start=9), "small.csv")
    os.utime(nights.box / "small.csv", (1.0, 1.0))

    first = await nights.go(limit=2)

    assert concluded(first).exit_code == 0
    assert nights.lie() == {"people.csv"}
    await nights.go(1)
    assert nights.lie() == set()
    assert nights.run.creates == 5


async def test_a_file_that_is_written_anew_meanwhile_stays(nights: Nights) -> None:
    class Exporter(RunObserver):
        def may_send(self, run: ReadyRun) -> bool:  # noqa: ARG002
            nights.put(people(2, start=7))
            return True

    nights.put(people(2))

    await nights.go(observer=Exporter())
    assert nights.lie() == {"people.csv"}
    night = await nights.go(1)

    assert concluded(night).sentence.startswith("2 rows: 2 invited")
    assert nights.lie() == set()


async def test_a_crash_between_publishing_and_moving_is_made_good_by_the_next_night(
    nights: Nights,
) -> None:
    path = nights.put(people(2))
    content = path.read_bytes()
    await nights.go()
    (nights.box / "done" / DAY / "people.csv").unlink()
    path.write_bytes(content)  # as if it had never been moved

    night = await nights.go(1)

    assert concluded(night).exit_code == 0
    assert nights.lie() == set()
    assert nights.run.calls == 2


async def test_a_crash_before_the_file_was_noted_sends_nothing_twice(nights: Nights) -> None:
    """Everything was sent and published, and then the machine went away."""
    nights.put(people(2))
    await nights.go()
    (nights.box / "done" / DAY / "people.csv").rename(nights.box / "people.csv")
    with sqlite3.connect(nights.run.folder / "ledger.sqlite") as book:
        book.execute("DELETE FROM files")

    night = await nights.go(1)

    assert concluded(night).sentence.startswith("2 rows: 2 already done")
    assert nights.lie() == set()
    assert nights.run.calls == 2


async def test_a_file_that_is_written_over_before_it_is_read_waits(nights: Nights) -> None:
    """What was noted of its content would not be true of its rows."""
    nights.put(people(2))
    nights.put(people(1, start=9), "other.csv")
    taken = taking(
        InviteParameters(inputs=[str(nights.box)], inbox=True), now=NIGHT, sleep=lambda _: None
    )
    nights.put(people(3))

    prepared = prepare_taken(taken, now=NIGHT)

    assert isinstance(prepared, ReadyRun)
    assert prepared.planned.sources == ["other.csv"]
    assert nights.lie() == {"people.csv", "other.csv"}
    prepared.close()
    taken.close()


async def test_two_runs_of_one_day_keep_both_results(nights: Nights) -> None:
    for number in range(3):
        nights.put(people(1, start=number))
        await nights.go()

    assert {one for one in nights.lie(f"done/{DAY}") if one.endswith(".csv")} == {
        "people.csv",
        "people-2.csv",
        "people-3.csv",
        "people.results.csv",
        "people-2.results.csv",
        "people-3.results.csv",
    }


async def test_a_mapping_that_fits_one_file_of_two_is_no_fault_of_the_other(
    nights: Nights,
) -> None:
    nights.put(people(1))
    odd = nights.put(people(1, start=5), "odd.csv")
    odd.write_text(odd.read_text().replace("candidate_name", "Wer"))
    (nights.box / "broken.csv").write_bytes(b"\x00\x01" * 400)

    night = await nights.go(mapping={"Wer": "candidate_name"})

    assert concluded(night).sentence.startswith("2 rows: 2 invited")
    assert nights.lie(f"failed/{DAY}") == {"broken.csv", "broken.csv.error.txt"}


async def test_a_setting_that_is_wrong_moves_no_file(nights: Nights) -> None:
    nights.put(people(1))
    (nights.box / "broken.csv").write_bytes(b"\x00\x01" * 400)

    night = await nights.go(values={"mojito_language_code": "klingon"})

    assert "klingon" in str(night.error)
    assert nights.lie() == {"people.csv", "broken.csv"}


async def test_a_workbook_whose_sheet_has_to_be_named_does_not_stop_the_others(
    nights: Nights,
) -> None:
    nights.put(people(1))
    with xlsxwriter.Workbook(nights.box / "two.xlsx") as workbook:
        for sheet in (workbook.add_worksheet("One"), workbook.add_worksheet("Two")):
            sheet.write_row(0, 0, HEADERS.split(","))
            sheet.write_row(1, 0, people(1, start=5)[0].split(","))

    night = await nights.go()

    assert concluded(night).sentence.startswith("1 row: 1 invited")
    assert "--sheet" in (nights.box / "failed" / DAY / "two.xlsx.error.txt").read_text()


def test_check_looks_at_an_inbox_and_moves_nothing(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOBMOJITO_INBOX_STABLE_SECONDS", "0")
    nights.put(people(2))
    (nights.box / "broken.csv").write_bytes(b"\x00\x01" * 400)

    code = main(["check", str(nights.box), "--inbox"])

    assert code == 0
    printed = capsys.readouterr().out
    assert "would send    2" in printed
    assert "cannot be read: broken.csv: " in printed
    assert {path.name for path in nights.box.iterdir()} == {"people.csv", "broken.csv"}


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["nowhere", "--inbox"], "an inbox is a folder that exists"),
        (["inbox", "inbox", "--inbox"], "--inbox: name one folder"),
        (["s3://bucket/in/", "--inbox"], "--results-folder"),
        (["inbox", "--inbox", "--time-zone", "Nowhere"], "--time-zone Nowhere"),
        (["inbox", "--inbox", "--keep-days", "0"], "--keep-days"),
    ],
)
def test_an_inbox_that_makes_no_sense_is_a_line(
    nights: Nights,  # noqa: ARG001 - whose folder is named
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    word: str,
) -> None:
    code = main(["invite", *options, "--yes", "--no-prefect"])

    assert code == 2
    assert word in " ".join(capsys.readouterr().err.split())


# Dates and results


async def test_a_date_in_the_input_and_a_folder_of_the_day_for_results(nights: Nights) -> None:
    exports = nights.run.folder / "exports"
    exports.mkdir()
    write_input(exports, people(2), f"people-{DAY}.csv")
    write_input(exports, people(2, start=2), "people-2026-11-25.csv")
    pattern = str(exports / "people-{date}.csv")

    for day in range(2):
        night = await nights.go(
            day, inputs=pattern, results_folder=str(nights.run.folder / "results")
        )
        assert concluded(night).sentence.startswith("2 rows: 2 invited")

    files = sorted(
        str(path.relative_to(nights.run.folder / "results"))
        for path in (nights.run.folder / "results").rglob("*.csv")
    )
    assert files == [
        f"{DAY}/people-{DAY}.results.csv",
        "2026-11-25/people-2026-11-25.results.csv",
    ]


async def test_old_nights_go_with_everything_of_theirs_and_nobody_is_invited_again(
    nights: Nights,
) -> None:
    nights.put(people(2))
    (nights.box / "broken.csv").write_bytes(b"\x00\x01" * 400)
    await nights.go()
    kept = nights.box / "done" / DAY / "somebody-elses.txt"
    kept.write_text("mine")
    nights.put(people(3))

    await nights.go(31, keep_days=30)

    assert nights.lie(f"done/{DAY}") == {"somebody-elses.txt"}
    assert not (nights.box / "failed" / DAY).exists()
    assert "people.csv" in nights.lie("done/2026-12-25")
    assert nights.run.creates == 3


# The volume guard


async def usual_nights(nights: Nights, count: int = 3, *, rows: int = 20) -> None:
    for day in range(count):
        nights.put(people(rows, start=day * rows))
        concluded(await nights.go(day))


async def test_a_night_far_from_the_others_is_held_until_somebody_releases_it(
    nights: Nights,
) -> None:
    await usual_nights(nights)
    nights.put(people(200, start=1_000))

    held = await nights.go(3)
    stayed = nights.lie()
    calls = nights.run.calls
    released = await nights.go(3, expect_at_most=200)

    assert str(held.error) == (
        "200 new rows would be sent, where the recent nights had up to 20; nothing was sent. Look "
        "at the file and at the plan (`check`); `--expect-at-most 200` releases it"
    )
    assert kinds(held) == ["volume_unusual"]
    assert stayed == {"people.csv"}
    assert calls == 60
    assert concluded(released).sentence.startswith("200 rows: 200 invited")
    assert kinds(released) == ["recovered"]


async def test_a_person_who_confirms_or_a_guard_that_is_off_decides(nights: Nights) -> None:
    class Somebody(RunObserver):
        confirms = True

    await usual_nights(nights)
    nights.put(people(70, start=1_000))
    confirmed = await nights.go(3, observer=Somebody())
    nights.put(people(300, start=2_000))
    unguarded = await nights.go(4, volume_guard=False)

    assert concluded(confirmed).sentence.startswith("70 rows: 70 invited")
    assert concluded(unguarded).sentence.startswith("300 rows: 300 invited")


async def test_known_people_who_look_new_hold_the_night(nights: Nights) -> None:
    """The same list every night; then a column is renamed, and everybody has another position."""
    everybody = people(80)
    for day in range(4):
        everybody += people(1, start=100 + day)
        nights.put(everybody)
        concluded(await nights.go(day))
    calls = nights.run.calls

    nights.put([row.replace("Nurse", "Carer") for row in everybody])
    held = await nights.go(4)

    assert "84 new rows would be sent and 0 are known (0%), where usually" in str(held.error)
    assert nights.run.calls == calls


async def test_a_lost_ledger_holds_the_night_though_it_is_small(nights: Nights) -> None:
    nights.put(people(2))
    await nights.go()
    for file in nights.run.folder.glob("ledger.sqlite*"):
        file.unlink()
    nights.put(people(3))

    held = await nights.go(1)
    released = await nights.go(1, expect_at_most=1_000, volume_guard=False)

    assert f"does not know the one earlier run, whose results lie in {nights.box}/done/{DAY}" in (
        str(held.error)
    )
    assert isinstance(released.error, LostLedgerError)
    assert kinds(held) == ["failed"]
    assert "--expect-at-most" not in held.alerts[0].sentence
    assert nights.run.calls == 2
    assert nights.lie() == {"people.csv"}


async def test_an_older_copy_of_the_ledger_holds_the_night(nights: Nights) -> None:
    """A backup that was restored has forgotten whom the nights since have invited."""
    nights.put(people(2))
    await nights.go()
    older = nights.run.folder / "older.sqlite"
    assert main(["backup", str(older)]) == 0
    nights.put(people(2, start=2))
    await nights.go(1)
    nights.put(people(3, start=2))

    held = await nights.go(2, ledger=str(older), expect_at_most=1_000, volume_guard=False)
    with_its_own = await nights.go(2)

    assert isinstance(held.error, LostLedgerError)
    assert "does not know the latest run of the inbox" in str(held.error)
    assert "it is an older copy" in str(held.error)
    assert concluded(with_its_own).sentence.startswith("3 rows: 1 invited, 2 already done")
    assert nights.run.creates == 5


async def test_a_lost_ledger_is_not_made_known_by_a_night_with_nobody_to_invite(
    nights: Nights,
) -> None:
    """A run whose rows are all invalid would be in the new ledger, and so release the next one."""
    nights.put(people(2))
    await nights.go()
    for file in nights.run.folder.glob("ledger.sqlite*"):
        file.unlink()
    nights.put([a_row("nobody")])

    without_new = await nights.go(1)
    nights.put(people(2))
    held = await nights.go(2)

    assert isinstance(without_new.error, LostLedgerError)
    assert str(without_new.error).startswith("the ledger sqlite:///")
    assert isinstance(held.error, LostLedgerError)
    assert nights.run.calls == 2


async def test_a_lost_ledger_is_not_made_known_by_an_empty_inbox(nights: Nights) -> None:
    nights.put(people(2))
    await nights.go()
    for file in nights.run.folder.glob("ledger.sqlite*"):
        file.unlink()

    concluded(await nights.go(1))
    nights.put(people(2))
    held = await nights.go(2)

    assert isinstance(held.error, LostLedgerError)
    assert nights.run.calls == 2


async def test_who_means_to_begin_anew_moves_the_old_folders_away(nights: Nights) -> None:
    nights.put(people(2))
    await nights.go()
    for file in nights.run.folder.glob("ledger.sqlite*"):
        file.unlink()
    (nights.box / "done").rename(nights.run.folder / "before")
    nights.put(people(3))

    begun = await nights.go(1)

    assert concluded(begun).sentence.startswith("3 rows: 1 invited, 2 already applied")


async def test_small_nights_are_never_held(nights: Nights) -> None:
    await usual_nights(nights, rows=1)
    nights.put(people(SMALL_NIGHT, start=1_000))

    assert concluded(await nights.go(3)).exit_code == 0


async def test_the_guard_has_no_say_about_files_that_are_named_for_the_first_time(
    nights: Nights,
) -> None:
    await usual_nights(nights)
    path = write_input(nights.run.folder, people(200, start=1_000))

    night = await nights.go(3, inputs=str(path))

    assert concluded(night).exit_code == 0


async def test_the_plan_shows_the_doubt_to_a_person(
    nights: Nights, capsys: pytest.CaptureFixture[str]
) -> None:
    for day in range(3):
        path = write_input(nights.run.folder, people(4, start=day * 4))
        concluded(await nights.go(day, inputs=str(path)))
    write_input(nights.run.folder, people(90, start=1_000))

    capsys.readouterr()
    main(["check", str(path)])

    said = "warning      90 new rows would be sent, where the recent nights had up to 4"
    assert said in capsys.readouterr().out


# What is told


async def test_nothing_private_is_in_an_alert_or_a_log_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    faults = (Fault(call=(2,), status=504), Fault(call=(3,), status=422))
    with RunningSandbox(friendly(faults=faults)) as sandbox:
        nights = Nights(Run(tmp_path, sandbox, monkeypatch))
        nights.put([*people(4), a_row("nobody", name="Zoe Secretname")])
        (nights.box / "broken.csv").write_text("Zoe Secretname,zoe@example.com\n")

        night = await nights.go()

    assert kinds(night) == ["unsettled", "needs_repair"]
    told = json.dumps([alert.as_event() for alert in night.alerts]) + caplog.text
    for word in ("@example.com", "Secretname", "http", "interview_token"):
        assert word not in told


async def test_a_run_that_a_person_declined_tells_nothing_and_moves_nothing(
    nights: Nights,
) -> None:
    class Somebody(RunObserver):
        confirms = True

        def may_send(self, run: ReadyRun) -> bool:  # noqa: ARG002
            return False

    nights.put(people(2))

    night = await nights.go(observer=Somebody())

    assert (night.was_declined, night.alerts) == (True, ())
    assert nights.lie() == {"people.csv"}
    assert not any((nights.box / "done").iterdir())


async def test_a_night_that_broke_off_says_which_run_it_was(nights: Nights) -> None:
    class Unlucky(RunObserver):
        def may_send(self, run: ReadyRun) -> bool:
            self.run_id = run.planned.run_id
            raise BatchError("the disk is full")

    nights.put(people(2))
    observer = Unlucky()

    night = await nights.go(observer=observer)

    assert [(alert.kind.value, alert.run_id) for alert in night.alerts] == [
        ("failed", observer.run_id)
    ]
    assert nights.lie() == {"people.csv"}


async def test_trouble_is_remembered_so_that_the_next_good_night_says_it_is_over(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.put(people(1))
    concluded(await nights.go())
    nights.put(people(2))
    with monkeypatch.context() as broken:
        broken.setenv("XDG_CACHE_HOME", "/dev/null/nowhere")
        failed = await nights.go(1)

    night = await nights.go(2)

    assert kinds(failed) == ["failed"]
    assert kinds(night) == ["recovered"]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """A webhook to which alerts go; what it took."""
    with webhook() as (url, taken):
        monkeypatch.setenv("JOBMOJITO_NOTIFY", url)
        yield taken


def test_a_run_that_nobody_confirmed_sends_its_alerts(
    nights: Nights, hook: list[dict[str, Any]]
) -> None:
    path = write_input(nights.run.folder, [*people(2), a_row("nobody")])

    code = nights.run.invite(path)
    nights.run.invite(nights.run.folder / "nowhere.csv")

    assert code == 1
    assert [message["title"] for message in hook] == [
        "jobmojito-batch (live): needs_repair",
        "jobmojito-batch (live): failed",
    ]
    assert "1 of 3 rows are invalid or failed" in hook[0]["message"]
    assert f"correct {nights.run.folder}/people.results.errors.csv" in hook[0]["message"]
    assert f"host: {platform.node()}" in hook[0]["message"]
    assert "rows: 3 rows: 2 invited, 1 invalid; about 0.5 credits" in hook[0]["message"]
    assert (
        "nowhere.csv: no such file; check the name and the folder. Nothing was sent"
        in (hook[1]["message"])
    )
    assert "@example.com" not in str(hook)


@pytest.mark.parametrize(
    ("variables", "options", "cause"),
    [
        pytest.param(
            {"JOBMOJITO_MAX_IN_FLIGHT": "many"}, [], "JOBMOJITO_MAX_IN_FLIGHT", id="a-setting"
        ),
        pytest.param({"JOBMOJITO_NOTIFY_ON": "sometimes"}, [], "sometimes", id="its-own-setting"),
        pytest.param({}, ["--mapping", "gone.toml"], "gone.toml", id="a-mapping-file"),
        pytest.param({}, ["--time-zone", "Mars/Olympus"], "Mars/Olympus", id="a-time-zone"),
        pytest.param({}, ["--rate", "0"], "--rate 0: must be above 0", id="a-bound"),
        pytest.param({}, ["--set", "sk"], "--set sk: write it as", id="no-pair"),
        pytest.param(
            {"JOBMOJITO_API_TOKEN_FILE": "gone", "JOBMOJITO_API_TOKEN": ""}, [], "TOKEN_FILE",
            id="a-token-file",
        ),
        pytest.param({"JOBMOJITO_LEDGER": "/proc/ledger"}, [], "/proc", id="a-ledger"),
        pytest.param({}, ["--limit", "few"], "cannot take what --limit is given", id="a-value"),
        pytest.param({}, ["--ledgr", "here"], "there is no option --ledgr", id="an-option"),
        pytest.param(
            {"JOBMOJITO_ENVIRONMENT": "x" * 65}, [], "JOBMOJITO_ENVIRONMENT", id="a-label"
        ),
    ],
)  # fmt: skip
def test_an_unattended_run_that_never_became_one_is_alerted(
    variables: dict[str, str],
    options: list[str],
    cause: str,
    nights: Nights,
    hook: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The alert needs one setting, and none of those that are wrong."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert nights.run.invite(write_input(nights.run.folder, people(1)), *options) == 2

    (message,) = hook
    assert message["title"].endswith(": failed")
    assert cause in message["message"]
    assert nights.run.creates == 0


def test_an_environment_file_that_cannot_be_read_is_alerted(
    nights: Nights, hook: list[dict[str, Any]]
) -> None:
    own_path().parent.mkdir(parents=True)
    own_path().write_bytes(b"JOBMOJITO_ENVIRONMENT=\xfc\n")

    assert nights.run.invite(write_input(nights.run.folder, people(1))) == 2

    assert ".env: not UTF-8 text" in hook[0]["message"]


@pytest.mark.parametrize(
    ("fault", "encoding"),
    [
        pytest.param(f"JOBMOJITO_ENVIRONMENT={'x' * 65}", "utf-8", id="a-setting-of-its-own"),
        pytest.param("JOBMOJITO_ENVIRONMENT=Prüfung", "latin-1", id="latin-1"),
        pytest.param("", "utf-16", id="as-powershell-writes-it"),
        pytest.param("JOBMOJITO_NOTIFY_ON=sometimes", "utf-8-sig", id="with-a-mark"),
    ],
)
def test_the_address_of_alerts_is_found_in_an_environment_file_that_has_a_fault(
    fault: str,
    encoding: str,
    nights: Nights,
    hook: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = f"JOBMOJITO_NOTIFY={os.environ['JOBMOJITO_NOTIFY']}\n{fault}\n"
    monkeypatch.delenv("JOBMOJITO_NOTIFY")
    own_path().parent.mkdir(parents=True)
    own_path().write_bytes(text.encode(encoding))

    assert nights.run.invite(write_input(nights.run.folder, people(1))) == 2

    (message,) = hook
    assert message["title"].endswith(": failed")


def test_an_alert_of_a_wrong_command_line_quotes_nothing_of_it(hook: list[dict[str, Any]]) -> None:
    """One letter is wrong, and a password and a person stand beside it."""
    secret, person = "postgresql://u:made-up@db/x", "candidate_email=zoe@example.com"

    code = main(
        ["invite", "p.csv", "--yes", "--ledgr", secret, "--set", person, "--limit", "zoe@x"]
    )

    assert code == 2
    assert "there is no option --ledgr" in hook[0]["message"]
    assert not any(word in str(hook) for word in ("made-up@", "zoe", "postgresql"))


def test_an_alert_shows_no_login_and_no_key_of_an_address(
    nights: Nights, hook: list[dict[str, Any]]
) -> None:
    address = "https://user:made-up@127.0.0.1:1/people.csv?sig=made-up-key"

    assert nights.run.invite(Path("gone.csv"), address) == 2
    assert main(["invite", address, "--yes", "--no-prefect", "--time-zone", "Mars/Olympus"]) == 2

    assert len(hook) == 2
    assert "made-up-key" not in str(hook)
    assert "user:made-up@" not in str(hook)
    assert "https://127.0.0.1:1/people.csv" in hook[1]["message"]


def test_a_run_where_nobody_can_be_asked_and_yes_is_missing_is_alerted(
    nights: Nights, hook: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cron job without --yes fails every night."""
    path = write_input(nights.run.folder, people(1))
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        codes = [main(["invite", str(path)]), main(["invite", str(path), "--limit", "few"])]

    assert codes == [2, 2]
    assert "say --yes" in hook[0]["message"]
    assert "--limit" in hook[1]["message"]


def test_a_panic_of_a_library_is_alerted(hook: list[dict[str, Any]]) -> None:
    """What Rust calls a panic is no Exception to Python."""
    with pytest.raises(PanicException), failures_told(ConsoleObserver(asks=False), ["/data/inbox"]):
        raise PanicException("quotes a cell")

    (message,) = hook
    assert "unexpected PanicException at test_nights.py" in message["message"]
    assert "quotes" not in str(hook)


def test_a_night_goes_without_prefect_where_it_is_away_and_says_so(
    nights: Nights, hook: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """A page that shows the run is not worth the run."""
    path = write_input(nights.run.folder, people(2))

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        code = main(["invite", str(path), "--yes"])

    assert code == 0
    assert nights.run.creates == 2
    assert [message["title"] for message in hook] == ["jobmojito-batch (live): prefect_away"]
    assert "http://127.0.0.1:9/api did not answer" in capsys.readouterr().err


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_night_goes_without_a_prefect_that_is_there_and_takes_no_run(
    status: int, nights: Nights, hook: list[dict[str, Any]]
) -> None:
    """Its health is well: a login that is missing, a proxy, a database that is full."""
    path = write_input(nights.run.folder, people(2))

    with api_that_takes_nothing(status) as url, temporary_settings({PREFECT_API_URL: url}):
        code = main(["invite", str(path), "--yes"])

    assert code == 0
    assert nights.run.creates == 2
    (message,) = hook
    assert message["title"] == "jobmojito-batch (live): prefect_away"
    assert f"host: {platform.node()}" in message["message"]


@pytest.mark.parametrize("option", [[], ["--prefect"]])
def test_settings_of_prefect_that_cannot_be_read_lose_a_night_only_where_it_is_a_must(
    option: list[str], nights: Nights, hook: list[dict[str, Any]]
) -> None:
    path = write_input(nights.run.folder, people(2))

    run_ = subprocess.run(
        [sys.executable, "-m", "jobmojito_batch", "invite", str(path), "--yes", *option],
        env=os.environ | {"PREFECT_API_URL": "http://[bad", "PREFECT_API_REQUEST_TIMEOUT": "soon"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (run_.returncode, nights.run.creates) == ((2, 0) if option else (0, 2)), run_.stderr
    assert "Traceback" not in run_.stderr
    (message,) = hook
    assert message["title"].endswith(": failed" if option else ": prefect_away")
    assert "PREFECT_" in message["message"]


def test_prefect_that_is_asked_for_and_away_is_an_alert(
    nights: Nights, hook: list[dict[str, Any]]
) -> None:
    path = write_input(nights.run.folder, people(2))

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        code = main(["invite", str(path), "--yes", "--prefect"])

    assert code == 2
    assert nights.run.creates == 0
    assert "the Prefect API http://127.0.0.1:9/api cannot be used" in hook[0]["message"]


def test_a_person_who_was_asked_is_sent_nothing(hook: list[dict[str, Any]]) -> None:
    """They saw it on the screen."""
    for asks, sent in ((True, 0), (False, 1)):
        person = ConsoleObserver(asks=asks)
        person.alerts = alerts_of(
            Night(day=NIGHT.date(), exit_code=ExitCode.USAGE, trouble=Trouble.FAULT), []
        )

        tell_alerts(person, load_settings())

        assert len(hook) == sent


def test_a_night_without_alerts_sends_nothing(nights: Nights, hook: list[dict[str, Any]]) -> None:
    nights.run.invite(write_input(nights.run.folder, people(2)))

    assert hook == []


def test_a_channel_that_is_broken_does_not_change_how_the_run_ends(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBMOJITO_NOTIFY", "json://127.0.0.1:1/,nonsense://x")

    code = nights.run.invite(write_input(nights.run.folder, [*people(2), a_row("nobody")]))

    assert code == 1
    assert nights.run.outcomes == {"invited": 2, "invalid": 1}


async def test_a_prefix_of_a_store_is_an_inbox_like_a_folder(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_input(nights.run.folder, people(2))
    results = nights.run.folder / "results"

    async def go(day: int) -> RunResult:
        return await nights.go(
            day, inputs="s3://bucket/in/", inbox=True, results_folder=str(results)
        )

    with a_bucket(monkeypatch) as bucket:
        bucket |= {"in/people.csv": file.read_bytes(), "in/broken.csv": b"\x00\x01" * 400}
        first = await go(0)
        bucket["in/again.csv"] = file.read_bytes()
        second = await go(1)

    assert concluded(first).sentence.startswith("2 rows: 2 invited")
    assert "1 file done before" in concluded(second).sentence
    assert nights.run.calls == 2
    assert nights.slept == []
    kept = {key for key in bucket if not key.endswith(".jobmojito-batch")}
    assert kept == {
        f"in/done/{DAY}/people.csv",
        f"in/failed/{DAY}/broken.csv",
        f"in/failed/{DAY}/broken.csv.error.txt",
        "in/done/2026-11-25/again.csv",
        "in/done/2026-11-25/again.csv.note.txt",
    }
    assert read_results(results / DAY / f"{DAY}.results.csv")[0]["source"] == "people.csv"
    spool = nights.run.folder / "home" / "cache" / "jobmojito-batch" / "spool"
    assert list(spool.iterdir()) == []


# Columns that are not what they were


HR = "Candidate,E-Mail,Country,CV,Position,Job location,Job country,Language,Contact e-mail"


def an_export(nights: Nights, headers: str, start: int) -> None:
    rows = [
        f"Ann,p{start}{n}@example.com,SK,text,Nurse,London,GB,en,c{n}@example.com" for n in (0, 1)
    ]
    (nights.box / "people.csv").write_text("\n".join([headers, *rows]) + "\n", encoding="utf-8")


async def test_a_field_that_another_column_has_tonight_holds_the_night(nights: Nights) -> None:
    """`E-Mail` is renamed, and the contact's address would be the candidate's."""
    an_export(nights, HR, 1)
    concluded(await nights.go(0))
    renamed = HR.replace("E-Mail", "Address book").replace("Contact e-mail", "Mail")
    an_export(nights, renamed, 2)

    held = await nights.go(1)
    calls = nights.run.calls
    released = await nights.go(1, mapping={"Address book": "candidate_email", "Mail": ""})
    an_export(nights, renamed, 3)
    again = await nights.go(2, mapping={"Address book": "candidate_email", "Mail": ""})

    assert isinstance(held.error, DoubtError)
    assert "candidate_email was read from 'E-Mail', and now from 'Mail'" in str(held.error)
    assert "--map" in str(held.error)
    assert calls == 2
    assert kinds(held) == ["failed"]
    for result in (released, again):
        assert concluded(result).sentence.startswith("2 rows: 2 invited")


async def test_another_order_and_another_kind_of_export_are_no_drift(nights: Nights) -> None:
    an_export(nights, HR, 1)
    concluded(await nights.go(0))
    nights.put(people(2, start=50))  # headers of another system
    assert concluded(await nights.go(1)).exit_code == 0
    an_export(nights, HR.replace("E-Mail", "e-mail").replace("CV", " CV "), 2)
    assert concluded(await nights.go(2)).exit_code == 0


# The recent nights beside one another


async def test_the_recent_nights_stand_beside_one_another(
    nights: Nights, capsys: pytest.CaptureFixture[str]
) -> None:
    nights.put(people(2))
    concluded(await nights.go(0))
    nights.put([*people(3, start=10), a_row("nobody")])
    last = concluded(await nights.go(1))
    capsys.readouterr()

    assert main(["status", "--nights", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["nights"]
    figures = [(one["exit_code"], one["rows"], one["invited"], one["to_repair"]) for one in told]
    assert figures == [(1, 4, 3, 1), (0, 2, 2, 0)]
    assert main(["status", "--nights"]) == 0
    assert capsys.readouterr().out.count("█") == 8 + 4
    with closing(Ledger.open(f"sqlite:///{nights.run.ledger}")) as ledger:
        page = summary_markdown(last, Attention(), recent_nights(ledger))
    assert page.splitlines()[0] == last.sentence
    assert "jobmojito-batch invite" in page.splitlines()[2]
    for night in ("| 2026-11-25 02:00 | 1 |", "| 2026-11-24 02:00 | 0 |"):
        assert night in page
