"""The SQL of rows that processes claim for a time, the same for each table of such rows.

The server's clock is the only one that counts. A row is pending, claimed under a lease, or over; who claims it counts an
attempt, and who hands it back takes that off again.
"""

# ruff: noqa: S608  names of tables and columns stand in the program

from __future__ import annotations

from dataclasses import dataclass

FREE_NOW = "(state = 'pending' or state = 'claimed' and lease_until <= clock_timestamp())"
"""What anybody may claim."""
CLAIMED = """
        state = 'claimed',
        attempts = attempts + 1,
        claimed_by = {worker},
        lease = gen_random_uuid(),
        lease_until = clock_timestamp() + {lasts}::interval"""
"""What a claim sets."""
LOST = """
        state = 'failed',
        lease = null,
        lease_until = null,
        error_class = 'WorkerLost',
        error_message = 'the process that worked on it ended ' || attempts || ' times before the {what} did',
        ended_at = clock_timestamp()"""
"""What a row is that took too many workers along."""


@dataclass(frozen=True, slots=True)
class LeasedTable:
    """A table of such rows, by its name and key."""

    table: str
    key: str
    what: str = "window"
    """What a row is, in words."""

    def _in_order(self, condition: str) -> str:
        """The rows of which that is true, locked by their keys: who takes several never waits for another in a circle."""
        return f"{self.key} in (select {self.key} from {self.table} where {condition} order by {self.key} for update)"

    @property
    def extend(self) -> str:
        return f"""
            update {self.table}
            set lease_until = clock_timestamp() + $2::interval
            where {self._in_order("lease = any($1::uuid[]) and state = 'claimed'")}
            returning lease
        """

    @property
    def hand_back(self) -> str:
        return f"""
            update {self.table}
            set state = 'pending', attempts = attempts - 1, lease = null, lease_until = null
            where {self._in_order("lease = any($1::uuid[]) and state = 'claimed'")}
            returning {self.key}
        """

    @property
    def holders(self) -> str:
        """Who has a lease that has not run out."""
        return f"""
            select distinct claimed_by
            from {self.table}
            where state = 'claimed' and lease_until > clock_timestamp()
        """

    @property
    def free(self) -> str:
        """Let the leases of such holders run out now."""
        return f"""
            update {self.table}
            set lease_until = clock_timestamp()
            where {self._in_order("claimed_by = any($1::text[]) and state = 'claimed' and lease_until > clock_timestamp()")}
            returning {self.key}
        """

    def among(self, statement: str, parameter: int) -> str:
        """The same for some of the rows, whose keys are a parameter."""
        before, where, rest = statement.partition("where ")
        return f"{before}{where}{self.key} = any(${parameter}::bigint[]) and {rest}"

    @property
    def claim(self) -> str:
        return f"""
            update {self.table}
            set {CLAIMED.format(worker="$2", lasts="$3")}
            where {self.key} = $1 and attempts < $4 and {FREE_NOW}
            returning *
        """

    @property
    def fail(self) -> str:
        return f"""
            update {self.table}
            set state = 'failed', lease = null, lease_until = null, error_class = $2, error_message = $3,
                ended_at = clock_timestamp()
            where lease = $1 and state = 'claimed'
        """

    @property
    def give_up(self) -> str:
        given_up = "state = 'claimed' and lease_until <= clock_timestamp() and attempts >= $2"
        return f"""
            update {self.table}
            set {LOST.format(what=self.what)}
            where {self._in_order(f"{self.key} = any($1::bigint[]) and {given_up}")}
        """

    @property
    def claimable(self) -> str:
        return f"""
            select {self.key}
            from {self.table}
            where {self.key} = any($1::bigint[]) and {FREE_NOW}
            order by position
        """

    @property
    def cancel(self) -> str:
        return f"""
            update {self.table}
            set state = 'cancelled', lease = null, lease_until = null, ended_at = clock_timestamp()
            where {self._in_order(f"{self.key} = any($1::bigint[]) and state in ('pending', 'claimed')")}
        """
