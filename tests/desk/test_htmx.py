"""The script of the desk that is not ours is the one that its makers ship."""

import shutil
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

import jobmojito_batch

STATIC: Final = Path(jobmojito_batch.__file__).parent / "desk" / "static"
VERSION: Final = "2.0.11"
SHA256: Final = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
"""Of dist/htmx.min.js in the npm package htmx.org of that version."""
SECONDS: Final = 60


def test_it_is_the_file_that_was_taken() -> None:
    [script] = STATIC.glob("htmx*.js")

    assert script.name == f"htmx-{VERSION}.min.js"
    assert sha256(script.read_bytes()).hexdigest() == SHA256
    assert "Zero-Clause BSD" in (STATIC / "htmx-LICENSE.txt").read_text("utf-8")


def test_the_package_of_its_makers_ships_the_same(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not here")
    packed = subprocess.run(
        [
            npm,
            "pack",
            "--silent",
            "--fetch-retries=0",
            "--pack-destination",
            str(tmp_path),
            f"htmx.org@{VERSION}",
        ],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=SECONDS,
    )
    if packed.returncode != 0:
        pytest.skip("the npm index does not answer")
    [archive] = tmp_path.glob("*.tgz")
    with tarfile.open(archive) as package:
        member = package.extractfile("package/dist/htmx.min.js")
        assert member is not None
        assert sha256(member.read()).hexdigest() == SHA256
