"""What works is made of few parts: no constructor takes more than a person can hold in mind."""

import ast
from functools import cache
from pathlib import Path

import jobmojito_batch

ROOT = Path(jobmojito_batch.__file__).parent
MOST = 10
RESULTS = {"Planned", "SelectedInputs"}
"""What a step of a run hands to the next, read by name: records, though something in them works."""


@cache
def classes() -> list[ast.ClassDef]:
    return [
        node
        for file in [*ROOT.rglob("*.py"), *(ROOT.parent / "flows").rglob("*.py")]
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    ]


def written_out(node: ast.ClassDef) -> int | None:
    """The arguments of its own `__init__`, itself left out."""
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            return len(member.args.args) - 1 + len(member.args.kwonlyargs)
    return None


def fields(node: ast.ClassDef) -> list[str]:
    """The annotations of a dataclass's fields that its constructor takes."""
    if not any("dataclass" in ast.unparse(one) for one in node.decorator_list):
        return []
    return [
        ast.unparse(member.annotation)
        for member in node.body
        if isinstance(member, ast.AnnAssign)
        and not (member.value and "init=False" in ast.unparse(member.value))
    ]


@cache
def widths() -> dict[str, int]:
    """
    Arguments by class.

    A dataclass that holds nothing but data is a record, as wide as its table or its message; one
    that holds what works (a class with an `__init__` of its own, a function) is counted.
    """
    found = {node.name: n for node in classes() if (n := written_out(node)) is not None}
    works = {*found, "Callable"}
    for node in classes():
        names = {
            name.id
            for annotation in fields(node)
            for name in ast.walk(ast.parse(annotation))
            if isinstance(name, ast.Name)
        }
        if names & works:
            found[node.name] = len(fields(node))
    return found


def test_no_constructor_takes_more_than_ten_arguments() -> None:
    wide = {name for name, width in widths().items() if width > MOST}

    assert wide <= RESULTS
    assert widths()["SendContext"] == MOST  # it is counted
