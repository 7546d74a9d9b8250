"""Canonical text → the typed values of the request."""

import json
from collections.abc import Callable, Mapping
from typing import Final

from pydantic import ValidationError

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.normalise.fields import BOOLEANS, MEMBERS, NUMBERS, OBJECTS, TAGS
from jobmojito_batch.records import Fault

_TYPES: Final[dict[str, Callable[[str], object]]] = {
    **{field: int if bounds.whole else float for field, bounds in NUMBERS.items()},
    **dict.fromkeys(BOOLEANS, "true".__eq__),
    **dict.fromkeys((*OBJECTS, TAGS), json.loads),
}


def to_members(row: Mapping[str, str | None]) -> dict[str, object]:
    """
    The request members of a canonical row that have a value, in the contract's order.

    A row without faults passes CreateRequest; other columns of the row are left alone.
    """
    return {
        field: _TYPES.get(field, str)(text)
        for field in MEMBERS
        if (text := row.get(field)) is not None
    }


def fault_in(refusal: ValidationError) -> Fault:
    """What the request model says of a row that no rule refused; it quotes no value."""
    first = refusal.errors(include_input=False, include_url=False)[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    return Fault(
        code=ErrorCode.INVALID_VALUE.value,
        field=field,
        message=f"{field}: {first['msg']}; correct the cell",
    )
