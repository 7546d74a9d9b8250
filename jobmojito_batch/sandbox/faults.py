"""Which fault strikes a request: the first of the scenario that fits and is not used up."""

from jobmojito_batch.sandbox.request_record import Exchange
from jobmojito_batch.sandbox.scenario import Fault, Scenario
from jobmojito_batch.sandbox.seeded_random import Chance
from jobmojito_batch.sandbox.world import World


class FaultPicker:
    """Goes through the faults in the order of the file, and counts how often each has struck."""

    def __init__(self, scenario: Scenario, chance: Chance, world: World) -> None:
        self._faults = scenario.faults
        self._left = [fault.times for fault in scenario.faults]
        self._chance = chance
        self._world = world

    def pick(self, exchange: Exchange) -> Fault | None:
        """Return the fault for *exchange* and use it up once; None for a good day."""
        for index, fault in enumerate(self._faults):
            if self._left[index] == 0 or not self._fits(index, fault, exchange):
                continue
            left = self._left[index]
            self._left[index] = None if left is None else left - 1
            return fault
        return None

    def _fits(self, index: int, fault: Fault, exchange: Exchange) -> bool:
        return (
            fault.endpoint in (None, exchange.endpoint)
            and (fault.call is None or exchange.call in fault.call)
            and (fault.every is None or exchange.call % fault.every == 0)
            and (fault.attempt is None or exchange.attempt in fault.attempt)
            and (not fault.wanted_emails or (exchange.email or "").lower() in fault.wanted_emails)
            and (fault.position is None or fault.position in self._names_of_position(exchange))
            and (fault.share is None or self._draw(index, exchange) < fault.share)
        )

    def _names_of_position(self, exchange: Exchange) -> set[str | None]:
        position_id = exchange.text("position_def_set_id")
        position = self._world.positions.get(position_id or "")
        return {
            position_id,
            exchange.text("position_name"),
            exchange.text("position_external_id"),
            position.name if position else None,
            position.external_id if position else None,
        }

    def _draw(self, index: int, exchange: Exchange) -> float:
        """Go by e-mail and attempt: the order in which parallel calls arrive does not matter."""
        who = exchange.email or exchange.call
        return self._chance.share("fault", index, exchange.endpoint, who, exchange.attempt)
