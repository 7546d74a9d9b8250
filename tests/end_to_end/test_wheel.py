"""The wheel in an environment of its own, the command on its path."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.unit.test_docs import ROOT, VERSION

PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


def test_the_wheel_installs_a_command_that_works(tmp_path: Path) -> None:
    """What it needs comes from here, which is faster than from an index; the build asks one."""
    built = subprocess.run(
        [*PIP, "wheel", "--no-deps", "--wheel-dir", tmp_path, str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode and "hatchling" in built.stderr:
        pytest.skip("the package index with the build backend is not reachable")
    assert built.returncode == 0, built.stderr
    [wheel] = tmp_path.glob("jobmojito_batch-*.whl")
    place = tmp_path / "an environment"
    venv.create(place, with_pip=False)
    scripts = place / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    subprocess.run(
        [*PIP[:3], "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel],
        check=True,
    )
    libraries = next(place.rglob("site-packages"))
    (libraries / "others.pth").write_text(sysconfig.get_path("purelib"), "utf-8")

    def said(*words: str) -> str:
        path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            words,
            cwd=tmp_path,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert said("jobmojito-batch", "--version").strip() == VERSION
    where = "import jobmojito_batch as it; print(it.__file__)"
    assert said("python", "-c", where).startswith(str(libraries))
    sample = libraries / "jobmojito_batch" / "samples" / "candidates.csv"
    assert sample.is_file()
    proved = json.loads(said("jobmojito-batch", "prove", "--seeds", "2", "--jobs", "2", "--json"))
    assert (proved["lives"], proved["failing"]) == (2, 0)
