"""The position gate: the first row of a closed position goes alone."""

import asyncio

from jobmojito_batch.sending import RowQueue
from jobmojito_batch.sending.dispatch import Job, Position, PositionDispatcher, PositionState


def position(
    number: int, *rows: int, state: PositionState = PositionState.CLOSED, name: str | None = None
) -> Position:
    return Position(
        position_id=number,
        account="an account",
        opening_key=name or f"name-{number}",
        position_def_set_id=None,
        state=state,
        queue=RowQueue(rows),
    )


async def taken(gate: PositionDispatcher) -> Job:
    job = await asyncio.wait_for(gate.next(), 1)
    assert job is not None
    return job


async def is_waiting(gate: PositionDispatcher) -> asyncio.Task[Job | None]:
    task = asyncio.create_task(gate.next())
    await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_the_first_row_goes_alone_and_the_others_wait_for_it() -> None:
    nurse = position(1, 0, 1, 2)
    gate = PositionDispatcher([nurse])

    first = await taken(gate)
    waiting = await is_waiting(gate)
    gate.opened(nurse)

    assert (first.ordinal, first.is_opening) == (0, True)
    second = await waiting
    assert second is not None
    assert (second.ordinal, second.is_opening) == (1, False)
    assert (await taken(gate)).ordinal == 2
    assert await gate.next() is None


async def test_positions_do_not_wait_for_one_another() -> None:
    slow, open_ = position(1, 0, 2), position(2, 1, 3, state=PositionState.OPEN)
    gate = PositionDispatcher([slow, open_])

    assert [(await taken(gate)).ordinal for _ in range(3)] == [0, 1, 3]


async def test_where_the_first_is_refused_for_its_own_sake_the_next_takes_its_place() -> None:
    nurse = position(1, 0, 1)
    gate = PositionDispatcher([nurse])
    await taken(gate)

    gate.still_closed(nurse)

    second = await taken(gate)
    assert (second.ordinal, second.is_opening) == (1, True)


async def test_a_shut_position_gives_up_its_rows() -> None:
    nurse = position(1, 0, 1, 2)
    gate = PositionDispatcher([nurse])
    await taken(gate)

    assert gate.shut_position(nurse) == [1, 2]
    assert await gate.next() is None


async def test_one_name_under_two_keys_is_opened_by_one_at_a_time() -> None:
    first, second = position(1, 0, name="nurse"), position(2, 1, name="nurse")
    gate = PositionDispatcher([first, second])
    await taken(gate)
    waiting = await is_waiting(gate)

    gate.opened(first)

    other = await waiting
    assert other is not None
    assert (other.ordinal, other.is_opening) == (1, True)


async def test_a_row_that_comes_back_is_the_next_to_open_its_position() -> None:
    nurse = position(1, 0, 1, state=PositionState.OPEN)
    gate = PositionDispatcher([nurse])
    first, second = await taken(gate), await taken(gate)

    gate.hold(nurse)
    gate.back(second, opens_again=False)
    gate.back(first, opens_again=True)

    again = await taken(gate)
    assert (again.ordinal, again.is_opening) == (0, True)
    waiting = await is_waiting(gate)
    gate.opened(nurse)
    last = await waiting
    assert last is not None
    assert last.ordinal == 1


async def test_a_late_row_that_comes_back_to_an_empty_closed_position_still_goes() -> None:
    nurse = position(1, 0, 1, state=PositionState.OPEN)
    gate = PositionDispatcher([nurse])
    first, second = await taken(gate), await taken(gate)
    gate.hold(nurse)
    gate.back(first, opens_again=True)
    opening = await taken(gate)
    gate.still_closed(nurse)

    gate.back(second, opens_again=False)

    assert opening.ordinal == 0
    assert (await taken(gate)).ordinal == 1


async def test_a_position_whose_id_is_gone_lets_nobody_through() -> None:
    """Between the 404 and the row's return another would go by name, beside the one that opens."""
    nurse = position(1, 0, 1, 2, state=PositionState.OPEN)
    gate = PositionDispatcher([nurse])
    first = await taken(gate)

    gate.hold(nurse)
    waiting = await is_waiting(gate)
    gate.back(first, opens_again=True)

    again = await waiting
    assert again is not None
    assert (again.ordinal, again.is_opening) == (0, True)


async def test_a_shut_gate_lets_nobody_through_and_wakes_who_waits() -> None:
    nurse = position(1, 0, 1)
    gate = PositionDispatcher([nurse])
    await taken(gate)
    waiting = await is_waiting(gate)

    gate.shut()

    assert await waiting is None
    assert await gate.next() is None
