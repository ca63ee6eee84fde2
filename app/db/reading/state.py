"""What a replica is to its primary: of the same database or not, how far behind, and whether it answers reads."""

from __future__ import annotations

from dataclasses import dataclass, field

NOT_LOOKED_AT = "it was not looked at yet"
NOT_KNOWN = "how far it is behind is not known yet"
EXPECTED = {NOT_LOOKED_AT, NOT_KNOWN}
"""What is so for a moment after a start, and nobody needs to be told."""


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """Where a server is: what has no place in the log of one has one in that of another."""

    system: int
    """The identifier of its cluster."""
    database: str
    timeline: int
    """Which history of the cluster it has: one that was made a primary begins a new one."""
    position: int | None
    """Where its log ends, or how far a standby has replayed it; None where it is no standby."""


def why_not(replica: ServerPlace, primary: ServerPlace) -> str:
    """Why this is no replica of the primary; empty where it is one."""
    if (replica.system, replica.database) != (primary.system, primary.database):
        return "it is no replica of the database of GRIDKEEPER_DATABASE__URL"
    if replica.position is None:
        return "it is no standby, but a primary itself"
    if replica.timeline != primary.timeline:
        return (
            f"it is on timeline {replica.timeline}, the primary on {primary.timeline}: it follows another server, or has "
            "made no restartpoint since a failover"
        )
    return ""


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """How the replica was when it was last looked at. `lag`: so many seconds old its values are at most, if that is known."""

    name: str
    max_lag: float
    lag: float | None = None
    problem: str = NOT_LOOKED_AT
    since: float = field(default=0.0, compare=False)
    """When it was last begun, or ceased, to be used, on the clock of the process."""

    @property
    def used(self) -> bool:
        return not self.problem

    def away(self, now: float) -> float:
        """For so many seconds the primary has answered in its place; zero while it is used."""
        return 0.0 if self.used else max(now - self.since, 0.0)

    @property
    def text(self) -> str:
        """One line for people."""
        if self.used and self.lag is not None:
            return f"{self.name}, at most {self.lag:.1f} s behind: it answers reads"
        behind = "" if self.lag is None else f", {self.lag:.0f} s at most"
        return f"{self.name}: the primary answers reads, because {self.problem}{behind}"
