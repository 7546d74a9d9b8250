"""Who waits is woken in the order of asking; whoever gave up takes nobody's turn."""

import asyncio

from jobmojito_batch.sending.waiters import Waiters


async def waiting(waiters: Waiters, count: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(waiters.wait()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def woken(tasks: list[asyncio.Task[None]]) -> list[bool]:
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return [task.done() for task in tasks]


async def test_the_first_are_woken_first_and_then_all() -> None:
    waiters = Waiters()
    tasks = await waiting(waiters, 3)

    waiters.wake(most=1)
    assert await woken(tasks) == [True, False, False]
    assert len(waiters) == 2
    waiters.wake()
    assert await woken(tasks) == [True, True, True]


async def test_one_that_was_cancelled_takes_nobodys_turn() -> None:
    waiters = Waiters()
    gone, *others = await waiting(waiters, 3)
    gone.cancel()
    await asyncio.sleep(0)

    waiters.wake(most=1)

    assert await woken(others) == [True, False]
    waiters.wake()
    await asyncio.gather(*others)


async def test_nobody_is_woken_where_there_is_no_room() -> None:
    waiters = Waiters()
    tasks = await waiting(waiters, 1)

    waiters.wake(most=0)
    waiters.wake(most=-3)

    assert await woken(tasks) == [False]
    waiters.wake()
    await asyncio.gather(*tasks)
