"""How an attempt at a shard ended: for whoever started it, and for the run that it is of."""

import json
from dataclasses import asdict, dataclass
from typing import Final

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.ledger import ShardId
from jobmojito_batch.pipeline.batch import Delivered
from jobmojito_batch.sending import Tally

MOST_LATENCIES: Final = 1_000
"""As many are kept of a shard, evenly among all, to tell the quantiles of the whole run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardEnd:
    """How an attempt ended, in counts."""

    id: ShardId
    outcomes: dict[str, int]
    stop_code: ErrorCode | None
    stop_message: str | None
    signal_number: int | None

    @property
    def sentence(self) -> str:
        """The attempt in one sentence."""
        counts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in self.outcomes.items())
        why = f"; stopped: {self.stop_message}" if self.stop_message else ""
        return f"shard {self.id.shard}, attempt {self.id.attempt}: {counts or 'nothing left'}{why}"


def summary_of(delivered: Delivered) -> str:
    """What the parent cannot read from the ledger, as JSON."""
    return json.dumps(
        {
            "lookups": delivered.tally.lookups,
            "latencies": latencies_of(delivered.tally),
            "settled": asdict(delivered.settled) if delivered.settled is not None else None,
        }
    )


def latencies_of(tally: Tally) -> list[float]:
    """Latencies in order: all of them, or as many evenly among them, the longest included."""
    ordered = sorted(tally.latencies)
    if len(ordered) > MOST_LATENCIES:
        last = len(ordered) - 1
        places = (round(n * last / (MOST_LATENCIES - 1)) for n in range(MOST_LATENCIES))
        ordered = [ordered[place] for place in places]
    return [round(seconds, 4) for seconds in ordered]
