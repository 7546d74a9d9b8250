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
    POSITION_UNRESOLVED_SAYS,
    ROW,
    SOURCE,
    Outcome,
)
from jobmojito_batch.ledger import Ledger, Noted, RunRecord, pair_key
from jobmojito_batch.normalise import PEOPLE_PROBLEM, RESUME_PROBLEM
from jobmojito_batch.pipeline.known_places import IS_ADOPTED
from jobmojito_batch.pipeline.plan_stage import planned_slices, slices
from jobmojito_batch.pipeline.planned import Planned, ReadyToSend
from jobmojito_batch.pipeline.preview import MEMBERS, faults_of
from jobmojito_batch.pipeline.source_layout import Layout, to_json
from jobmojito_batch.plan import (
    ACCOUNT,
    CODE_OF,
    FIRST,
    HELD_BY,
    IS_IN_FLIGHT,
    KIND,
    KINDS,
    MAY_GO,
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
    "mojito_language_code",
)
FORGOTTEN: Final = "this person was erased from the ledger (forget): nothing is sent or kept"
_FIRST_SOURCE: Final = "first_source"
_FIRST_ROW: Final = "first_row"
_FAULT: Final = ("error_code", "error_field", "error_message")
_FAULT_SCHEMA: Final = {ORDINAL: pl.UInt32(), **dict.fromkeys(_FAULT, pl.String())}


def enter_run(ready: ReadyToSend) -> dict[int, int]:
    """Write the run, its positions and all its rows; gives the position id by place."""
    planned, ledger = ready.planned, ready.ledger
    plan = planned.plan
    ledger.runs.begin(
        RunRecord(
            run_id=planned.run_id,
            base_url=planned.settings.base_url,
            merchant=planned.accounts.merchant,
            environment=planned.settings.environment,
            started_at=planned.started_at.replace(tzinfo=None),
            rows=planned.rows,
            layouts=to_json(planned.inputs.layouts),
            series=planned.request.series,
            to_send=plan.to_send,
            known=planned.known,
        )
    )
    position_ids = _ensure_positions(plan, ledger)
    ledger.runs.note_keys(_apart(planned, position_ids))
    for rows in run_rows(planned, position_ids):
        ledger.runs.add_frame(_without_forgotten(rows, ledger))
    return position_ids


