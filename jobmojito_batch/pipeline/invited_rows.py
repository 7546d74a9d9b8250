"""Whom it is about after sending: rows of inputs, of a run, or all, with their invitations."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl

from jobmojito_batch.client import TokenSource
from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import Followed, Ledger
from jobmojito_batch.pipeline.find_run import find_run
from jobmojito_batch.pipeline.invited_inputs import of_inputs
from jobmojito_batch.pipeline.run_request import RunRequest
from jobmojito_batch.pipeline.selected import IS_FIRST, Asked, Selected, first_ones
from jobmojito_batch.pipeline.source_layout import from_json
from jobmojito_batch.publish import check_target
from jobmojito_batch.settings import Settings


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
        request = RunRequest(parameters=parameters.as_invited, settings=settings, tokens=tokens)
        return of_inputs(request, ledger, every, word)
    if parameters.run is not None:
        return _of_run(parameters.run, parameters, settings, ledger, every, word)
    ids = [of.invitation_id for of in every]
    target = _target(parameters, f"{settings.environment}.{word}.csv")
    return Selected(
        wanted=set(ids),
        target=target,
        layouts=(),
        frames=lambda: map(first_ones(), ledger.followups.frames(ids)),
        rows=len(ids),
    )


def _target(parameters: Asked, default: str) -> Path:
    target = Path(parameters.results or default)
    check_target(target)
    return target


def _of_run(
    run_id: str,
    parameters: Asked,
    settings: Settings,
    ledger: Ledger,
    every: Sequence[Followed],
    word: str,
) -> Selected:
    try:
        run = find_run(ledger, run_id)
    except BatchError as exc:
        raise BatchError(f"--run {run_id}: {exc}") from exc
    if (run.base_url, run.environment) != (settings.base_url, settings.environment):
        raise BatchError(
            f"run {run.run_id} was at {run.base_url} (environment {run.environment}), and this is "
            f"{settings.base_url} ({settings.environment}): say --base-url and --environment as "
            "they were then"
        )
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
        for frame in map(first_ones(), ledger.results.frames(run.run_id)):
            yield only(frame.with_columns(pl.lit(run.run_id).alias("run_id")))

    return Selected(
        wanted=wanted,
        target=_target(parameters, f"{run.run_id}.{word}.csv"),
        layouts=from_json(run.layouts),
        frames=again,
        rows=run.rows,
    )


def _only(wanted: set[int]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """A row whose invitation is not followed (refused, forgotten) shows nothing of one."""
    ids = pl.Series(sorted(wanted), dtype=pl.Int64)
    return lambda frame: frame.with_columns(pl.col(IS_FIRST) & pl.col("invitation_id").is_in(ids))
