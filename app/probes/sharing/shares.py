"""How the work of probes is cut into shards, and how many of them a process may hold. Pure."""

from __future__ import annotations

SHARDS = 64


def shard_of(number: int) -> int:
    """The shard of a probe; neighbours lie in different ones."""
    return number % SHARDS


def fair_share(processes: int) -> int:
    """How many shards each of so many processes holds at most, so that together they hold all."""
    return -(-SHARDS // max(1, processes))


def turn_of(shard: int) -> int:
    """In which order shards change hands, so that those of few probes with low numbers are shared out too."""
    return shard * 37 % SHARDS
