"""Alerts as Prefect events, so that automations can act on them: counts, nobody's data."""

from typing import Final

EVENT_PREFIX: Final = "jobmojito-batch."
