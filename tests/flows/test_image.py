"""
The image: built where a builder and its base are here; its steps are played in a folder everywhere.

No registry is asked in the tests: a base image that is not there already is a reason to skip.
"""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from jobmojito_batch.sandbox import RunningSandbox
from tests.helpers import TOKEN, friendly, people, write_input

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Containerfile").read_text(encoding="utf-8")
BASE = re.findall(r"^FROM (\S+)$", TEXT, re.MULTILINE)[0]


def steps() -> list[str]:
    """The lines of the file, those that go on joined."""
    joined = re.sub(r"\\\n\s*", " ", TEXT)
    return [line for line in joined.splitlines() if line and not line.startswith("#")]


def why_not_built() -> str | None:
    """Why the image cannot be built here; None where it can."""
    for builder in ("buildah", "podman", "docker"):
        if shutil.which(builder) is None:
            continue
        images = subprocess.run(
            [builder, "images", "--format", "{{.Repository}}:{{.Tag}}"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        if images.returncode == 0 and any(one.endswith(BASE) for one in images.stdout.split()):
            return None
    return f"no builder that works and has {BASE} is here"


@pytest.mark.skipif(why_not_built() is not None, reason=str(why_not_built()))
def test_the_image_is_built_and_runs() -> None:
    builder = next(one for one in ("buildah", "podman", "docker") if shutil.which(one))
    subprocess.run([builder, "build", "-f", "Containerfile", "."], cwd=ROOT, check=True)


def test_what_changes_seldom_is_installed_before_the_source_is_copied() -> None:
    lines = steps()
    installs = next(i for i, line in enumerate(lines) if "--constraint constraints.txt" in line)
    copies = next(i for i, line in enumerate(lines) if line.startswith("COPY jobmojito_batch"))

    assert installs < copies
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert lines.index("USER jobmojito") < len(lines)


def test_every_file_that_is_copied_is_in_the_context_of_the_build() -> None:
    kept = [
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]

    for line in steps():
        if line.startswith("COPY "):
            for name in line.split()[1:-1]:
                assert any(fnmatch.fnmatch(name.removeprefix("./"), pattern) for pattern in kept)


def test_the_program_installs_from_what_the_image_copies_and_invites(tmp_path: Path) -> None:
    """In a folder of its own, with the packages that are here and nothing of the checkout."""
    app = tmp_path / "app"
    for line in steps():
        if line.startswith("COPY "):
            *names, target = line.split()[1:]
            for name in names:
                source, there = ROOT / name, app / target
                if source.is_dir():
                    shutil.copytree(
                        source, app / name, ignore=shutil.ignore_patterns("__pycache__")
                    )
                else:
                    there = there / name if target.endswith("/") else there
                    there.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(source, there)
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, system_site_packages=False)
    python = home / "bin" / "python"
    site = next(home.glob("lib/python*/site-packages"))
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site),
         "--disable-pip-version-check", str(app)],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    here = next(Path(sys.executable).parents[1].glob("lib/python*/site-packages"))
    (site / "here.pth").write_text(f"{here}\n")
    [health] = [line for line in steps() if line.startswith("HEALTHCHECK")]
    _, _, *asked = json.loads(health.partition("CMD")[2])
    path = write_input(tmp_path, people(2))
    with RunningSandbox(friendly()) as sandbox:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "JOBMOJITO_API_TOKEN": TOKEN,
            "JOBMOJITO_BASE_URL": sandbox.base_url,
            "JOBMOJITO_LEDGER": str(tmp_path / "ledger.sqlite"),
        }

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [str(python), "-m", "jobmojito_batch", *arguments],
                cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
                timeout=300,
            )  # fmt: skip

        before = run("status", *asked)
        ended = run("invite", str(path), "--yes", "--no-prefect")
        calls = len(sandbox.log)
        after = run("status", *asked)
        (tmp_path / "ledger.sqlite").write_bytes(b"no ledger")
        broken = run("status", *asked)

    assert (before.returncode, after.returncode) == (0, 0)
    assert len(sandbox.log) == calls  # how it is costs no call
    assert broken.returncode != 0
    assert ended.returncode == 0, ended.stderr
    assert "2 rows: 2 invited" in ended.stderr
    assert (site / "jobmojito_batch" / "samples" / "candidates.csv").is_file()
