"""Which column of each table is which field, and what changed since a mapping was saved."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from jobmojito_batch.columns import are_results
from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.intake import input_faults
from jobmojito_batch.normalise import (
    Changed,
    changed_headers,
    column_roles,
    half_names,
    map_headers,
    missing_columns,
    overrides_for,
    shortened,
)
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.records import HeaderMap, InputDoubt, Table

MOST_HEADERS: Final = 6
"""Headers that are named in one sentence."""


def are_of_candidates(headers: Sequence[str], parameters: InviteParameters) -> bool:
    """Whether a candidate's e-mail is among the headers, as in an export without rows."""
    try:
        mapping = map_headers(headers, overrides=overrides_for(headers, parameters.mapping))
    except (InputError, SettingsError):
        return False
    return "candidate_email" in mapping.fields


def mappings_of(
    tables: Sequence[Table],
    overrides: Mapping[str, str],
    used: Collection[str],
    *,
    may_not_fit: bool,
) -> list[HeaderMap]:
    """Each table by the overrides that it has the headers of; each but *used* has to fit some."""
    own = [overrides_for(table.headers, overrides) for table in tables]
    if may_not_fit:
        return [_mapping(table, mine) for table, mine in zip(tables, own, strict=True)]
    if unused := overrides.keys() - set().union(used, *own):
        own[0] |= {header: overrides[header] for header in unused}  # map_headers says what is wrong
    return [_mapping(table, mine) for table, mine in zip(tables, own, strict=True)]


def _mapping(table: Table, overrides: Mapping[str, str]) -> HeaderMap:
    try:
        return map_headers(table.headers, overrides=overrides)
    except InputError as exc:
        raise InputError(f"{table.source}: {exc}") from None


def header_doubts(
    tables: Sequence[Table],
    mappings: Sequence[HeaderMap],
    parameters: InviteParameters,
    given_elsewhere: Collection[str],
) -> tuple[InputDoubt, ...]:
    """What tables and headers leave open, and columns that rows need and nobody gives."""
    doubts: list[InputDoubt] = []
    for table, mapping in zip(tables, mappings, strict=True):
        with input_faults(table.source):
            doubts += table.doubts
            doubts += (replace(doubt, source=table.source) for doubt in mapping.doubts)
            if not are_results(table.headers):  # they hold no résumés, and most is done
                doubts += missing_columns(table, mapping, given_elsewhere)
                doubts += half_names(table, mapping, given_elsewhere)
        doubts += _changed_since(table, mapping, parameters)
    return tuple(doubts)


def hold_to_headers(
    tables: Sequence[Table], parameters: InviteParameters, *, is_alone: bool
) -> None:
    """Raises InputError where a file has not the headers of the mapping."""
    for table in tables:
        known = parameters.known_headers
        if not known:  # written by hand: it may be about several files
            others = [header for other in tables if other is not table for header in other.headers]
            others += parameters.mapping.keys() - set(table.headers) if is_alone else []
            theirs = overrides_for(others, parameters.mapping)
            known = [[header for header in parameters.mapping if header not in theirs]]
        changed = changed_headers(table.headers, known, parameters.mapping)
        if changed is not None:
            raise InputError(
                f"{table.source}: its headers are not those of the mapping, which is frozen: "
                f"{_differences(changed, parameters.mapping)}; correct the export, or look at it "
                "with `check` without --freeze-mapping and keep what is right with --save-mapping"
            )


def _changed_since(
    table: Table, mapping: HeaderMap, parameters: InviteParameters
) -> Iterator[InputDoubt]:
    """A file whose headers changed since the mapping was saved."""
    changed = changed_headers(table.headers, parameters.known_headers, parameters.mapping)
    if changed is not None:
        roles = dict(column_roles(table.headers, mapping))
        yield InputDoubt(
            kind="headers",
            source=table.source,
            sentence="its headers changed since the mapping was saved: "
            f"{_differences(changed, {**roles, **parameters.mapping})}",
            option="look at what each column is; where that is right, keep it: `check` with "
            "--mapping FILE and --save-mapping FILE",
        )


def _differences(changed: Changed, roles: Mapping[str, str]) -> str:
    """`'Mail' (carried) is new, 'E-mail' (candidate_email) is gone`."""
    parts = []
    for headers, what in ((changed.new, "new"), (changed.gone, "gone")):
        named = [
            f"'{shortened(header)}'" + (f" ({roles[header]})" if roles.get(header) else "")
            for header in headers[:MOST_HEADERS]
        ]
        more = f" and {len(headers) - MOST_HEADERS} more" if len(headers) > MOST_HEADERS else ""
        if headers:
            verb = "is" if len(headers) == 1 else "are"
            parts.append(f"{', '.join(named)}{more} {verb} {what}")
    return ", ".join(parts)