def _without_forgotten(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """*rows* (columns of run_rows): of people who were erased and are not sent, that alone."""
    is_settled = pl.col("outcome").is_not_null() & (pl.col("outcome") != Outcome.NOT_SENT.value)
    masks = ledger.people.masks_of(rows.filter(is_settled)["candidate_email"].drop_nulls().unique())
    if not masks:
        return rows
    email = pl.col("candidate_email")
    is_forgotten = is_settled & email.is_in(list(masks))
    blank = {
        "candidate_email": email.replace(masks),
        "candidate_name": None,
        "candidate_external_id": None,
        "error_message": pl.lit(FORGOTTEN),
        "cells": pl.lit("{}"),
    }
    return rows.with_columns(
        pl.when(is_forgotten).then(value).otherwise(name).alias(name)
        for name, value in blank.items()
    )


def sent_kinds(planned: Planned) -> list[str]:
    """The kinds of rows that the sender gets: where it settles, those whose position waits too."""
    kinds = [Kind.TO_SEND.value]
    if planned.settles and planned.parameters.limit is None:
        kinds.append(Kind.UNRESOLVED.value)
    return kinds


def rows_to_go(prepared: Planned) -> Iterator[pl.DataFrame]:
    """
    The rows that may be sent, and those in doubt, for `work.positions_of`.

    One in doubt is sent once more if looking shows that it did not happen.
    """
    kinds_to_send, in_doubt = sent_kinds(prepared), [Kind.UNKNOWN.value]
    for kinds, may_go in ((kinds_to_send, True), (in_doubt, False)):
        for rows in planned_slices(prepared.plan, kinds):
            yield rows.select(ORDINAL, PLACE, pl.lit(may_go).alias(MAY_GO))


def by_place(position_ids: dict[int, int]) -> pl.DataFrame:
    """PLACE and POSITION."""
    return pl.DataFrame(
        list(position_ids.items()),
        schema={PLACE: pl.UInt32, POSITION: pl.Int64},
        orient="row",
    )


def _ensure_positions(plan: Plan, ledger: Ledger) -> dict[int, int]:
    """
    The positions of the rows to be sent, made where they are new; gives ids by place.

    Keys that belong to a position of another key lead to it from here on.
    """
    to_be_sent = pl.col(KIND).is_in([Kind.TO_SEND.value, Kind.UNRESOLVED.value])
    sent_places = plan.rows.filter(to_be_sent).select(PLACE).unique().collect(engine="streaming")
    used = plan.places.join(sent_places, on=PLACE, how="semi", maintain_order="left")
    # Of two new keys of one position POSITION says which place is the one that it is made by.
    made_by = used.filter(pl.col(POSITION) < 0).select((-1 - pl.col(POSITION)).alias(PLACE))
    has_own = pl.col(PLACE).is_in(made_by[PLACE].implode()) | (
        pl.col(PLACE).is_in(used[PLACE].implode()) & ~pl.col(IS_ADOPTED)
    )
    ids = _ids_of(plan.places.filter(has_own), ledger)
    at_place = dict(plan.places.select(PLACE, POSITION).iter_rows())
    at_place = {number: id_ for number, id_ in at_place.items() if id_ >= 0} | ids
    adopted = plan.places.filter(IS_ADOPTED)
    ledger.runs.note_keys(
        [
            Noted(account, key, position_id)
            for place, account, key, position in adopted.select(
                PLACE, ACCOUNT, POSITION_KEY, POSITION
            ).iter_rows()
            for position_id in [at_place.get(place if position >= 0 else -1 - position)]
            if position_id is not None
        ]
    )
    return at_place | _ids_of(adopted.join(used, on=PLACE, how="semi"), ledger)


def _apart(planned: Planned, position_ids: dict[int, int]) -> list[Noted]:
    """
    External ids beside names that are positions of their own, so that nobody is asked again.

    What a person is asked about counts where there was a question: with nothing to send is none.
    """
    parted = planned.prepared_rows.parted
    at = {
        (account, key): position_ids[place]
        for place, account, key in planned.plan.places.select(
            PLACE, ACCOUNT, POSITION_KEY
        ).iter_rows()
        if place in position_ids
    }
    noted: list[Noted] = []
    for pair in (*parted.seen, *(parted.asked if planned.plan.to_send else ())):
        position_id = at.get((pair.account, f"name:{pair.name}"))
        if position_id is not None:
            noted.append(Noted(pair.account, pair_key(pair.external_id, pair.name), position_id))
            # Unless the id has one: its first name, beside which the next new one is seen.
            noted.append(Noted(pair.account, f"ext:{pair.external_id}", position_id))
    return noted


def _ids_of(places: pl.DataFrame, ledger: Ledger) -> dict[int, int]:
    ids = ledger.runs.ensure_positions(
        places.select(ACCOUNT, POSITION_KEY, OPENING_KEY).iter_rows()
    )
    return {
        place: ids[account, key]
        for place, account, key in places.select(PLACE, ACCOUNT, POSITION_KEY).iter_rows()
    }


def run_rows(planned: Planned, position_ids: dict[int, int]) -> Iterator[pl.DataFrame]:
    """The rows as the ledger keeps them (columns of run_rows), some thousand at a time."""
    cells = sorted(
        {
            f"{CELL_PREFIX}{number}"
            for layout in planned.inputs.layouts
            for number in range(len(layout.headers))
        }
    )
    firsts = _firsts(planned)
    said = _said_of_kinds(sent_kinds(planned))
    start = 0
    for rows in slices(
        planned.spool.prepared,
        only=[ORDINAL, SOURCE, ROW, FAULTS, RESUME_PROBLEM, PEOPLE_PROBLEM, *MEMBERS, *cells],
    ):
        with_kinds = planned.plan.rows.slice(start, rows.height).drop(ORDINAL).collect()
        start += rows.height
        both = rows.hstack(with_kinds)
        yield (
            both.with_columns(_kept_cells(planned.inputs.layouts))
            .join(by_place(position_ids), on=PLACE, how="left", maintain_order="left")
            .join(firsts, on=FIRST, how="left", maintain_order="left")
            .join(said, on=KIND, how="left", maintain_order="left")
            .join(_faulty(planned, both), on=ORDINAL, how="left", maintain_order="left")
            .select(
                pl.lit(planned.run_id).alias("run_id"),
                pl.col(ORDINAL).alias("ordinal"),
                SOURCE,
                ROW,
                pl.col(POSITION).alias("position_id"),
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


def _firsts(planned: Planned) -> pl.DataFrame:
    """Where the rows stand that duplicates repeat: FIRST, first_source, first_row."""
    repeated = planned.plan.rows.select(FIRST).drop_nulls().unique().collect(engine="streaming")
    prepared_rows = pl.scan_parquet(planned.spool.prepared).with_columns(
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


def _faulty(planned: Planned, rows: pl.DataFrame) -> pl.DataFrame:
    """Error code, field and message of the invalid ones among *rows*, by ordinal."""
    layouts = {layout.source: layout for layout in planned.inputs.layouts}
    invalid = rows.filter(pl.col(KIND) == Kind.INVALID.value)
    return pl.DataFrame(
        [
            (row[ORDINAL], *fault_of(planned, layouts[row[SOURCE]], row))
            for row in invalid.iter_rows(named=True)
        ],
        schema=_FAULT_SCHEMA,
        orient="row",
    )


def fault_of(planned: Planned, layout: Layout, row: dict[str, Any]) -> tuple[str, str | None, str]:
    """Error code, field and message of an invalid row: of the leading fault, then the others."""
    first, *others = faults_of(
        row,
        layout,
        planned.prepared_rows.refused_by_model,
        max_resume_characters=planned.settings.max_resume_characters,
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
        .then(pl.lit(POSITION_UNRESOLVED_SAYS))
        .when(kind == Kind.OVER_LIMIT.value)
        .then(pl.lit("the limit of this run was reached; run again to send the rest"))
    )
