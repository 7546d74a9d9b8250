"""The plan, as a person reads it and as a program does."""

from typing import Any

from jobmojito_batch.cli.talk import as_columns, seconds_text
from jobmojito_batch.pipeline import Prepared
from jobmojito_batch.plan import Kind


def plan_lines(prepared: Prepared) -> list[str]:
    """Rows by class, reasons, positions, credits, time, account: the screen before the question."""
    plan = prepared.plan
    rows = [("read", f"{prepared.rows}", f"rows of {', '.join(prepared.sources)}")]
    invalid = _reasons(prepared)
    rows.append(("invalid", f"{plan.counts[Kind.INVALID]}", invalid))
    for kind, name, remark in (
        (Kind.DUPLICATE, "duplicate", "the same invitation as an earlier row"),
        (Kind.ALREADY_DONE, "already done", "in an earlier run"),
        (Kind.UNKNOWN, "unknown", "sent earlier, no trustworthy answer; not sent again"),
        (Kind.UNRESOLVED, "waiting", "their position's first call has no answer yet"),
        (Kind.OVER_LIMIT, "over the limit", "left for the next run"),
    ):
        if plan.counts[kind] or kind in {Kind.DUPLICATE, Kind.ALREADY_DONE}:
            rows.append((name, f"{plan.counts[kind]}", remark if plan.counts[kind] else ""))
    rows.append(("would send", f"{plan.to_send}", _price(prepared)))
    lines = as_columns(rows)
    lines += ["", f"account      {account_line(prepared)}"]
    lines += [f"positions    {plan.positions_to_create} to create, {plan.positions_to_reuse} known"]
    lines += [f"note         {note}" for note in prepared.notes]
    lines += [f"warning      {warning}" for warning in plan.warnings]
    return lines


def account_line(prepared: Prepared) -> str:
    """Where the calls go: a wrong token, not a wrong address, sends test rows to live."""
    merchant = f", merchant {prepared.merchant}" if prepared.merchant else ""
    settings = prepared.settings
    return f"{settings.base_url}{merchant}, environment {settings.environment}"


def _reasons(prepared: Prepared) -> str:
    planned = {"duplicate_row", "unsettled", "position_unresolved", "limit_reached"}
    return ", ".join(
        f"{code.replace('_', ' ')} {count}"
        for code, count in prepared.reasons.items()
        if code not in planned
    )


def _price(prepared: Prepared) -> str:
    plan = prepared.plan
    if plan.to_send == 0:
        return ""
    return f"about {plan.credits:g} credits, about {seconds_text(plan.seconds)}"


def plan_json(prepared: Prepared) -> dict[str, Any]:
    """The plan for programs: counts and ids only."""
    plan = prepared.plan
    return {
        "schema_version": 1,
        "sources": prepared.sources,
        "environment": prepared.settings.environment,
        "base_url": prepared.settings.base_url,
        "rows": prepared.rows,
        "classes": {kind.value: count for kind, count in plan.counts.items()},
        "reasons": prepared.reasons,
        "would_send": plan.to_send,
        "positions": {"to_create": plan.positions_to_create, "known": plan.positions_to_reuse},
        "credits_estimated": plan.credits,
        "expected_seconds": round(plan.seconds, 1),
        "notes": list(prepared.notes),
        "warnings": list(plan.warnings),
    }
