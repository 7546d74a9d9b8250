"""Who is new tonight, as counts by position: ids, no names."""

import json
from pathlib import Path

import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.flows.artifacts import MOST_POSITIONS, summary_markdown
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import Attention, RunObserver, RunResult, run_steps
from jobmojito_batch.sandbox import Fault, RunningSandbox
from tests.helpers import Run, a_row, a_summary, friendly, people, write_input


async def night(path: Path) -> RunResult:
    return await run_steps(InviteParameters(inputs=[str(path)], settle=False), RunObserver())


async def test_new_people_are_counted_by_the_id_of_their_position(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of the night before are not new; one that failed is nobody's interview."""
    fault = Fault(email="p9@example.com", status=422)
    with RunningSandbox(friendly(faults=(fault,))) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        monkeypatch.setenv("JOBMOJITO_NOTIFY_ON", "report,needs_repair,recovered")
        await night(write_input(tmp_path, people(2)))
        rows = [*people(3), *people(2, position="Cook", start=5), *people(1, start=9)]
        rows.append(a_row("nobody"))

        result = await night(write_input(tmp_path, rows))

        ids = {one.name: one.id for one in sandbox.state.positions.values()}
    summary = result.concluded
    assert summary.new_by_position == {ids["Cook"]: 2, ids["Nurse"]: 1}
    assert run.summary["new_by_position"] == summary.new_by_position
    page = summary_markdown(summary, Attention())
    assert f"| {ids['Cook']} | 2 |" in page
    [alert] = result.alerts
    assert f"new people: 2 at {ids['Cook']}, 1 at {ids['Nurse']}" in alert.facts
    for word in ("Nurse", "Cook", "@example.com"):
        assert word not in page + str(alert) + json.dumps(run.summary)
    capsys.readouterr()
    main(["results", summary.run_id, "-o", str(tmp_path / "again.csv"), "--json"])
    again = json.loads(capsys.readouterr().out)
    assert again["new_by_position"] == summary.new_by_position


def test_a_page_names_the_first_positions_and_counts_the_others() -> None:
    counts = {f"id-{n}": 100 - n for n in range(MOST_POSITIONS + 2)}

    page = summary_markdown(a_summary(new_by_position=counts), Attention())

    assert f"| id-{MOST_POSITIONS - 1} | {101 - MOST_POSITIONS} |" in page
    assert f"| 2 more positions | {199 - 2 * MOST_POSITIONS} |" in page
    assert f"id-{MOST_POSITIONS} " not in page
