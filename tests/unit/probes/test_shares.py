"""Shards: every probe has one, and fair shares hold them all."""

from __future__ import annotations

import pytest

from app.probes.sharing.shares import SHARDS, fair_share, shard_of, turn_of


@pytest.mark.parametrize("processes", [0, 1, 2, 3, 5, 64, 100])
def test_fair_shares_hold_all_shards(processes: int) -> None:
    assert max(1, processes) * fair_share(processes) >= SHARDS


def test_every_shard_has_its_turn_and_numbers_their_shard() -> None:
    assert sorted(map(turn_of, range(SHARDS))) == list(range(SHARDS))
    assert {shard_of(number) for number in range(1, 1000)} == set(range(SHARDS))
