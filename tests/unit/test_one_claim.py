"""Nothing posts to the paid endpoint but the sender, and the sender only under a claim."""

import ast
from pathlib import Path

import jobmojito_batch

ROOT = Path(jobmojito_batch.__file__).parent


def calls_of(name: str) -> list[tuple[str, str]]:
    """(file, function) of every call of an attribute or function called *name*."""
    found = []
    for file in ROOT.rglob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and _called(node) == name:
                    where = file.relative_to(ROOT.parent).as_posix()
                    found.append((where, function.name))
    return sorted(found)


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def mentions(word: str) -> set[str]:
    return {
        file.relative_to(ROOT).as_posix()
        for file in ROOT.rglob("*.py")
        if word in file.read_text("utf-8") and "sandbox" not in file.relative_to(ROOT).parts
    }


def test_one_function_posts_to_the_paid_endpoint() -> None:
    """`JobMojito.create`; only the client knows its address."""
    assert mentions("create-for-candidate") == {"contract.py"}
    assert mentions("CREATE_PATH") - {"contract.py"} == {"client/api.py"}


def test_one_function_calls_it_and_only_behind_the_claim() -> None:
    """First runs, resends of doubts and retries all go through `_attempt`."""
    assert calls_of("create") == [("jobmojito_batch/sending/caller.py", "_post")]
    assert calls_of("_post") == [
        ("jobmojito_batch/client/api.py", "create"),
        ("jobmojito_batch/client/api.py", "minted"),
        ("jobmojito_batch/sending/caller.py", "_attempt"),
    ]


def test_the_claim_stands_before_the_call() -> None:
    tree = ast.parse((ROOT / "sending" / "caller.py").read_text("utf-8"))
    [attempt] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "_attempt"
    ]
    order = [
        _called(node)
        for node in sorted(
            (one for one in ast.walk(attempt) if isinstance(one, ast.Call)),
            key=lambda one: (one.lineno, one.col_offset),
        )
        if _called(node) in {"reserve", "ahead", "hold", "reach", "still_hold", "_post"}
    ]

    assert order == ["reserve", "ahead", "hold", "reach", "still_hold", "_post"]
