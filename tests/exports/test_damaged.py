"""Damaged files end in one line about the file, or in rows: never in a traceback."""

import random
from pathlib import Path

import polars as pl
import pytest

from jobmojito_batch.errors import BatchError
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import RunRequest, plan_run
from tests.exports.expected import FOLDER, SET
from tests.exports.test_exports import FILES


def damaged(content: bytes, dice: random.Random) -> bytes:
    """The content cut, with bytes changed, with a piece doubled, or with noise in it."""
    at = dice.randrange(len(content))
    match dice.randrange(4):
        case 0:
            return content[:at]
        case 1:
            changed = bytearray(content)
            for _ in range(1 + len(content) // 200):
                changed[dice.randrange(len(changed))] = dice.randrange(256)
            return bytes(changed)
        case 2:
            piece = content[at : at + dice.randrange(1, 60)]
            return content[:at] + piece * dice.randrange(2, 9) + content[at:]
        case _:
            return content[:at] + dice.randbytes(dice.randrange(1, 40)) + content[at:]


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_export_is_refused_or_read(name: str, tmp_path: Path) -> None:
    """Seeded, so that what fails once fails again."""
    content = (FOLDER / name).read_bytes()
    dice = random.Random(name)  # noqa: S311 - not for secrets
    path = tmp_path / name
    for _ in range(3):
        path.write_bytes(damaged(content, dice))
        try:
            planned = plan_run(
                RunRequest.of(
                    InviteParameters(inputs=[str(path)], values=SET, results="unused.csv")
                ),
                None,
            )
        except BatchError as exc:
            assert "\n" not in str(exc)  # noqa: PT017 - one of two good ends
            continue
        try:
            rows = pl.scan_parquet(planned.spool.prepared).select(pl.len()).collect().item()
            assert rows == planned.rows == sum(planned.plan.counts.values())
        finally:
            planned.close()
