"""The house as it is built: how many rooms one knows, and how much one is handed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import jobmojito_batch

PACKAGE = Path(jobmojito_batch.__file__).parent
ROOT = PACKAGE.parent
MOST_MODULES = 12
MOST_ARGUMENTS = 10


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {_name(path): path for path in PACKAGE.rglob("*.py")}
FRONTS = {
    _name(stub): {
        alias.name
        for statement in ast.parse(stub.read_text(encoding="utf-8")).body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    for stub in PACKAGE.rglob("__init__.pyi")
}
"""What a package's front gives; a name of it may be a module's, too (`pipeline.deliver`)."""


def _known_to(path: Path) -> set[str]:
    """The modules of ours that one imports, wherever in it; what a front gives is the front's."""
    known = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jobmojito_batch"):
            package = str(node.module)
            for alias in node.names:
                module = f"{package}.{alias.name}"
                is_module = module in MODULES and alias.name not in FRONTS.get(package, ())
                known.add(module if is_module else package)
    return known - {_name(path)}


def _constructors() -> Iterator[tuple[str, int]]:
    for path in MODULES.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                for part in node.body:
                    if isinstance(part, ast.FunctionDef) and part.name == "__init__":
                        arguments = part.args.args[1:] + part.args.kwonlyargs
                        yield f"{_name(path)}.{node.name}", len(arguments)


def test_no_module_knows_more_than_twelve_of_ours() -> None:
    known = {name: _known_to(path) for name, path in MODULES.items()}
    assert len(known) > 100
    assert {name: len(of) for name, of in known.items() if len(of) > MOST_MODULES} == {}


def test_no_constructor_takes_more_than_ten_arguments() -> None:
    taken = dict(_constructors())
    assert len(taken) > 10
    assert {name: count for name, count in taken.items() if count > MOST_ARGUMENTS} == {}
