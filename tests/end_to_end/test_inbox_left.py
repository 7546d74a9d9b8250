"""Everything in an inbox that no row comes from is named with its reason, and hides nobody."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jobmojito_batch.alerts import AlertKind
from jobmojito_batch.columns import Outcome
from jobmojito_batch.flows.artifacts import summary_markdown
from jobmojito_batch.pipeline import Attention
from jobmojito_batch.sandbox import RunningSandbox
from tests.end_to_end.test_nights import DAY, Nights, concluded, nights
from tests.helpers import Run, a_row, friendly, people, write_input

__all__ = ["nights"]


async def test_unreadable_files_between_good_ones_hide_none_of_them(nights: Nights) -> None:
    for number, name in enumerate(("a.csv", "d.csv", "g.csv")):
        nights.put(people(2, start=2 * number), name)
    bad = {"b.csv": b"\x00\x01" * 400, "c.xlsx": b"no workbook", "e.parquet": b"PAR1", "f.csv": b""}
    for name, content in bad.items():
        (nights.box / name).write_bytes(content)

    night = await nights.go()

    assert concluded(night).sentence.startswith("6 rows: 6 invited")
    assert {file.file for file in concluded(night).unreadable} == bad.keys()
    assert all(file.reason.startswith(file.file) for file in concluded(night).unreadable)
    assert nights.run.creates == 6


async def test_what_is_not_taken_is_named_with_its_reason(nights: Nights) -> None:
    nights.put(people(2))
    await nights.go()
    nights.put(people(2), "again.csv")
    nights.put(people(1, start=7), "new.csv")
    (nights.box / "header.csv").write_text(nights.put([], "x.csv").read_text() + "\n")
    (nights.box / "x.csv").unlink()
    (nights.box / "later.csv.part").write_text("a")
    (nights.box / "~$book.xlsx").write_text("a")
    (nights.box / "Zoe Secretname.pdf.part").write_text("a")
    (nights.box / "Zoe Secretname").mkdir()
    (nights.box / "link.csv").symlink_to(nights.box / "new.csv")
    os.mkfifo(nights.box / "pipe.csv")

    night = await nights.go(1)

    found = {file.file: file.reason for file in concluded(night).left_aside}
    assert found == {
        "again.csv": f"its content was done on {DAY}",
        "header.csv": "no rows below its header",
        "later.csv.part": "still being written, by its name",
        "~$book.xlsx": "still being written, by its name",
        "1 file": "still being written, by its name",
        "1 folder": "not looked into",
        "1 link": "never followed",
        "1 special file": "a pipe, socket or device is never read",
    }
    page = summary_markdown(concluded(night), Attention())
    for name, reason in found.items():
        assert f"| {name} | {reason} |" in page
    assert "Secretname" not in page + str(night.alerts)


async def test_a_file_that_still_grows_is_named_and_waits(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.put(people(2))
    monkeypatch.setenv("JOBMOJITO_INBOX_NEEDS_MARKERS", "true")

    night = await nights.go()

    [left] = concluded(night).left_aside
    assert (left.file, left.reason) == ("people.csv", "its marker NAME.done is not there")


@pytest.mark.skipif(sys.platform != "linux", reason="names are text there")
async def test_an_export_whose_name_is_no_text_is_told_every_night(nights: Nights) -> None:
    """An archive of an old Windows leaves such names; they were passed over without a word."""
    nights.put(people(2))
    for name in (b"Kandid\xe1ti.csv", b"Nov\xe1k.pdf", b"\xe1.csv.part"):
        (nights.box / os.fsdecode(name)).write_bytes((nights.box / "people.csv").read_bytes())

    first, second = await nights.go(), await nights.go(1)

    for night in (first, second):
        [left] = concluded(night).left_aside
        assert left.file == "Kandid?ti.csv"
        assert left.reason.endswith("rename it")
        [alert] = [alert for alert in night.alerts if alert.kind is AlertKind.NEEDS_REPAIR]
        assert "Kandid?ti.csv" in alert.sentence
    assert concluded(first).outcomes[Outcome.INVITED] == 2
    assert (first.exit_code, second.exit_code) == (1, 1)
    assert concluded(first).sentence.endswith("; 1 file of the inbox cannot be taken")
    assert concluded(second).sentence.endswith("; 1 file that cannot be taken")


async def test_the_results_of_several_files_are_one_place_that_page_and_alert_name(
    nights: Nights,
) -> None:
    nights.put([*people(2), a_row("nobody")], "a.csv")
    nights.put(people(2, start=4), "b.csv")

    night = await nights.go()

    place = str(nights.box / "done" / DAY / f"{DAY}.results.csv")
    assert concluded(night).files.results == place
    assert f"| results | {place} |" in summary_markdown(concluded(night), Attention())
    [alert] = night.alerts
    assert f"results: {place}" in alert.facts


IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
AS_OTHERS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if IS_ROOT else []
"""Root reads everything, unless it lets go of that."""


@pytest.mark.skipif(
    os.name == "nt" or (IS_ROOT and shutil.which("setpriv") is None),
    reason="who runs this may open every file",
)
def test_a_file_that_may_not_be_opened_is_named_and_the_others_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBMOJITO_INBOX_STABLE_SECONDS", "0")
    box = tmp_path / "inbox"
    box.mkdir()
    for name, start in (("a.csv", 0), ("b.csv", 2), ("c.csv", 4)):
        write_input(box, people(2, start=start), name)
    (box / "b.csv").chmod(0)
    with RunningSandbox(friendly()) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)

        ended = subprocess.run(
            [*AS_OTHERS, sys.executable, "-m", "jobmojito_batch", "invite", str(box), "--inbox",
             "--yes", "--no-prefect"],
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        emails = {one.candidate.email for one in sandbox.state.enrolments}

    said = " ".join(ended.stderr.split())
    assert "not taken b.csv: cannot be opened: Permission denied" in said, ended.stderr
    assert ended.returncode == 1
    assert emails == {f"p{n}@example.com" for n in (0, 1, 4, 5)}
