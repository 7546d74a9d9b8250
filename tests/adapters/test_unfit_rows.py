"""A row that the rules let through and the request model does not is never sent."""

from pathlib import Path

import polars as pl

from jobmojito_batch.client import JobMojito, TokenSource
from jobmojito_batch.columns import Outcome
from jobmojito_batch.contract import REQUIRED_ALWAYS
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline.work import context_of, reader_of
from jobmojito_batch.sending import Budget, Position, PositionState, RowQueue, Sender
from jobmojito_batch.settings import load_settings
from tests.ledgers import a_position, begin, taking


async def test_it_ends_as_invalid_without_a_call_and_may_be_claimed_again(
    ledger_url: str, tmp_path: Path
) -> None:
    prepared = tmp_path / "prepared.parquet"
    row = dict.fromkeys(REQUIRED_ALWAYS, "ann@example.com") | {"interview_attempts": "21"}
    pl.DataFrame(row).write_parquet(prepared)
    ledger = Ledger.open(ledger_url)
    begin(ledger)
    position = Position(
        position_id=a_position(ledger),
        account="a",
        opening_key="nurse",
        position_def_set_id="p-1",
        state=PositionState.OPEN,
        queue=RowQueue([0]),
    )
    settings = load_settings(api_token="t", base_url="http://127.0.0.1:9")
    tokens = TokenSource(settings)
    writer = ledger.writer()
    async with JobMojito(settings, tokens) as api:
        context = context_of("run-1", settings, api, tokens, ledger, writer, settles=True)
        sender = Sender(context, reader_of(prepared), [position], budget=Budget([]))
        await sender.run()
    begin(ledger, "run-2")
    again = await writer.submit(taking(position.position_id, run_id="run-2"))
    await writer.close()

    assert sender.tally.outcomes == {Outcome.INVALID: 1}
    assert sender.tally.calls == 0
    assert again.run_id == "run-2"
    assert ledger.results.credits_of("run-1") == 0
    ledger.close()
