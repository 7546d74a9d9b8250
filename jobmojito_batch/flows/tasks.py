"""A step of a run as a task of Prefect's, through which nothing of what it gives or raises goes."""

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.exceptions import Pause

T = TypeVar("T")


@task(persist_result=False, cache_policy=NO_CACHE, retries=0)
async def carry_out(work: Callable[[], Awaitable[None]]) -> None:
    """A step of the run, under the step's name. Never retried: the next run finds the claims."""
    await work()


async def as_task(
    name: str, work: Callable[[], Awaitable[T]], *, is_kept_if_suspended: bool = False
) -> T:
    """
    What *work* gives, or raises, carried out as a task.

    Neither goes through Prefect, which would pickle an exception, text and all. Its engine leaves
    after a task during which the run was suspended: what the task came to is lost then, unless it
    *is_kept_if_suspended*.
    """
    outcome: Future[T] = Future()

    async def settle() -> None:
        try:
            outcome.set_result(await work())
        except Exception as exc:  # noqa: BLE001 - raised again outside of the task
            outcome.set_exception(exc)

    try:
        await carry_out.with_options(name=name)(settle)
    except Pause:
        if not (is_kept_if_suspended and outcome.done()):
            raise
    return outcome.result()
