"""A run is entered in the ledger: itself, its positions, and every row with what the plan says."""

from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from jobmojito_batch.columns import (
    CELL_PREFIX,
    FAULTS,
    OPENING_KEY,
    ORDINAL,
    POSITION_KEY,
    ROW,
    SOURCE,
)
from jobmojito_batch.ledger import Ledger, RunRecord
from jobmojito_batch.normalise import PEOPLE_PROBLEM, RESUME_PROBLEM
from jobmojito_batch.pipeline.layout import Layout, to_json
from jobmojito_batch.pipeline.planning import slices
from jobmojito_batch.pipeline.prepare import Prepared
from jobmojito_batch.pipeline.preview import MEMBERS, faults_of
from jobmojito_batch.plan import (
    ACCOUNT,
    CODE_OF,
    FIRST,
    HELD_BY,
    IS_IN_FLIGHT,
    KIND,
    KINDS,
    OUTCOME_OF,
    PLACE,
    POSITION,
    Kind,
    Plan,
    at_ordinals,
)

PERSON: Final = (
    "candidate_email",
    "candidate_name",
    "candidate_external_id",
    "position_name",
    "position_def_set_id",
)
_FIRST_SOURCE: Final = "first_source"
_FIRST_ROW: Final = "first_row"
_FAULT: Final = ("error_code", "error_field", "error_message")
_FAULT_SCHEMA: Final = {ORDINAL: pl.UInt32(), **dict.fromkeys(_FAULT, pl.String())}


def enter_run(prepared: Prepared, ledger: Ledger) -> dict[int, int]:
    """Write the run, its positions and all its rows; gives the position id by place."""
    plan = prepared.plan
    ledger.begin_run(
        RunRecord(
            run_id=prepared.run_id,
            base_url=prepared.settings.base_url,
            merchant=prepared.merchant,
            environment=prepared.settings.environment,
            started_at=prepared.started_at.replace(tzinfo=None),
            rows=prepared.rows,
            layouts=to_json(prepared.layouts),
            series=prepared.series,
            to_send=plan.to_send,
            known=prepared.known,
        )
    )
    position_ids = _ensure_positions(plan, ledger)
    for rows in run_rows(prepared, position_ids):
        ledger.add_rows(rows.to_dicts())
    return position_ids


def sent_kinds(prepared: Prepared) -> list[str]:
    """The kinds of rows that the sender gets: where it settles, those whose position waits too."""
    kinds = [Kind.TO_SEND.value]
    if prepared.settles and prepared.parameters.limit is None:
        kinds.append(Kind.UNRESOLVED.value)
    return kinds


def by_place(position_ids: dict[int, int]) -> pl.DataFrame:
    """PLACE and `position_id`."""
    return pl.DataFrame(
        list(position_ids.items()),
        schema={PLACE: pl.UInt32, "position_id": pl.Int64},
        orient="row",
    )


def _ensure_positions(plan: Plan, ledger: Ledger) -> dict[int, int]:
    to_be_sent = pl.col(KIND).is_in([Kind.TO_SEND.value, Kind.UNRESOLVED.value])
    sent_places = plan.rows.filter(to_be_sent).select(PLACE).unique().collect(engine="streaming")
    used = plan.places.join(sent_places, on=PLACE, how="semi", maintain_order="left")
    made = ledger.ensure_positions(used.select(ACCOUNT, POSITION_KEY, OPENING_KEY).iter_rows())
    known = dict(plan.places.filter(pl.col(POSITION) >= 0).select(PLACE, POSITION).iter_rows())
    return known | {
        place: made[account, key]
        for place, account, key in used.select(PLACE, ACCOUNT, POSITION_KEY).iter_rows()
    }


def run_rows(prepared: Prepared, position_ids: dict[int, int]) -> Iterator[pl.DataFrame]:
    """The rows as the ledger keeps them (columns of run_rows), some thousand at a time."""
    cells = sorted(
        {f"{CELL_PREFIX}{number}" for one in prepared.layouts for number in range(len(one.headers))}
    )
    firsts = _firsts(prepared)
    said = _said_of_kinds(sent_kinds(prepared))
    start = 0
    for rows in slices(
        prepared.spool.prepared,
        only=[ORDINAL, SOURCE, ROW, FAULTS, RESUME_PROBLEM, PEOPLE_PROBLEM, *MEMBERS, *cells],
    ):
        planned = prepared.plan.rows.slice(start, rows.height).drop(ORDINAL).collect()
        start += rows.height
        both = rows.hstack(planned)
        yield (
            both.with_columns(_kept_cells(prepared.layouts))
            .join(by_place(position_ids), on=PLACE, how="left", maintain_order="left")
            .join(firsts, on=FIRST, how="left", maintain_order="left")
            .join(said, on=KIND, how="left", maintain_order="left")
            .join(_faulty(prepared, both), on=ORDINAL, how="left", maintain_order="left")
            .select(
                pl.lit(prepared.run_id).alias("run_id"),
                pl.col(ORDINAL).alias("ordinal"),
                SOURCE,
                ROW,
                "position_id",
                *(
                    pl.col(name) if name in rows.columns else pl.lit(None, pl.String).alias(name)
                    for name in PERSON
                ),
                "outcome",
                pl.coalesce("error_code", "code").alias("error_code"),
                "error_field",
                pl.coalesce("error_message", _message()).alias("error_message"),
                "cells",
            )
        )


