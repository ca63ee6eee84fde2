"""The parts of the websites that a process checks: shards of those without regions, and of those that name its region."""

from __future__ import annotations

from collections.abc import Iterable

from app.probes.sharing.shares import SHARDS, shard_of
from app.probes.websites.models import Website


def check_part(website: Website) -> int:
    """The shard of a website; those with regions have shards of their own, behind the others."""
    return shard_of(website.website_id) + (SHARDS if website.draft.regions else 0)


def check_parts(number: int) -> set[int]:
    """The shards that a website of the number may lie in."""
    return {shard_of(number), shard_of(number) + SHARDS}


def split(parts: Iterable[int]) -> tuple[list[int], list[int]]:
    """The shards of websites without regions, and those of websites with regions."""
    chosen = sorted(parts)
    return [one for one in chosen if one < SHARDS], [one - SHARDS for one in chosen if one >= SHARDS]
