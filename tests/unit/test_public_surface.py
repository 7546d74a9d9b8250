"""What `import jobmojito_batch` gives to programs, and what it costs."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import jobmojito_batch

HEAVY = ("pydantic", "polars", "httpx", "aiohttp", "sqlalchemy", "typer", "prefect", "asyncio")


def test_all_is_what_can_be_imported() -> None:
    for name in jobmojito_batch.__all__:
        assert getattr(jobmojito_batch, name).__doc__, name
    public = {
        name
        for name, value in vars(jobmojito_batch).items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType)
        and getattr(value, "__module__", "").startswith("jobmojito_batch")
    }
    assert public <= set(jobmojito_batch.__all__)
    assert sorted(jobmojito_batch.__all__) == jobmojito_batch.__all__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(jobmojito_batch, "send_everything")


def test_the_import_brings_nothing_heavy_along() -> None:
    """Every small worker of the program imports the package."""
    program = f"import sys, jobmojito_batch; print(*(set({HEAVY!r}) & set(sys.modules)))"

    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert ended.stdout.strip() == ""


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(jobmojito_batch.__file__).parent / "py.typed").is_file()
