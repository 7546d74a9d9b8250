"""What tests of the ledger share; each module has a `ledger` of its own."""

from collections.abc import AsyncIterator

import pytest

from jobmojito_batch.ledger import Ledger, Writer


@pytest.fixture
async def writer(ledger: Ledger) -> AsyncIterator[Writer]:
    """A writer of the module's ledger."""
    pen = ledger.writer()
    yield pen
    await pen.close()
