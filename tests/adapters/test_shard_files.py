"""Where the rows of shards lie meanwhile: a folder or a prefix; private, and gone with the run."""

import stat
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from jobmojito_batch.cli.options import parameters_of
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.pipeline.sharding.exchange_files import fetch, open_place, sweep
from jobmojito_batch.pipeline.sharding.partition import credit_shares, whole_shares
from jobmojito_batch.sending import RowReader
from tests.store import a_bucket


@pytest.fixture(params=["folder", "store"])
def place_name(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path / "deep" / "shards")
        return
    with a_bucket(monkeypatch):
        yield "s3://bucket/shards/"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"rows" * 1000)
    return path


def test_what_is_put_there_others_fetch(place_name: str, file: Path, tmp_path: Path) -> None:
    path = open_place(place_name).put(file, "run-a", "0.parquet")

    found = fetch(path, tmp_path / "copy.parquet")

    assert path.startswith(place_name.rstrip("/"))
    assert found.read_bytes() == file.read_bytes()
    assert stat.S_IMODE(found.stat().st_mode) == 0o600


def test_a_runs_files_are_removed_and_those_of_others_stay(place_name: str, file: Path) -> None:
    place = open_place(place_name)
    for run_id in ("run-a", "run-b"):
        place.put(file, run_id, "0.parquet")

    place.remove("run-a")
    place.remove("run-a")

    assert place.runs() == ["run-b"]


def test_what_runs_left_that_are_over_is_swept(place_name: str, file: Path) -> None:
    place = open_place(place_name)
    for run_id in ("over", "alive", "not-ours"):
        place.put(file, run_id, "0.parquet")

    sweep(place, lambda run_id: run_id == "over")

    assert sorted(place.runs()) == ["alive", "not-ours"]


def test_a_folder_that_only_one_machine_sees_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="all machines see"):
        fetch(str(tmp_path / "elsewhere" / "0.parquet"), tmp_path / "copy")


def test_a_folder_of_shards_is_the_owners_alone(file: Path, tmp_path: Path) -> None:
    path = Path(open_place(str(tmp_path / "shards")).put(file, "run-a", "0.parquet"))

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("total", "count", "shares"), [(10, 4, [3, 3, 2, 2]), (4, 4, [1] * 4), (5, 1, [5])]
)
def test_shares_differ_by_one_at_most(total: int, count: int, shares: list[int]) -> None:
    assert whole_shares(total, count) == shares


@pytest.mark.parametrize(
    ("total", "price", "shares"),
    [
        (10.2, 0.25, [3.5, 3.25, 3.25]),  # 40 calls; 0.2 is no call
        (0.5, 0.25, [0.25, 0.25, 0.0]),
        (0.3, 0.1, [0.1, 0.1, 0.1]),
        (5.0, 0.0, [5.0] * 3),
        (None, 0.25, [None] * 3),
    ],
)
def test_credits_are_shared_in_whole_calls(
    total: float | None, price: float, shares: list[float | None]
) -> None:
    assert credit_shares(total, price, 3) == pytest.approx(shares)


async def test_a_row_is_found_by_its_ordinal_whatever_the_order_of_the_file(
    tmp_path: Path,
) -> None:
    ordinals = [7, 3000, 12, 5, 2999]
    frame = pl.DataFrame(
        {"ordinal": pl.Series(ordinals, dtype=pl.UInt32), "name": [f"n{n}" for n in ordinals]}
    )
    frame.write_parquet(tmp_path / "rows.parquet")

    reader = RowReader(tmp_path / "rows.parquet", ["name"], frame["ordinal"])

    assert [await reader.row(n) for n in ordinals] == [{"name": f"n{n}"} for n in ordinals]


def test_shards_without_a_folder_are_refused_in_one_line() -> None:
    with pytest.raises(SettingsError, match="--shard-folder"):
        parameters_of(inputs=["x.csv"], shards=3)
