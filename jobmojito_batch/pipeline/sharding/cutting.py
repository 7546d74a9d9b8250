"""The rows to send are cut into files, and what the run may spend into shares."""

from typing import Final

import polars as pl

from jobmojito_batch.columns import OPENING_KEY, ORDINAL, POSITION_KEY, ROW, SOURCE
from jobmojito_batch.parameters import ShardParameters
from jobmojito_batch.pipeline.entering import sent_kinds
from jobmojito_batch.pipeline.prepare import Prepared
from jobmojito_batch.pipeline.preview import MEMBERS
from jobmojito_batch.pipeline.sharding.files import ShardPlace
from jobmojito_batch.plan import ACCOUNT, KIND, PLACE, Kind

_SHARD: Final = "shard"
_ROUNDING: Final = 1e-9


def cut(prepared: Prepared, place: ShardPlace) -> list[ShardParameters]:
    """
    Write the rows to send into files, as many as there are shards; gives the first attempts.

    Rows lie by position, so that most positions are opened by one shard and nobody waits for
    another. Of rows, calls in flight and credits each shard has its share, and the shares of
    all are never more than the whole. Raises SettingsError.
    """
    where = _assigned(prepared)
    count = 0 if where.is_empty() else int(where[_SHARD].max()) + 1  # type: ignore[arg-type]
    if count == 0:
        return []
    paths = _written(prepared, where, place)
    settings = prepared.settings
    price = settings.credits_per_candidate
    left = prepared.account.credits_left if prepared.account is not None else None
    in_flight = whole_shares(settings.max_in_flight, count)
    caps = credit_shares(settings.max_credits_per_run, price, count)
    balances = credit_shares(left, price, count)
    return [
        ShardParameters(
            run_id=prepared.run_id,
            shard=shard,
            attempt=1,
            path=paths[shard],
            environment=settings.environment,
            base_url=settings.base_url,
            ledger=prepared.parameters.ledger,
            rate=settings.requests_per_second,
            max_in_flight=in_flight[shard],
            max_credits=caps[shard],
            credits_left=balances[shard],
            settle=prepared.settles,
        )
        for shard in range(count)
    ]


def whole_shares(total: int, count: int) -> list[int]:
    """*total* as *count* whole numbers that differ by one at most, the larger ones first."""
    each, more = divmod(total, count)
    return [each + (n < more) for n in range(count)]


def credit_shares(total: float | None, price: float, count: int) -> list[float | None]:
    """Credits in shares of whole calls; what is no whole call belongs to nobody."""
    if total is None or price <= 0:
        return [total] * count
    return [calls * price for calls in whole_shares(int(total / price + _ROUNDING), count)]


def _assigned(prepared: Prepared) -> pl.DataFrame:
    """ORDINAL, PLACE and the shard of each row that somebody has to look after."""
    kinds = sent_kinds(prepared)
    if prepared.settles:
        kinds = [*kinds, Kind.UNKNOWN.value]
    rows = (
        prepared.plan.rows.filter(pl.col(KIND).is_in(kinds))
        .select(ORDINAL, PLACE)
        .collect(engine="streaming")
        .sort(PLACE, ORDINAL)
    )
    asked = prepared.parameters.shards or 1
    # No shard without a row, nor without a place in flight.
    count = min(asked, prepared.settings.max_in_flight, rows.height)
    sizes = whole_shares(rows.height, count) if count else []
    numbers = [pl.repeat(n, size, dtype=pl.UInt32, eager=True) for n, size in enumerate(sizes)]
    shard = pl.concat(numbers) if numbers else pl.Series(dtype=pl.UInt32)
    return rows.with_columns(shard.alias(_SHARD))


def _written(prepared: Prepared, where: pl.DataFrame, place: ShardPlace) -> list[str]:
    scan = pl.scan_parquet(prepared.spool.prepared)
    there = scan.collect_schema().names()
    places = prepared.plan.places.select(PLACE, ACCOUNT, POSITION_KEY, OPENING_KEY)
    folder = prepared.spool.scratch / "shards"
    folder.mkdir(mode=0o700)
    (
        scan.select(ORDINAL, SOURCE, ROW, *(name for name in MEMBERS if name in there))
        .join(where.lazy(), on=ORDINAL, how="inner", maintain_order="left")
        .join(places.lazy(), on=PLACE, how="left", maintain_order="left")
        .sink_parquet(
            pl.PartitionBy(folder, key=_SHARD, include_key=False, approximate_bytes_per_file=None),
            mkdir=True,
        )
    )
    paths = []
    for shard in range(int(where[_SHARD].max()) + 1):  # type: ignore[arg-type]
        [file] = (folder / f"{_SHARD}={shard}").iterdir()
        paths.append(place.put(file, prepared.run_id, f"{shard}.parquet"))
        file.unlink()
    return paths
