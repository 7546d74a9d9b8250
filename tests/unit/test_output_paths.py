"""Where the files of a run go, asked before anything is sent."""

from pathlib import Path

import pytest

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.pipeline.output_paths import Targets


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".xls"])
def test_an_errors_file_is_called_what_it_is(tmp_path: Path, suffix: str) -> None:
    """A CSV under the name of another table is one that no program opens."""
    targets = Targets(
        results=tmp_path / "x.csv",
        errors=tmp_path / f"x.errors{suffix}",
        summary=tmp_path / "x.summary.json",
    )

    with pytest.raises(SettingsError, match=f"cannot be {suffix}"):
        targets.check_writable(rows=1)
