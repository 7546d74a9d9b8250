"""The steps of a run by their names, and who carries them out: by default this process, at once."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from jobmojito_batch.inbox import Sleep
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.batch import Delivered, OnProgress
from jobmojito_batch.pipeline.deliver import DecideOnRest
from jobmojito_batch.pipeline.deliver import deliver as deliver_here
from jobmojito_batch.pipeline.planned import ReadyToSend
from jobmojito_batch.pipeline.run_request import settings_for
from jobmojito_batch.settings import Settings

T = TypeVar("T")


class StepName(StrEnum):
    """The steps that somebody may have carried out in a way of theirs."""

    TAKE = "take"
    PREPARE = "prepare"
    CONCLUDE = "conclude"
    FINISH = "finish"
    TELL = "tell"


class Step(Protocol):
    """Carries a step out; raises what *work* raises."""

    async def __call__(self, name: StepName, work: Callable[[], T], /) -> T:
        """What *work* gives."""


class Deliver(Protocol):
    """Claims and sends."""

    def __call__(
        self, ready: ReadyToSend, *, on_progress: OnProgress, may_go_on: DecideOnRest
    ) -> Awaitable[Delivered]:
        """What sending came to. Raises BatchError."""


async def in_place(name: StepName, work: Callable[[], T]) -> T:  # noqa: ARG001 - see Step
    """Carry a step out here and now."""
    return work()


async def settings_here(parameters: InviteParameters) -> Settings:
    """This machine's settings. Raises SettingsError."""
    return settings_for(parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWays:
    """How the steps of a run are carried out."""

    step: Step = in_place
    deliver: Deliver = deliver_here
    settings_of: Callable[[InviteParameters], Awaitable[Settings]] = settings_here
    sleep: Sleep = time.sleep
    """Waits between two looks at an inbox."""
