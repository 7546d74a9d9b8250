"""The plan, as a person reads it and as a program does."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from jobmojito_batch.cli.talk import as_columns, seconds_text
from jobmojito_batch.pipeline import InputView, Prepared, Reason
from jobmojito_batch.plan import Kind
from jobmojito_batch.records import Detected, InputDoubt

_SHOWN_REASONS: Final = 6
_SHOWN_NAMES: Final = 8
_DELIMITERS: Final = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe"}


def plan_lines(prepared: Prepared, *, quotes_cells: bool) -> list[str]:
    """
    What was read as what, rows by class, what is wrong, positions, credits, time, account.

    *quotes_cells* adds the first faulty rows, whose messages quote the cells at fault: for the eyes
    of somebody who asked, not for a log.
    """
    lines = [line for view in prepared.inputs.views for line in _input_lines(view)]
    lines += ["", *_class_lines(prepared)]
    lines += _reason_lines(prepared)
    lines += _first_faulty(prepared) if quotes_cells else []
    lines += ["", f"account      {account_line(prepared)}"]
    lines += [f"positions    {_positions_line(prepared)}"]
    lines += [f"note         {note}" for note in prepared.inputs.notes]
    lines += [f"warning      {warning}" for warning in _warnings(prepared)]
    lines += _doubt_lines(prepared.doubts)
    return lines


def _doubt_lines(doubts: Sequence[InputDoubt]) -> list[str]:
    """What the plan is not sure of, last, where it is read: what it is, and what settles it."""
    lines = []
    for doubt in doubts:
        where = f"{doubt.source}: " if doubt.source else ""
        rows = f", row{'s' if len(doubt.rows) > 1 else ''} {', '.join(map(str, doubt.rows))}"
        lines.append(f"{'in doubt' if doubt.holds else 'warning':<13}{where}{doubt.sentence}")
        lines.append(f"             {doubt.option}{rows if doubt.rows else ''}")
    return lines


def account_line(prepared: Prepared) -> str:
    """Where the calls go: a wrong token, not a wrong address, sends test rows to live."""
    merchant = f", merchant {prepared.merchant}" if prepared.merchant else ""
    settings = prepared.settings
    return f"{settings.base_url}{merchant}, environment {settings.environment}"


def _input_lines(view: InputView) -> list[str]:
    """How a file was read, and header → field for every column of it."""
    lines = [f"{view.source}: {detected_text(view.detected)}"]
    named = [(header or "(no header)", role) for header, role in view.columns]
    claimed = [(header, role) for header, role in named if role not in {"carried", "ignored"}]
    width = max((len(header) for header, _ in claimed), default=0)
    lines += [f"  {header:<{width}} → {role}" for header, role in claimed]
    for what in ("carried", "ignored"):
        headers = [header for header, role in named if role == what]
        if headers:
            lines.append(f"  {what}: {', '.join(headers)}")
    return lines


def detected_text(detected: Detected) -> str:
    """What reading found out, in a few words."""
    facts = [detected.kind]
    if detected.encoding is not None:
        facts.append(detected.encoding)
    if detected.delimiter is not None:
        facts.append(_DELIMITERS.get(detected.delimiter, f"delimiter {detected.delimiter}"))
    if detected.sheet is not None:
        facts.append(f"sheet '{detected.sheet}'")
    if detected.header_row is not None:
        facts.append(f"header in row {detected.header_row}")
    return ", ".join(facts)


def _class_lines(prepared: Prepared) -> list[str]:
    plan = prepared.plan
    rows = [("read", f"{prepared.rows}", f"rows of {', '.join(prepared.sources)}")]
    rows.append(("invalid", f"{plan.counts[Kind.INVALID]}", _reasons(prepared)))
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
    return as_columns(rows)


def _reasons(prepared: Prepared) -> str:
    planned = {"duplicate_row", "unsettled", "position_unresolved", "limit_reached"}
    return ", ".join(
        f"{code.replace('_', ' ')} {count}"
        for code, count in prepared.reasons.items()
        if code not in planned
    )


def _reason_lines(prepared: Prepared) -> list[str]:
    """The commonest reasons, with rows to look at."""
    reasons = prepared.preview.reasons
    if not reasons:
        return []
    has_one_source = len(prepared.sources) == 1
    lines = ["", "what is wrong"]
    lines += as_columns(
        [
            (
                f"  {reason.code} {reason.field}",
                f"{reason.count}",
                _examples(reason, has_one_source=has_one_source),
            )
            for reason in reasons[:_SHOWN_REASONS]
        ]
    )
    if len(reasons) > _SHOWN_REASONS:
        lines.append(f"  … and {len(reasons) - _SHOWN_REASONS} more reasons")
    return lines


def _first_faulty(prepared: Prepared) -> list[str]:
    rows = prepared.preview.first_faulty
    if not rows:
        return []
    has_one_source = len(prepared.sources) == 1
    titles = [f"row {row.row}" if has_one_source else f"{row.source} row {row.row}" for row in rows]
    width = max(map(len, titles))
    lines = ["", "the first rows to correct"]
    for title, row in zip(titles, rows, strict=True):
        lines += [f"  {title:<{width}}  {fault.message}" for fault in row.faults]
    return lines


def _examples(reason: Reason, *, has_one_source: bool) -> str:
    shown = [f"{row}" if has_one_source else f"{source} {row}" for source, row in reason.examples]
    more = ", …" if reason.count > len(shown) else ""
    return f"row{'s' if reason.count > 1 else ''} {', '.join(shown)}{more}"


def _positions_line(prepared: Prepared) -> str:
    names = prepared.position_names
    plan = prepared.plan
    text = f"{plan.positions_to_create} to create"
    if names:
        more = f", … ({len(names)})" if len(names) > _SHOWN_NAMES else ""
        text += f" ({', '.join(names[:_SHOWN_NAMES])}{more})"
    return f"{text}, {plan.positions_to_reuse} known"


def _warnings(prepared: Prepared) -> list[str]:
    found = [*prepared.account_warnings, *prepared.plan.warnings, *prepared.preview.warnings]
    found = [one for one in (prepared.lost_ledger, prepared.volume_doubt) if one] + found
    return [*(f"cannot be read: {file.text}" for file in prepared.unreadable_files), *found]


def _price(prepared: Prepared) -> str:
    plan = prepared.plan
    if plan.to_send == 0:
        return ""
    left = prepared.account.credits_left if prepared.account else None
    balance = f" of {left:g}" if left is not None else ""
    return f"about {plan.credits:g}{balance} credits, about {seconds_text(plan.seconds)}"


def plan_json(prepared: Prepared) -> dict[str, Any]:
    """The plan for programs: what the screen shows, no person in it."""
    plan, preview = prepared.plan, prepared.preview
    return {
        "schema_version": 1,
        "sources": prepared.sources,
        "environment": prepared.settings.environment,
        "base_url": prepared.settings.base_url,
        "inputs": [
            {
                "source": view.source,
                "detected": asdict(view.detected),
                "columns": [{"header": header, "field": role} for header, role in view.columns],
                "notes": list(view.notes),
            }
            for view in prepared.inputs.views
        ],
        "rows": prepared.rows,
        "classes": {kind.value: count for kind, count in plan.counts.items()},
        "reasons": prepared.reasons,
        "faults": [
            {
                "error_code": reason.code,
                "error_field": reason.field or None,
                "rows": reason.count,
                "examples": [{"source": source, "row": row} for source, row in reason.examples],
            }
            for reason in preview.reasons
        ],
        "first_faulty_rows": [
            {
                "source": faulty.source,
                "row": faulty.row,
                "faults": [
                    {
                        "error_code": fault.code,
                        "error_field": fault.field or None,
                        "error_message": fault.message,
                    }
                    for fault in faulty.faults
                ],
            }
            for faulty in preview.first_faulty
        ],
        "would_send": plan.to_send,
        "positions": {
            "to_create": plan.positions_to_create,
            "known": plan.positions_to_reuse,
            "names_to_create": list(prepared.position_names),
        },
        "credits_estimated": plan.credits,
        "credits_left": prepared.account.credits_left if prepared.account else None,
        "expected_seconds": round(plan.seconds, 1),
        "notes": list(prepared.inputs.notes),
        "warnings": _warnings(prepared),
        "doubts": [asdict(doubt) for doubt in prepared.doubts],
    }
