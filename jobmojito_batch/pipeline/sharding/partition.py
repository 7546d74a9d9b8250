"""The rows to send are cut into files, and what the run may spend into shares."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from jobmojito_batch.columns import OPENING_KEY, ORDINAL, POSITION_KEY, ROW, SOURCE
from jobmojito_batch.ledger import merchant_in
from jobmojito_batch.parameters import ShardParameters
from jobmojito_batch.pipeline.planned import Planned
from jobmojito_batch.pipeline.preview import MEMBERS
from jobmojito_batch.pipeline.register import sent_kinds
from jobmojito_batch.pipeline.sharding.exchange_files import ShardPlace
from jobmojito_batch.plan import ACCOUNT, KIND, PLACE, Kind

_SHARD: Final = "shard"
_ROUNDING: Final = 1e-9


def cut(planned: Planned, place: ShardPlace) -> list[ShardParameters]:
    """
    Write the rows to send into files, as many as there are shards; gives the first attempts.

    Rows lie by position, so that most positions are opened by one shard and nobody waits for
    another. Of rows, calls in flight and credits each shard has its share, and the shares of
    all are never more than the whole. Raises SettingsError.
    """
    where = _assigned(planned)
    count = 0 if where.is_empty() else int(where[_SHARD].max()) + 1  # type: ignore[arg-type]
    if count == 0:
        return []
    paths = _written(planned, where, place)
    settings = planned.settings
    price = settings.credits_per_candidate
    left = planned.accounts.credits_left
    of_others = merchant_shares(_rows_by_merchant(planned, where), left, price, count)
    in_flight = whole_shares(settings.max_in_flight, count)
    caps = credit_shares(settings.max_credits_per_run, price, count)
    balances = credit_shares(left.get(None), price, count)
    return [
        ShardParameters(
            run_id=planned.run_id,
            shard=shard,
            attempt=1,
            path=paths[shard],
            environment=settings.environment,
            base_url=settings.base_url,
            ledger=planned.parameters.ledger,
            rate=settings.requests_per_second,
            max_in_flight=in_flight[shard],
            max_credits=caps[shard],
            credits_left=balances[shard],
            merchant_credits=of_others[shard],
            settle=planned.settles,
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


def merchant_shares(
    rows: Mapping[tuple[int, str], int], left: Mapping[str | None, float], price: float, count: int
) -> list[dict[str, float]]:
    """
    What each shard may spend for other merchants: whole calls for its own rows, while there are.

    *rows* are counts by shard and merchant: a merchant's rows may all lie in one shard.
    """
    shares: list[dict[str, float]] = [{} for _ in range(count)]
    if price <= 0:
        return shares
    calls = {merchant: int(credits_ / price + _ROUNDING) for merchant, credits_ in left.items()}
    for (shard, merchant), wanted in sorted(rows.items()):
        if merchant in calls:
            some = max(0, min(wanted, calls[merchant]))
            calls[merchant] -= some
            shares[shard][merchant] = some * price
    return shares


def _rows_by_merchant(planned: Planned, where: pl.DataFrame) -> dict[tuple[int, str], int]:
    counted = (
        where.join(planned.plan.places.select(PLACE, ACCOUNT), on=PLACE)
        .group_by(_SHARD, ACCOUNT)
        .len()
    )
    return {(shard, merchant_in(account)): rows for shard, account, rows in counted.iter_rows()}


def _assigned(planned: Planned) -> pl.DataFrame:
    """ORDINAL, PLACE and the shard of each row that somebody has to look after."""
    kinds = sent_kinds(planned)
    if planned.settles:
        kinds = [*kinds, Kind.UNKNOWN.value]
    rows = (
        planned.plan.rows.filter(pl.col(KIND).is_in(kinds))
        .select(ORDINAL, PLACE)
        .collect(engine="streaming")
        .sort(PLACE, ORDINAL)
    )
    asked = planned.parameters.shards or 1
    # No shard without a row, nor without a place in flight.
    count = min(asked, planned.settings.max_in_flight, rows.height)
    sizes = whole_shares(rows.height, count) if count else []
    numbers = [pl.repeat(n, size, dtype=pl.UInt32, eager=True) for n, size in enumerate(sizes)]
    shard = pl.concat(numbers) if numbers else pl.Series(dtype=pl.UInt32)
    return rows.with_columns(shard.alias(_SHARD))


def _written(planned: Planned, where: pl.DataFrame, place: ShardPlace) -> list[str]:
    scan = pl.scan_parquet(planned.spool.prepared)
    present = scan.collect_schema().names()
    places = planned.plan.places.select(PLACE, ACCOUNT, POSITION_KEY, OPENING_KEY)
    folder = planned.spool.scratch / "shards"
    folder.mkdir(mode=0o700)
    (
        scan.select(ORDINAL, SOURCE, ROW, *(name for name in MEMBERS if name in present))
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
        paths.append(place.put(file, planned.run_id, f"{shard}.parquet"))
        file.unlink()
    return paths
