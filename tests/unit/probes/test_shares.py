"""Shards: every probe has one, fair shares hold them all, and who has nothing to probe seldom says so."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import pytest

from app.probes.sharing.leases import IDLE_LASTS, LASTS, ShardLeases
from app.probes.sharing.repository import Holding, ShardRepository
from app.probes.sharing.shares import SHARDS, fair_share, shard_of, turn_of


@pytest.mark.parametrize("processes", [0, 1, 2, 3, 5, 64, 100])
def test_fair_shares_hold_all_shards(processes: int) -> None:
    assert max(1, processes) * fair_share(processes) >= SHARDS


def test_every_shard_has_its_turn_and_numbers_their_shard() -> None:
    assert sorted(map(turn_of, range(SHARDS))) == list(range(SHARDS))
    assert {shard_of(number) for number in range(1, 1000)} == set(range(SHARDS))


class Rows(ShardRepository):
    """Holds everything for whoever asks, and remembers for how long."""

    def __init__(self, most: int) -> None:
        self.most, self.asked = most, list[timedelta]()

    async def renew(self, holder: str, lasts: timedelta, *, let_go: Collection[int]) -> Holding:
        self.asked.append(lasts)
        return Holding(frozenset(range(SHARDS)) - set(let_go), self.most)


async def test_who_is_alone_and_has_nothing_to_probe_renews_seldom_and_at_once_when_there_is_something() -> None:
    rows, time = Rows(SHARDS), iter([0.0, 0.0, 3.0, 6.0, 8.0, 8.1, 8.2]).__next__
    leases = ShardLeases(rows, holder="me", monotonic=time)
    leases.idle = True
    await leases.renew(())
    await leases.renew(())
    assert rows.asked == [LASTS, LASTS * IDLE_LASTS]  # at first it does not know whether others are there
    assert (leases.due, leases.due) == (False, True)
    leases.idle = False
    assert leases.due
    rows.most = SHARDS // 2
    await leases.renew(())
    leases.idle = True
    await leases.renew(())
    assert rows.asked[2:] == [LASTS, LASTS]
