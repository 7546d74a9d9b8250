"""The rows of inputs, read as `invite` reads them, with their invitations."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import polars as pl

from jobmojito_batch.columns import Outcome
from jobmojito_batch.ledger import RESULT_SCHEMA, Followed, Ledger
from jobmojito_batch.pipeline.planned import Planned
from jobmojito_batch.pipeline.prepare import plan_run
from jobmojito_batch.pipeline.register import run_rows
from jobmojito_batch.pipeline.run_request import RunRequest
from jobmojito_batch.pipeline.selected import Selected, first_ones
from jobmojito_batch.plan import PLACE, POSITION

_OF_ROW: Final = (
    "ordinal", "source", "row", "candidate_external_id", "candidate_name", "candidate_email",
    "position_name", "mojito_language_code", "error_field", "cells",
)  # fmt: skip


def of_inputs(
    request: RunRequest, ledger: Ledger, every: Sequence[Followed], word: str
) -> Selected:
    """
    Whom the inputs are about; their file is `NAME.WORD.csv` unless another name was asked for.

    The caller closes it. Raises what `plan_run` raises.
    """
    planned = plan_run(request, ledger, asks_account=False)
    try:
        target = planned.targets.results
        if request.parameters.results is None:
            target = target.with_name(target.name.replace(".results", f".{word}"))
        ids = _ids_of(every)
        wanted: set[int] = set()
        for frame in _entered_frames(planned):
            both = frame.join(ids, on=["position_id", "candidate_email"])
            wanted.update(both["invitation_id"])
    except BaseException:
        planned.close()
        raise
    return Selected(
        wanted=wanted,
        target=target,
        layouts=planned.inputs.layouts,
        frames=lambda: _with_invitations(planned, ledger, ids),
        rows=planned.rows,
        close=planned.close,
    )


def _ids_of(every: Iterable[Followed]) -> pl.DataFrame:
    return pl.DataFrame(
        [(of.position_id, of.candidate_email, of.invitation_id) for of in every],
        schema={
            "position_id": pl.Int64,
            "candidate_email": pl.String,
            "invitation_id": pl.Int64,
        },
        orient="row",
    )


def _entered_frames(planned: Planned) -> Iterator[pl.DataFrame]:
    """The rows as a run would enter them, with the positions that the ledger knows."""
    known = planned.plan.places.filter(pl.col(POSITION) >= 0)
    return run_rows(planned, dict(known.select(PLACE, POSITION).iter_rows()))


def _with_invitations(
    planned: Planned, ledger: Ledger, ids: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    """Each row with its invitation as the ledger has it; a row that repeats one is a duplicate."""
    first = first_ones()
    for rows in _entered_frames(planned):
        mine = rows.join(
            ids, on=["position_id", "candidate_email"], how="left", maintain_order="left"
        )
        is_left_out = pl.col("outcome").is_in([Outcome.INVALID.value, Outcome.DUPLICATE.value])
        wanted = mine.filter(~is_left_out)["invitation_id"].drop_nulls().to_list()
        known = pl.concat(
            [
                pl.DataFrame(schema=RESULT_SCHEMA | {"run_id": pl.String()}),
                *(
                    frame.with_columns(pl.col(pl.Datetime("us", "UTC")).dt.replace_time_zone(None))
                    for frame in ledger.followups.frames(wanted)
                ),
            ]
        )
        both = mine.select(
            *_OF_ROW,
            pl.col("position_def_set_id").alias("row_position_def_set_id"),
            pl.when(is_left_out).then("outcome").alias("own_outcome"),
            *(
                pl.when(is_left_out).then(name).alias(f"own_{name}")
                for name in ("error_code", "error_message")
            ),
            pl.when(~is_left_out).then("invitation_id").alias("invitation_id"),
        ).join(
            known.drop([*_OF_ROW, "row_position_def_set_id"]),
            on="invitation_id", how="left", maintain_order="left",
        )  # fmt: skip
        outcome = pl.coalesce("own_outcome", "outcome", pl.lit(Outcome.NOT_SENT.value))
        yield first(
            both.with_columns(
                outcome.alias("outcome"),
                *(
                    pl.coalesce(f"own_{name}", name).alias(name)
                    for name in ("error_code", "error_message")
                ),
            )
            .select(*RESULT_SCHEMA, "run_id")
            .with_columns(pl.col(pl.Datetime).dt.replace_time_zone("UTC"))
        )
