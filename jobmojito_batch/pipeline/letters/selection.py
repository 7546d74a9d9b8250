"""Which rows letters are about: those of inputs, of a run, or everybody, with their invitations."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import polars as pl

from jobmojito_batch.client import TokenSource
from jobmojito_batch.columns import Outcome
from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.ledger.addressed import ADDRESSED_SCHEMA
from jobmojito_batch.parameters import LettersParameters
from jobmojito_batch.pipeline.prepare import Planned, RunRequest, plan_run
from jobmojito_batch.pipeline.register import run_rows
from jobmojito_batch.pipeline.report import result_frames
from jobmojito_batch.pipeline.source_layout import Layout, from_json
from jobmojito_batch.plan import PLACE, POSITION
from jobmojito_batch.publish import check_target
from jobmojito_batch.settings import Settings

IS_FIRST: Final = "is_first"
"""Whether a row is the first of its invitation: the one that gets the letter."""
_LANGUAGE: Final = "mojito_language_code"
_LEFT_OUT: Final = (Outcome.INVALID.value, Outcome.DUPLICATE.value)
_OF_ROW: Final = (
    "ordinal", "source", "row", "candidate_external_id", "candidate_name", "candidate_email",
    "position_name", "error_field", "cells",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Selected:
    """The rows, and where what became of them is written."""

    target: Path
    layouts: Sequence[Layout]
    frames: Callable[[], Iterable[pl.DataFrame]] = field(repr=False)
    """The rows in order: ADDRESSED_SCHEMA, IS_FIRST, perhaps the language."""
    rows: int = 0
    close: Callable[[], None] = lambda: None

    def shown(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Such rows as rows of the results file."""
        kept = rows.drop("invitation_id", "run_id", IS_FIRST)
        [frame] = result_frames(cast("Ledger", _Shown(kept)), "", self.layouts)
        return frame.with_columns(rows.get_column("run_id"))


class _Shown:
    """Rows in the place of those of a run that a ledger has."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self._rows = rows

    @property
    def results(self) -> "_Shown":
        return self

    def frames(self, _run_id: str) -> Iterator[pl.DataFrame]:
        yield self._rows


def select(
    parameters: LettersParameters,
    settings: Settings,
    tokens: TokenSource,
    ledger: Ledger,
    every: pl.DataFrame,
) -> Selected:
    """Those that *parameters* ask for among *every* invitation. Raises BatchError."""
    if parameters.inputs:
        return _of_inputs(parameters, settings, tokens, ledger, every)
    if parameters.run is not None:
        return _of_run(parameters, ledger, every)
    ids = every["invitation_id"].to_list()
    return Selected(
        target=_target(parameters, f"{settings.environment}.letters.csv"),
        layouts=(),
        frames=lambda: map(_first_ones(), ledger.addressed.frames(ids)),
        rows=len(ids),
    )


def _target(parameters: LettersParameters, default: str) -> Path:
    target = Path(parameters.results or default)
    check_target(target)
    return target


def _of_run(parameters: LettersParameters, ledger: Ledger, every: pl.DataFrame) -> Selected:
    named = ledger.runs.beginning(str(parameters.run))
    if len(named) != 1:
        seen = f"has several runs that begin with {parameters.run}" if named else "has no run of it"
        raise BatchError(f"--run {parameters.run}: the ledger {seen}; `status` lists them")
    run = named[0]
    if run.rows and not ledger.results.has_rows(run.run_id):
        raise BatchError(f"run {run.run_id}: the ledger has no rows of it (any more)")
    known = set(every["invitation_id"])
    ids = {row: of for row, of in ledger.addressed.of_run(run.run_id).items() if of in known}

    def again() -> Iterator[pl.DataFrame]:
        first = _first_ones()
        for frame in ledger.results.frames(run.run_id):
            mine = pl.Series("invitation_id", [ids.get(n) for n in frame["ordinal"]], pl.Int64)
            yield first(frame.with_columns(mine, pl.lit(run.run_id).alias("run_id")))

    return Selected(
        target=_target(parameters, f"{run.run_id}.letters.csv"),
        layouts=from_json(run.layouts),
        frames=again,
        rows=run.rows,
    )


def _of_inputs(
    parameters: LettersParameters,
    settings: Settings,
    tokens: TokenSource,
    ledger: Ledger,
    every: pl.DataFrame,
) -> Selected:
    """The rows of inputs, read as `invite` reads them; the caller closes it."""
    request = RunRequest(parameters=parameters.as_invited, settings=settings, tokens=tokens)
    planned = plan_run(request, ledger, asks_account=False)
    target = planned.targets.results
    if parameters.results is None:
        target = target.with_name(target.name.replace(".results", ".letters"))
    return Selected(
        target=target,
        layouts=planned.layouts,
        frames=lambda: _with_invitations(planned, ledger, every),
        rows=planned.rows,
        close=planned.close,
    )


def _with_invitations(
    planned: Planned, ledger: Ledger, every: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    """Each row with its invitation as the ledger has it, as a run would enter it."""
    first = _first_ones()
    known = planned.plan.places.filter(pl.col(POSITION) >= 0)
    for rows in run_rows(planned, dict(known.select(PLACE, POSITION).iter_rows())):
        mine = rows.join(
            every, on=["position_id", "candidate_email"], how="left", maintain_order="left"
        )
        yield first(_joined(mine, ledger))


def _joined(mine: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    is_left_out = pl.col("outcome").is_in(_LEFT_OUT)
    wanted = mine.filter(~is_left_out)["invitation_id"].drop_nulls().to_list()
    frames = [frame.with_columns(_naive()) for frame in ledger.addressed.frames(wanted)]
    of_row = [*_OF_ROW, *(name for name in (_LANGUAGE,) if name in mine.columns)]
    there = pl.concat([pl.DataFrame(schema=ADDRESSED_SCHEMA), *frames])
    own = ("outcome", "error_code", "error_message")
    return (
        mine.select(
            *of_row,
            pl.col("position_def_set_id").alias("row_position_def_set_id"),
            *(pl.when(is_left_out).then(name).alias(f"own_{name}") for name in own),
            pl.when(~is_left_out).then("invitation_id").alias("invitation_id"),
        )
        .join(
            there.drop([*of_row, "row_position_def_set_id"], strict=False),
            on="invitation_id",
            how="left",
            maintain_order="left",
        )
        .with_columns(pl.coalesce(f"own_{name}", name).alias(name) for name in own)
        .with_columns(pl.col("outcome").fill_null(Outcome.NOT_SENT.value))
        .select(*dict.fromkeys([*ADDRESSED_SCHEMA, *of_row]))
        .with_columns(pl.col(pl.Datetime).dt.replace_time_zone("UTC"))
    )


def _naive() -> pl.Expr:
    return pl.col(pl.Datetime("us", "UTC")).dt.replace_time_zone(None)


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
