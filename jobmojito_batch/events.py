"""
What there is to log: events with fields, no prose, and no field that could hold a person.

Who reads them is `logs.py`'s matter.
"""

import logging
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, TypedDict, Unpack

logger: Final = logging.getLogger("jobmojito_batch")
"""The one that every event goes through."""
logger.addHandler(logging.NullHandler())  # without any, Python prints warnings on the terminal


class Event(StrEnum):
    """What happened."""

    COMMAND_ENDED = "command.ended"
    SETTINGS_NOT_TAKEN = "settings.not_taken"

    INBOX_TAKEN = "inbox.taken"
    INBOX_NOT_READABLE = "inbox.not_readable"
    INBOX_UNREADABLE = "inbox.unreadable"
    INBOX_NOT_MOVED = "inbox.not_moved"
    INBOX_SETTLED = "inbox.settled"
    NIGHT_WAITS = "night.waits"
    NIGHT_UNTIDY = "night.untidy"
    NIGHT_REMOVED = "night.removed"

    RUN_PLANNED = "run.planned"
    RUN_PROGRESS = "run.progress"
    RUN_STOPPING = "run.stopping"
    RUN_ENDED = "run.ended"
    RUN_STOPPED = "run.stopped"
    RUN_FAILED = "run.failed"
    RUN_FILE = "run.file"
    RUN_UNTOLD = "run.untold"
    RUN_CARRIED_THROUGH = "run.carried_through"
    ROW_SETTLED = "row.settled"
    API_AWAY = "api.away"
    API_BACK = "api.back"
    NOTIFY_FAILED = "notify.failed"
    METRICS_FAILED = "metrics.failed"
    PING_FAILED = "ping.failed"

    LETTERS_ENDED = "letters.ended"

    SHARD_STARTED = "shard.started"
    SHARD_LOST = "shard.lost"
    SHARD_WAITING = "shard.waiting"
    SHARD_ENDED = "shard.ended"
    PREFECT_AWAY = "prefect.away"
    PREFECT_BACK = "prefect.back"


class Fields(TypedDict, total=False):
    """All that an event can say: ids of ours, numbers of rows, codes and counts."""

    run_id: str
    shard: int
    attempt: int
    try_number: int
    row: int
    outcome: str
    code: str
    error: str
    """The class of an exception, never its text."""
    command: str
    exit_code: int
    http_status: int
    state: str
    kinds: Sequence[str]
    variables: Sequence[str]
    counts: Mapping[str, int]
    """Rows by outcome, or by what the plan makes of them."""
    rows: int
    files: int
    waiting: int
    done_before: int
    positions_new: int
    positions_known: int
    total: int
    settled: int
    in_flight: int
    in_doubt: int
    calls: int
    retries: int
    lookups: int
    credits: float
    seconds: float


FIELDS: Final = frozenset(Fields.__annotations__)


def emit(
    event: Event, *, level: int = logging.INFO, says: str = "", **fields: Unpack[Fields]
) -> None:
    """Log *event*; *says* is for the run's page alone."""
    if not logger.isEnabledFor(level):
        return
    text = " ".join(filter(None, [event.value, says, *_texts(fields)]))
    logger.log(level, "%s", text, extra={"event": event.value, "fields": fields})


def warn(event: Event, *, says: str = "", **fields: Unpack[Fields]) -> None:
    """Log *event* as something that somebody should look at."""
    emit(event, level=logging.WARNING, says=says, **fields)


def _texts(fields: Fields) -> list[str]:
    """`name=value`; what is counted stands by its own names."""
    texts: list[str] = []
    for name, value in fields.items():
        if isinstance(value, Mapping):
            texts += [f"{key}={count}" for key, count in value.items() if count]
        elif isinstance(value, float):
            texts.append(f"{name}={value:.6g}")
        elif isinstance(value, str | int):
            texts.append(f"{name}={value}")
        elif isinstance(value, Sequence):
            texts.append(f"{name}={','.join(map(str, value))}")
    return texts
