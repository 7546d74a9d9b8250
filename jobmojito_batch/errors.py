"""
What can go wrong, cut by what a person does next.

* BatchError
  + SettingsError   mend the settings or the command line, run again
    + PrefectAwayError   start its server, or run without
  + InputError      mend the file, run again
    + VolumeError   look at the plan, then release it or mend the file
      + LostLedgerError   name the ledger of the earlier nights
    + DoubtError    say which it is, with the option that the message names
  + LedgerError     the record of claims cannot be used: nothing is sent without it
"""

import traceback


class BatchError(Exception):
    """A fault whose message tells a person where it is, what was seen and what to do."""


class SettingsError(BatchError):
    """Settings or options that make no sense; nothing was sent."""


class PrefectAwayError(SettingsError):
    """Prefect takes no run; nothing was sent."""

    def __init__(self, why: str, what_to_do: str = "Start the server") -> None:
        super().__init__(f"{why}; nothing was sent. {what_to_do}, or run with --no-prefect")
        self.why = why
        """What is wrong with it, as the beginning of a sentence."""


class InputError(BatchError):
    """An input that cannot be read as candidates; nothing was sent."""


class VolumeError(InputError):
    """The number of new rows is not what was expected; nothing was sent."""


class LostLedgerError(VolumeError):
    """The ledger does not know the earlier nights; nothing was sent."""


class DoubtError(InputError):
    """An input may be read in more than one way, and nobody was asked; nothing was sent."""


class LedgerError(BatchError):
    """The ledger cannot be opened, read or written."""


def told(exc: BaseException) -> str:
    """An error as what may be shown to anybody: our own texts quote no person, others' may."""
    if isinstance(exc, BatchError):
        return str(exc)
    frames = traceback.extract_tb(exc.__traceback__)
    if not frames:
        return f"unexpected {type(exc).__name__}"
    name = frames[-1].filename.replace("\\", "/").rpartition("/")[2]
    return f"unexpected {type(exc).__name__} at {name}:{frames[-1].lineno}"