def _firsts(prepared: Prepared) -> pl.DataFrame:
    """Where the rows stand that duplicates repeat: FIRST, first_source, first_row."""
    repeated = prepared.plan.rows.select(FIRST).drop_nulls().unique().collect(engine="streaming")
    prepared_rows = pl.scan_parquet(prepared.spool.prepared).with_columns(
        pl.col(SOURCE).cast(pl.Categorical)
    )
    return at_ordinals(prepared_rows, repeated[FIRST], SOURCE, ROW).rename(
        {ORDINAL: FIRST, SOURCE: _FIRST_SOURCE, ROW: _FIRST_ROW}
    )


def _said_of_kinds(sent: list[str]) -> pl.DataFrame:
    """KIND, `outcome` and `code` of the rows that are settled by the plan alone."""
    settled = {kind: outcome for kind, outcome in OUTCOME_OF.items() if kind.value not in sent}
    return pl.DataFrame(
        [
            (kind.value, outcome.value, CODE_OF[kind].value if kind in CODE_OF else None)
            for kind, outcome in settled.items()
        ],
        schema={KIND: KINDS, "outcome": pl.String, "code": pl.String},
        orient="row",
    )


def _kept_cells(layouts: tuple[Layout, ...]) -> pl.Expr:
    """The original cells of a row as JSON by column number, without those of a résumé."""
    choice = pl.lit("{}")
    for layout in layouts:
        kept = [pl.col(f"{CELL_PREFIX}{number}").alias(str(number)) for number in layout.kept]
        if kept:
            text = pl.struct(kept).struct.json_encode()
            choice = pl.when(pl.col(SOURCE) == layout.source).then(text).otherwise(choice)
    return choice.alias("cells")


def _faulty(prepared: Prepared, rows: pl.DataFrame) -> pl.DataFrame:
    """Error code, field and message of the invalid ones among *rows*, by ordinal."""
    layouts = {layout.source: layout for layout in prepared.layouts}
    invalid = rows.filter(pl.col(KIND) == Kind.INVALID.value)
    return pl.DataFrame(
        [
            (row[ORDINAL], *_fault(prepared, layouts[row[SOURCE]], row))
            for row in invalid.iter_rows(named=True)
        ],
        schema=_FAULT_SCHEMA,
        orient="row",
    )


def _fault(prepared: Prepared, layout: Layout, row: dict[str, Any]) -> tuple[str, str | None, str]:
    first, *others = faults_of(
        row,
        layout,
        prepared.refused_by_model,
        max_resume_characters=prepared.settings.max_resume_characters,
    )
    also = f" Also: {'; '.join(fault.message for fault in others)}" if others else ""
    return first.code, first.field or None, first.message + also


def _message() -> pl.Expr:
    """What a row that the plan settles is told; null for those that will be sent."""
    # What is sent after all has no outcome yet, so no message either.
    kind = pl.when(pl.col("outcome").is_not_null()).then(KIND)
    return (
        pl.when(kind == Kind.DUPLICATE.value)
        .then(
            pl.format(
                "the same invitation as row {} of {}; nothing is sent for this row",
                _FIRST_ROW,
                _FIRST_SOURCE,
            )
        )
        .when((kind == Kind.UNKNOWN.value) & pl.col(IS_IN_FLIGHT))
        .then(pl.format("run {} is sending this invitation now; it is not sent twice", HELD_BY))
        .when(kind == Kind.UNKNOWN.value)
        .then(
            pl.format(
                "sent in run {} without a trustworthy answer: the interview may exist, so it is "
                "not sent again; look the candidate up in JobMojito",
                HELD_BY,
            )
        )
        .when(kind == Kind.UNRESOLVED.value)
        .then(
            pl.lit(
                "the first call of this position had no trustworthy answer; until that is settled "
                "nobody else of the position is sent"
            )
        )
        .when(kind == Kind.OVER_LIMIT.value)
        .then(pl.lit("the limit of this run was reached; run again to send the rest"))
    )
