"""A connection is an open file: room for all of them before the first is made."""

import sys
from typing import Final

from jobmojito_batch.errors import SettingsError

OTHER_FILES: Final = 128
"""What the program has open beside its connections: ledger, inputs, results, libraries."""


def make_room(max_in_flight: int) -> None:
    """
    Raise the process's own limit on open files, as far as the system's allows, where it is too low.

    Raises SettingsError where it does not allow enough: calls would fail one by one in the middle
    of a run.
    """
    if sys.platform == "win32":
        return  # sockets do not count there
    import resource  # noqa: PLC0415 - Windows has none

    wanted = max_in_flight + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= wanted:
        return
    if hard != unlimited and hard < wanted:
        raise SettingsError(
            f"JOBMOJITO_MAX_IN_FLIGHT: {max_in_flight} calls in flight need {wanted} open files "
            f"and the system allows {hard}; raise its limit (ulimit -Hn {wanted}) or set at most "
            f"{max(1, hard - OTHER_FILES)}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
