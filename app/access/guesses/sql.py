"""The statements of guesses: a row for whoever guesses, which each wrong one moves ahead of the clock (GCRA)."""

from __future__ import annotations

from datetime import timedelta

from app.db.retention import Retention

KEPT = timedelta(hours=1)
"""Longer than clocks differ; behind the clock a row says nothing."""
RETAINED = (Retention("sign_in_guesses", "free_at", KEPT),)

# In the order of the rows, so that nobody waits for each other.
TAKE = """
    insert into sign_in_guesses as g (guesser, free_at)
    select asked.guesser, now() + make_interval(secs => asked.step)
    from unnest($1::bytea[], $2::float8[]) as asked (guesser, step)
    order by asked.guesser
    on conflict (guesser) do update
    set free_at = greatest(g.free_at, now()) + (excluded.free_at - now())
    returning guesser, extract(epoch from free_at - now())::float8 as ahead
"""

GIVE_BACK = """
    update sign_in_guesses as g
    set free_at = g.free_at - make_interval(secs => asked.step)
    from unnest($1::bytea[], $2::float8[]) as asked (guesser, step)
    where g.guesser = asked.guesser
"""

AHEAD = "(select extract(epoch from g.free_at - now())::float8 from sign_in_guesses as g where g.guesser = {})"
"""Within another statement: how far the row lies ahead of the clock, null where nobody guessed."""
