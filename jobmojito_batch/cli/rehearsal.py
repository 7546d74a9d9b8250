"""`--rehearse`: the main job against the stand-in, on a ledger that is gone afterwards."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from jobmojito_batch.cli.console import say
from jobmojito_batch.columns import REHEARSAL
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.sandbox import RunningSandbox

REHEARSAL_RATE: Final = 20.0
"""Starts a second where nothing else is asked for: nobody has to be spared."""
_NOT_WITH: Final = {
    "inbox": "its files would be taken as done",
    "results_folder": "results would lie among those of real nights",
    "keep_days": "older nights would be removed",
    "shards": "others send them",
    "shard_folder": "others send them",
    "base_url": "it has a stand-in of its own",
    "environment": "it has a label of its own",
    "ledger": "it has a ledger of its own",
    "max_credits": "nothing is spent",
}


@contextmanager
def rehearsal(asked: InviteParameters) -> Iterator[InviteParameters]:
    """
    What was asked for, turned to a stand-in that lives meanwhile; no account, no token.

    Raises SettingsError for what makes no sense in a rehearsal.
    """
    _check(asked)
    with (
        RunningSandbox() as sandbox,
        TemporaryDirectory(prefix="jobmojito-rehearsal-") as folder,
        token_for_stand_in(),
    ):
        say(
            "rehearsal     against a stand-in on this machine: nothing is created, nothing is "
            "spent, and who would be accepted is made up"
        )
        yield asked.model_copy(
            update={
                "base_url": sandbox.base_url,
                "environment": REHEARSAL,
                "ledger": str(Path(folder) / "ledger.sqlite"),
                "rate": asked.rate or REHEARSAL_RATE,
            }
        )


def _check(asked: InviteParameters) -> None:
    for name, why in _NOT_WITH.items():
        if getattr(asked, name):
            option = f"--{name.replace('_', '-')}"
            raise SettingsError(
                f"--rehearse: not with {option}, since {why}; leave one of them out"
            )


@contextmanager
def token_for_stand_in() -> Iterator[None]:
    """A token that is none, in place of what the environment or a file has."""
    names = ("API_TOKEN", "API_TOKEN_FILE", "API_TOKEN_COMMAND", "APIKEY")
    before = {name: os.environ.pop(f"JOBMOJITO_{name}", None) for name in names}
    os.environ["JOBMOJITO_API_TOKEN"] = "rehearsal"  # noqa: S105 - the stand-in takes any
    try:
        yield
    finally:
        del os.environ["JOBMOJITO_API_TOKEN"]
        for name, value in before.items():
            if value is not None:
                os.environ[f"JOBMOJITO_{name}"] = value
