"""`status`: what the ledger tells of runs and invitations."""

from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from jobmojito_batch.cli.talk import out, plain, print_json, seconds_text
from jobmojito_batch.ledger import ClaimState, Doubted, Ledger
from jobmojito_batch.settings import Settings


def show_status(settings: Settings, *, as_json: bool) -> None:
    """Runs, newest first, and invitations by outcome."""
    ledger = Ledger.open_existing(settings.ledger_url)
    if ledger is None:
        found: dict[str, Any] = {"runs": [], "invitations": {}, "doubts": []}
    else:
        try:
            found = _found(ledger, settings)
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
    for line in _doubt_lines(found["doubts"]):
        out().print(line, markup=False)


def _doubt_lines(doubts: list[dict[str, Any]]) -> list[str]:
    """What is unknown, for how long, and what will happen to it."""
    unknown = [one for one in doubts if one["state"] == "unknown"]
    in_flight = [one for one in doubts if one["state"] == "in_flight"]
    crashed = [one for one in doubts if one["state"] == "crashed"]
    lines = []
    if unknown:
        oldest = max(one["age_seconds"] for one in unknown)
        waiting = sum(not one["may_be_settled"] for one in unknown)
        lines.append(
            f"unknown: {len(unknown)}, the oldest for {seconds_text(oldest)}. They are never sent "
            "again blind: the next run that has their rows, or `jobmojito-batch reconcile`, looks "
            "them up"
            + (f"; {waiting} may still take effect, so that waits for them" if waiting else "")
        )
    if crashed:
        lines.append(
            f"crashed: {len(crashed)} calls were under way when their process died; the next run "
            "or reconcile settles them"
        )
    if in_flight:
        lines.append(f"in flight: {len(in_flight)}, a living process is sending them")
    return lines


def _found(ledger: Ledger, settings: Settings) -> dict[str, Any]:
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
        "doubts": [_doubt(one, settings) for one in ledger.doubts()],
    }


def _doubt(one: Doubted, settings: Settings) -> dict[str, Any]:
    """A doubt without a person in it."""
    age = (datetime.now(UTC) - one.unknown_since.replace(tzinfo=UTC)).total_seconds()
    state = "unknown" if one.state is ClaimState.UNKNOWN else "crashed"
    return {
        "run_id": one.run_id,
        "state": "in_flight" if one.is_held else state,
        "error_code": one.error_code,
        "age_seconds": round(age, 1),
        "may_be_settled": age >= settings.settle_seconds,
    }


def _state(ledger: Ledger, run: Any) -> str:  # noqa: ANN401 - a row of the ledger
    if run.state == "running" and not ledger.is_running(run):
        return "crashed"
    return str(run.state)


def _runs_table(runs: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("run", "started (UTC)", "environment", "state", "exit", "rows", "outcomes"):
        table.add_column(name, justify="right" if name in {"exit", "rows"} else "left")
    for run in runs:
        counts = ", ".join(f"{name} {count}" for name, count in run["outcomes"].items())
        table.add_row(
            run["run_id"], run["started_at"][:19].replace("T", " "), run["environment"],
            run["state"], plain(run["exit_code"]), str(run["rows"]), counts,
        )  # fmt: skip
    return table
