"""The plan, as a person reads it and as a program does."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from jobmojito_batch.cli.console import as_columns, seconds_text
from jobmojito_batch.columns import REHEARSAL
from jobmojito_batch.pipeline import Coverage, InputView, Planned, PreparedRun, Reason
from jobmojito_batch.plan import Kind
from jobmojito_batch.records import Detected, InputDoubt

_SHOWN_REASONS: Final = 6
_SHOWN_NAMES: Final = 8
_INDENT: Final = " " * 13
_DELIMITERS: Final = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe"}


def plan_lines(run: PreparedRun, *, quotes_cells: bool) -> list[str]:
    """
    How the files were read, positions, and last what a person decides by.

    That is rows by class, what is wrong, warnings, doubts, cost, account. *quotes_cells* adds the
    first faulty rows, whose messages quote the cells at fault: for the eyes of somebody who asked,
    not for a log.
    """
    planned = run.planned
    lines = [line for view in planned.inputs.all_views for line in _input_lines(view)]
    lines += [f"note         {note}" for note in planned.inputs.notes]
    if planned.inputs.resumes is not None:
        lines += _resume_lines(planned.inputs.resumes, names_people=quotes_cells)
    lines += [f"positions    {_positions_line(planned)}"]
    lines += ["", *_class_lines(planned)]
    lines += _reason_lines(planned)
    lines += _first_faulty(planned) if quotes_cells else []
    lines += ["", *(f"warning      {warning}" for warning in _warnings(run))]
    lines += _doubt_lines(planned.doubts, quotes_cells=quotes_cells)
    lines += [f"cost         {_price(planned)}"] if planned.plan.to_send else []
    return [*lines, f"account      {account_line(planned)}"]


def _doubt_lines(doubts: Sequence[InputDoubt], *, quotes_cells: bool) -> list[str]:
    """What the plan is not sure of, last, where it is read: what it is, and what settles it."""
    lines = []
    for doubt in doubts:
        where = f"{doubt.source}: " if doubt.source else ""
        rows = f", row{'s' if len(doubt.rows) > 1 else ''} {', '.join(map(str, doubt.rows))}"
        lines.append(f"{'in doubt' if doubt.holds else 'warning':<13}{where}{doubt.sentence}")
        lines += [f"{_INDENT}{example}" for example in doubt.examples if quotes_cells]
        lines.append(f"{_INDENT}{doubt.option}{rows if doubt.rows else ''}")
    return lines


def _resume_lines(coverage: Coverage, *, names_people: bool) -> list[str]:
    """Who has a résumé; the names of people and files for whom may see them."""
    parts = [
        f"{count} {text}"
        for count, text in (
            (coverage.in_table, "in the table"),
            (coverage.named, "named in the table"),
            (coverage.found, "found by name"),
            (coverage.unread, "of a kind that is not read"),
            (coverage.without, f"{_people(coverage.without)} without"),
            (coverage.in_doubt, f"{_people(coverage.in_doubt)} in doubt"),
            (coverage.unclaimed, f"file{'s' * (coverage.unclaimed != 1)} nobody claims"),
            (coverage.shared, "for two people"),
            (coverage.spare, f"file{'s' * (coverage.spare != 1)} not needed"),
            (coverage.others, f"file{'s' * (coverage.others != 1)} of other kinds"),
            (coverage.unseen, "not looked at (links out of the folder, folders too deep)"),
        )
        if count or text in {"found by name", "people without", "files nobody claims"}
    ]
    lines = [f"résumés      {', '.join(parts)}"]
    if not names_people:
        return lines
    for place, person in enumerate(coverage.people_without):
        near = f" ~ {coverage.near[place]}" if place in coverage.near else ""
        lines.append(f"  without    {person.text}{near}")
    lines += _more(coverage.without, len(coverage.people_without))
    if coverage.near:
        lines.append("  ~          may be meant: rename it, or name it in candidate_resume_file")
    lines += [f"  in doubt   {file}: {', '.join(people)}" for file, *people in coverage.contested]
    lines += [f"  nobody's   {name}" for name in coverage.files_unclaimed]
    lines += _more(coverage.unclaimed, len(coverage.files_unclaimed))
    return lines + [f"  not needed {name}" for name in coverage.files_spare]


def _people(count: int) -> str:
    return "person" if count == 1 else "people"


def _more(count: int, shown: int) -> list[str]:
    return [f"{_INDENT}… and {count - shown} more"] if count > shown else []


def account_line(planned: Planned) -> str:
    """Where the calls go: a wrong token, not a wrong address, sends test rows to live."""
    own = planned.accounts.merchant
    merchant = f", merchant {own}" if own else ""
    settings = planned.settings
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


def _class_lines(planned: Planned) -> list[str]:
    plan = planned.plan
    rows = [
        (
            "read",
            f"{planned.rows}",
            f"row{'s' * (planned.rows != 1)} of {', '.join(planned.sources)}",
        )
    ]
    rows.append(("invalid", f"{plan.counts[Kind.INVALID]}", _reasons(planned)))
    for kind, name, remark in (
        (Kind.DUPLICATE, "duplicate", "the same invitation as an earlier row"),
        (Kind.ALREADY_DONE, "already done", "in an earlier run"),
        (Kind.UNKNOWN, "unknown", "sent earlier, no trustworthy answer; not sent again"),
        (Kind.UNRESOLVED, "waiting", "their position's first call has no answer yet"),
        (Kind.OVER_LIMIT, "over the limit", "left for the next run"),
    ):
        if plan.counts[kind] or kind in {Kind.DUPLICATE, Kind.ALREADY_DONE}:
            rows.append((name, f"{plan.counts[kind]}", remark if plan.counts[kind] else ""))
    rows.append(("would send", f"{plan.to_send}", ""))
    return as_columns(rows)


def _reasons(planned: Planned) -> str:
    by_plan = {"duplicate_row", "unsettled", "position_unresolved", "limit_reached"}
    return ", ".join(
        f"{code.replace('_', ' ')} {count}"
        for code, count in planned.reasons.items()
        if code not in by_plan
    )


def _reason_lines(planned: Planned) -> list[str]:
    """All faults, the commonest first, with rows to look at; a row may have several."""
    reasons = planned.preview.reasons
    if not reasons:
        return []
    has_one_source = len(planned.sources) == 1
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


def _first_faulty(planned: Planned) -> list[str]:
    """The faults of the first rows, save what no column gives, which is said once for all."""
    lacking = {(doubt.source, doubt.lacks) for doubt in planned.doubts if doubt.lacks}
    has_one_source = len(planned.sources) == 1
    told = [
        (f"row {row.row}" if has_one_source else f"{row.source} row {row.row}", fault.message)
        for row in planned.preview.first_faulty
        for fault in row.faults
        if (row.source, fault.field) not in lacking
    ]
    width = max((len(title) for title, _ in told), default=0)
    lines = [f"  {title:<{width}}  {message}" for title, message in told]
    return ["", "the first rows to correct", *lines] if lines else []


def _examples(reason: Reason, *, has_one_source: bool) -> str:
    shown = [f"{row}" if has_one_source else f"{source} {row}" for source, row in reason.examples]
    more = ", …" if reason.count > len(shown) else ""
    return f"row{'s' if reason.count > 1 else ''} {', '.join(shown)}{more}"


def _positions_line(planned: Planned) -> str:
    names = planned.position_names
    plan = planned.plan
    text = f"{plan.positions_to_create} to create"
    if names:
        more = f", … ({len(names)})" if len(names) > _SHOWN_NAMES else ""
        text += f" ({', '.join(names[:_SHOWN_NAMES])}{more})"
    return f"{text}, {plan.positions_to_reuse} known"


def _warnings(run: PreparedRun) -> list[str]:
    planned = run.planned
    of_plan = [*planned.accounts.warnings, *planned.plan.warnings, *planned.preview.warnings]
    return [*run.warnings, *of_plan]


def _price(planned: Planned) -> str:
    plan = planned.plan
    left = planned.accounts.own_credits_left
    balance = f" of {left:g}" if left is not None else ""
    learned = f" (as {plan.learned_from} rows like these really cost)" if plan.learned_from else ""
    return f"about {plan.credits:g}{balance} credits{learned}, about {seconds_text(plan.seconds)}"


def sending_question(planned: Planned) -> str:
    """What a person says yes to: what is created for whom, for ever, and who writes to them."""
    plan, people = planned.plan, planned.people_to_send
    if planned.settings.environment == REHEARSAL:
        return (
            "\nThis is a rehearsal: all of it happens on this machine, nothing is created and "
            f"nothing is spent.\n{_beginning(planned)}Rehearse {plan.to_send} "
            f"interview{'s' * (plan.to_send != 1)}?"
        )
    interviews = f"{plan.to_send} interview{'s' * (plan.to_send != 1)}"
    created = plan.positions_to_create
    positions = f", and {created} position{'s' * (created != 1)}" if created else ""
    return (
        f"\nThis creates {interviews} for {people} {_people(people)}{positions}, in JobMojito. It "
        "cannot be taken back.\nJobMojito may write to them by itself, as your account is set up; "
        "this program writes to nobody: the links come to you.\n"
        f"{_beginning(planned)}Create {interviews} for about {plan.credits:g} credits?"
    )


def _beginning(planned: Planned) -> str:
    first = planned.parameters.first
    if first is None or first >= planned.plan.to_send:
        return ""
    return f"The first {first} go alone, and you are asked again before the others.\n"


def _doubt_json(doubt: InputDoubt) -> dict[str, Any]:
    return {
        name: value for name, value in asdict(doubt).items() if name not in {"examples", "lacks"}
    }


def plan_json(run: PreparedRun) -> dict[str, Any]:
    """The plan for programs: what the screen shows, no person in it."""
    planned = run.planned
    plan, preview = planned.plan, planned.preview
    return {
        "schema_version": 1,
        "sources": planned.sources,
        "environment": planned.settings.environment,
        "base_url": planned.settings.base_url,
        "inputs": [
            {
                "source": view.source,
                "detected": asdict(view.detected),
                "columns": [{"header": header, "field": role} for header, role in view.columns],
                "notes": list(view.notes),
            }
            for view in planned.inputs.all_views
        ],
        "rows": planned.rows,
        "classes": {kind.value: count for kind, count in plan.counts.items()},
        "reasons": planned.reasons,
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
            "names_to_create": list(planned.position_names),
        },
        "credits_estimated": plan.credits,
        "credits_learned_from": plan.learned_from,
        "credits_left": planned.accounts.own_credits_left,
        "expected_seconds": round(plan.seconds, 1),
        "notes": list(planned.inputs.notes),
        "resumes": resumes.counts if (resumes := planned.inputs.resumes) is not None else None,
        "warnings": _warnings(run),
        "doubts": [_doubt_json(doubt) for doubt in planned.doubts],
    }
