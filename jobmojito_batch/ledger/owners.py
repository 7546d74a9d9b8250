"""
Whether the process that owns a run is alive.

One here is asked by its id and start time; of one on another host its lease tells.
"""

import socket
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import psutil

_SECONDS_APART: Final = 2.0
"""Start times of one process read at two moments may differ by clock steps."""


def this_owner() -> str:
    """This process as `host|pid|start`: a reused process id is another owner."""
    import psutil

    return owner_of(psutil.Process())


def owner_of(process: "psutil.Process") -> str:
    """The same of another process here."""
    return f"{socket.gethostname()}|{process.pid}|{process.create_time():.2f}"


def is_alive(owner: str, lease_until: datetime | None = None, now: datetime | None = None) -> bool:
    """
    Whether the owner lives: here its process does, on another host its lease has not ended.

    Without a lease an owner on another host cannot be asked and counts as alive: its claims are
    left alone.
    """
    host, pid, started = owner.rsplit("|", 2)
    if host != socket.gethostname():
        return lease_until is None or now is None or lease_until > now
    import psutil

    try:
        process = psutil.Process(int(pid))
        is_same = abs(process.create_time() - float(started)) < _SECONDS_APART
        return bool(is_same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
