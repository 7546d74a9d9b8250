"""The fronts of packages (decision 0024): each name that a stub gives is that of its module."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

import jobmojito_batch

PACKAGE = Path(jobmojito_batch.__file__).parent
STUBS = sorted(PACKAGE.rglob("__init__.pyi"))


def _names_by_module(stub: Path) -> dict[str, str]:
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    return {
        alias.name: f".{statement.module}"
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }


@pytest.mark.parametrize("stub", STUBS, ids=lambda stub: stub.parent.name)
def test_each_name_of_a_front_is_that_of_its_module(stub: Path) -> None:
    package = ".".join(("jobmojito_batch", *stub.parent.relative_to(PACKAGE).parts))
    front = import_module(package)
    for name, module in _names_by_module(stub).items():
        assert getattr(front, name) is getattr(import_module(module, package), name)


def test_there_are_fronts_to_ask() -> None:
    assert {"pipeline", "ledger", "sending"} <= {stub.parent.name for stub in STUBS}
