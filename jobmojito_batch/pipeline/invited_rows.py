"""Whom it is about after sending: rows of inputs, of a run, or all, with their invitations."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.client import TokenSource
from jobmojito_batch.columns import Outcome
from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import Followed, Ledger
from jobmojito_batch.ledger.results import RESULT_SCHEMA
from jobmojito_batch.parameters import FollowUpParameters, LettersParameters
from jobmojito_batch.pipeline.planned import Planned
from jobmojito_batch.pipeline.prepare import plan_run
from jobmojito_batch.pipeline.register import run_rows
from jobmojito_batch.pipeline.run_request import RunRequest
from jobmojito_batch.pipeline.source_layout import Layout, from_json
from jobmojito_batch.plan import PLACE, POSITION
from jobmojito_batch.publish import check_target
from jobmojito_batch.settings import Settings

IS_FIRST: Final = "is_first"
"""Whether a row is the first of its invitation: it shows what became of it, and gets the letter."""
Asked = FollowUpParameters | LettersParameters
_OF_ROW: Final = (
    "ordinal", "source", "row", "candidate_external_id", "candidate_name", "candidate_email",
    "position_name", "mojito_language_code", "error_field", "cells",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Selected:
    """The rows, whom they are about, and where what became of them is written."""

    wanted: set[int]
    """Ids of invitations."""
    target: Path
    layouts: Sequence[Layout]
    frames: Callable[[], Iterable[pl.DataFrame]] = field(repr=False)
    """The rows in order: RESULT_SCHEMA, `run_id`, IS_FIRST."""
    rows: int = 0
    close: Callable[[], None] = lambda: None


def select(
    parameters: Asked,
    settings: Settings,
    tokens: TokenSource,
    ledger: Ledger,
    every: Sequence[Followed],
    *,
    word: str,
) -> Selected:
    """
    Whom *parameters* ask for among *every* invitation of the account.

    Their file is called `NAME.WORD.csv` and the like, unless another name was asked for. The caller
    closes what it gets. Raises BatchError, and for inputs what `plan_run` raises.
    """
    if parameters.inputs:
        return _of_inputs(parameters, settings, tokens, ledger, every, word)
    if parameters.run is not None:
        return _of_run(parameters, ledger, every, word)
    ids = [of.invitation_id for of in every]
    target = _target(parameters, f"{settings.environment}.{word}.csv")
    return Selected(
        wanted=set(ids),
        target=target,
        layouts=(),
        frames=lambda: map(_first_ones(), ledger.followups.frames(ids)),
        rows=len(ids),
    )


def _target(parameters: Asked, default: str) -> Path:
    target = Path(parameters.results or default)
    check_target(target)
    return target


def _of_run(parameters: Asked, ledger: Ledger, every: Sequence[Followed], word: str) -> Selected:
    named = ledger.runs.beginning(str(parameters.run))
    if len(named) != 1:
        seen = f"has several runs that begin with {parameters.run}" if named else "has no run of it"
        raise BatchError(f"--run {parameters.run}: the ledger {seen}; `status` lists them")
    run = named[0]
    if run.rows and not ledger.results.has_rows(run.run_id):
        raise BatchError(
            f"run {run.run_id}: the ledger has no rows of it (any more); `{word}` without --run is "
            "about everybody"
        )
    known = {of.invitation_id for of in every}
    frames = ledger.results.frames(run.run_id)
    ids = [frame["invitation_id"].drop_nulls() for frame in frames]
    wanted = {each for some in ids for each in some} & known

    def again() -> Iterator[pl.DataFrame]:
        only = _only(wanted)
        for frame in map(_first_ones(), ledger.results.frames(run.run_id)):
            yield only(frame.with_columns(pl.lit(run.run_id).alias("run_id")))

    return Selected(
        wanted=wanted,
        target=_target(parameters, f"{run.run_id}.{word}.csv"),
        layouts=from_json(run.layouts),
        frames=again,
        rows=run.rows,
    )


def _of_inputs(
    parameters: Asked,
    settings: Settings,
    tokens: TokenSource,
    ledger: Ledger,
    every: Sequence[Followed],
    word: str,
) -> Selected:
    """The rows of inputs, read as `invite` reads them; the caller closes it."""
    request = RunRequest(parameters=parameters.as_invited, settings=settings, tokens=tokens)
    planned = plan_run(request, ledger, asks_account=False)
    try:
        target = planned.targets.results
        if parameters.results is None:
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
    first = _first_ones()
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


def _first_ones() -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Marks, over frame after frame, the first row of each invitation."""
    seen: set[int] = set()

    def mark(frame: pl.DataFrame) -> pl.DataFrame:
        marks = []
        is_out = frame["outcome"] == Outcome.DUPLICATE.value
        for of, out in zip(frame["invitation_id"], is_out, strict=True):
            marks.append(of is not None and not out and of not in seen)
            if marks[-1]:
                seen.add(of)
        return frame.with_columns(pl.Series(IS_FIRST, marks, pl.Boolean))

    return mark


def _only(wanted: set[int]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """A row whose invitation is not followed (refused, forgotten) shows nothing of one."""
    ids = pl.Series(sorted(wanted), dtype=pl.Int64)
    return lambda frame: frame.with_columns(pl.col(IS_FIRST) & pl.col("invitation_id").is_in(ids))
