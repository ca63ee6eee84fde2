"""Loops with a stop event: begin at once, end at once, and hand errors on."""

from __future__ import annotations

import asyncio

import pytest

from app.kit.periodic import pause, run_every


async def test_work_begins_at_once_and_repeats_until_the_event_is_set() -> None:
    stop, rounds = asyncio.Event(), 0

    async def work() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            stop.set()

    await run_every(lambda: 0.0, work, stop)
    assert rounds == 3


async def test_a_set_event_ends_a_pause_however_long_it_is_and_begins_no_work() -> None:
    stop = asyncio.Event()
    waiting = asyncio.create_task(pause(stop, 3600))
    await asyncio.sleep(0)
    stop.set()
    await waiting

    async def work() -> None:
        raise AssertionError("the event is set")

    await run_every(lambda: 3600.0, work, stop)


async def test_an_error_of_the_work_ends_the_loop() -> None:
    async def work() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await run_every(lambda: 0.0, work, asyncio.Event())
