"""`status`: what the ledger tells of runs and invitations."""

from datetime import UTC
from typing import Any

from rich.table import Table

from jobmojito_batch.cli.talk import out, plain, print_json
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.settings import Settings


def show_status(settings: Settings, *, as_json: bool) -> None:
    """Runs, newest first, and invitations by outcome."""
    ledger = Ledger.open_existing(settings.ledger_url)
    if ledger is None:
        found: dict[str, Any] = {"runs": [], "invitations": {}}
    else:
        try:
            found = _found(ledger)
        finally:
            ledger.close()
    if as_json:
        print_json(found)
        return
    if not found["runs"]:
        out().print("no runs yet")
        return
    out().print(_runs_table(found["runs"]))
    counts = ", ".join(f"{name} {count}" for name, count in found["invitations"].items())
    out().print(f"invitations: {counts or 'none'}")


def _found(ledger: Ledger) -> dict[str, Any]:
    return {
        "runs": [
            {
                "run_id": run.run_id,
                "state": _state(ledger, run),
                "environment": run.environment,
                "started_at": run.started_at.replace(tzinfo=UTC).isoformat(),
                "exit_code": run.exit_code,
                "rows": run.rows,
                "outcomes": {key.value: n for key, n in ledger.outcomes(run.run_id).items()},
            }
            for run in ledger.runs()
        ],
        "invitations": ledger.invitation_counts(),
    }


def _state(ledger: Ledger, run: Any) -> str:  # noqa: ANN401 - a row of the ledger
    if run.state == "running" and not ledger.is_running(run):
        return "crashed"
    return str(run.state)


def _runs_table(runs: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("run", "started", "environment", "state", "exit", "rows", "outcomes"):
        table.add_column(name, justify="right" if name in {"exit", "rows"} else "left")
    for run in runs:
        counts = ", ".join(f"{name} {count}" for name, count in run["outcomes"].items())
        table.add_row(
            run["run_id"], run["started_at"][:19].replace("T", " "), run["environment"],
            run["state"], plain(run["exit_code"]), str(run["rows"]), counts,
        )  # fmt: skip
    return table
