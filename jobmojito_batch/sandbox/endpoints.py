"""The endpoints of the stand-in, and who answers at each."""

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from jobmojito_batch.sandbox.create import Creator
from jobmojito_batch.sandbox.lists import Candidates
from jobmojito_batch.sandbox.log import RequestLog
from jobmojito_batch.sandbox.lookups import Lookups
from jobmojito_batch.sandbox.money import Money
from jobmojito_batch.sandbox.request_record import Endpoint, Exchange
from jobmojito_batch.sandbox.results import Results
from jobmojito_batch.sandbox.scenario import Scenario
from jobmojito_batch.sandbox.seeded_random import Chance
from jobmojito_batch.sandbox.world import World

Handler = Callable[[Exchange], Awaitable[Response]]


def handlers_of(
    scenario: Scenario, world: World, chance: Chance, log: RequestLog
) -> dict[Endpoint, Handler]:
    """Who answers at each endpoint."""
    money = Money(scenario, world, chance)
    lookups = Lookups(scenario, world, chance)
    creator = Creator(scenario, world, chance, log)
    return {
        Endpoint.CREATE: creator.create,
        Endpoint.STATUS: lookups.status,
        Endpoint.RESULTS: Results(scenario, world, chance).listed,
        Endpoint.CANDIDATES: Candidates(scenario, world).listed,
        Endpoint.TOKEN: lookups.link,
        Endpoint.LANGUAGES: lookups.languages,
        Endpoint.REPORT: money.report,
        Endpoint.CREDITS: money.used,
    }
