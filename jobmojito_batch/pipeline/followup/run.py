"""
Following up from beginning to end: select, look, renew, fetch, add up, write.

The command line, the flow, the desk and the package's surface call it; it prints nothing.
"""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from datetime import datetime

from jobmojito_batch.client import JobMojito, TokenSource, make_room
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.parameters import FollowUpParameters
from jobmojito_batch.pipeline.accounts import as_spelt_in
from jobmojito_batch.pipeline.followup.conclusion import concluded
from jobmojito_batch.pipeline.followup.gathering import FollowUpObserver, Gathering
from jobmojito_batch.pipeline.followup.summary import FollowUpSummary
from jobmojito_batch.pipeline.invited_rows import select
from jobmojito_batch.pipeline.signals import stopping
from jobmojito_batch.pipeline.work import context_of
from jobmojito_batch.sending import utc_now
from jobmojito_batch.settings import Settings, load_settings

OpenApi = Callable[[Settings, TokenSource], JobMojito]
StopWhen = Callable[[], Awaitable[str]]


def followup_settings(parameters: FollowUpParameters) -> Settings:
    """This machine's settings with what the parameters override. Raises SettingsError."""
    return load_settings(
        environment=parameters.environment,
        ledger=parameters.ledger,
        base_url=parameters.base_url,
        requests_per_second=parameters.rate,
    )


async def follow_up(
    parameters: FollowUpParameters,
    observer: FollowUpObserver | None = None,
    *,
    settings: Settings | None = None,
    open_api: OpenApi = JobMojito,
    wall: Callable[[], datetime] = utc_now,
    stop_when: StopWhen | None = None,
) -> FollowUpSummary:
    """
    Look up what became of invitations, and write it beside the rows.

    A run that is stopped (token, permission, breaker, a signal) writes what it knows; rows that it
    did not reach say so. Raises SettingsError, InputError, LedgerError.
    """
    settings = settings or followup_settings(parameters)
    tokens = TokenSource(settings)
    tokens.current()
    make_room(settings.max_in_flight)
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        ledger.runs.settle_orphans()
        settings = as_spelt_in(ledger, settings)
        async with AsyncExitStack() as stack:
            writer = ledger.writer()
            stack.push_async_callback(writer.close)
            api = await stack.enter_async_context(open_api(settings, tokens))
            context = context_of(
                "followup", settings, api, tokens, ledger, writer, settles=False, wall=wall
            )
            gathering = Gathering(parameters, settings, observer or FollowUpObserver(), context)
            return await _looked(gathering, stop_when)


async def _looked(gathering: Gathering, stop_when: StopWhen | None) -> FollowUpSummary:
    context, parameters = gathering.context, gathering.parameters
    stop, started_at = context.stop_signal, context.clock.wall()

    selected = select(
        parameters, gathering.settings, context.tokens, context.ledger, gathering.every(),
        word="followup",
    )  # fmt: skip
    with closing(selected):
        gathering.check()
        async with stopping(stop, "interrupted; run it again", stop_when=stop_when) as signals:
            await gathering.gather(selected.wanted)
        await context.pace.close()
        return concluded(gathering, selected, started_at=started_at, signals=signals)
