"""The README's table of fields, generated from the request model."""

import types
import typing
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from jobmojito_batch.contract import LANGUAGE_CODES, POSITION_CORE, REQUIRED_ALWAYS, CreateRequest

README = Path(__file__).parents[1] / "README.md"
START = "<!-- fields: written by `python -m tests.readme`, checked by tests/unit/test_readme.py -->"
END = "<!-- end of fields -->"


def field_table() -> str:
    """One line per member: name, needed, values, meaning."""
    lines = ["| field | needed | value | meaning |", "| --- | --- | --- | --- |"]
    for name, field in CreateRequest.model_fields.items():
        lines.append(f"| {name} | {_needed(name)} | {_value(field)} | {field.description} |")
    return "\n".join(lines)


def with_table(text: str) -> str:
    """The README with its table written anew."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{field_table()}\n\n{END}{after}"


def _needed(name: str) -> str:
    if name in REQUIRED_ALWAYS:
        return "always"
    return "without id" if name in POSITION_CORE else ""


def _value(field: FieldInfo) -> str:
    kinds = [one for one in typing.get_args(field.annotation) if one is not types.NoneType]
    kind: typing.Any = kinds[0] if kinds else field.annotation
    if str(kind).startswith("typing.Literal"):
        choices = typing.get_args(kind)
        return f"one of {len(choices)} codes" if choices == LANGUAGE_CODES else ", ".join(choices)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"JSON object: {', '.join(kind.model_fields)}"
    name = {str: "text", bool: "yes or no", int: "whole number", float: "number"}.get(
        kind, "JSON object" if typing.get_origin(kind) is dict else "list"
    )
    bounds = [
        f"{getattr(rule, key):g}"
        for rule in field.metadata
        for key in ("ge", "le")
        if hasattr(rule, key)
    ]
    return f"{name} {' to '.join(bounds)}".strip()


if __name__ == "__main__":
    README.write_text(with_table(README.read_text("utf-8")), "utf-8")
