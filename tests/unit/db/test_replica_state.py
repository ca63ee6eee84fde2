"""What a replica is to its primary, and how that is said."""

from __future__ import annotations

from dataclasses import replace

from app.db.reading.state import ReplicaState, ServerPlace, why_not

PRIMARY = ServerPlace(system=1, database="gridkeeper", timeline=2, position=100)


def test_only_a_standby_with_the_history_of_the_primary_is_its_replica() -> None:
    assert why_not(replace(PRIMARY, position=7), PRIMARY) == ""
    for other in (replace(PRIMARY, system=9), replace(PRIMARY, database="postgres")):
        assert why_not(other, PRIMARY) == "it is no replica of the database of GRIDKEEPER_DATABASE__URL"
    assert why_not(replace(PRIMARY, position=None), PRIMARY) == "it is no standby, but a primary itself"
    said = why_not(replace(PRIMARY, timeline=3), PRIMARY)
    assert said.startswith("it is on timeline 3, the primary on 2: it follows another server")


def test_how_long_a_replica_has_not_answered_is_told_as_long_as_it_does_not() -> None:
    away = ReplicaState("b/x", 30, None, "it does not answer: nothing came in time", since=10)
    assert (away.used, away.away(25)) == (False, 15)
    assert away.text == "b/x: the primary answers reads, because it does not answer: nothing came in time"
    late = replace(away, lag=61.2, problem="it is more than 30 s behind")
    assert late.text == "b/x: the primary answers reads, because it is more than 30 s behind, 61 s at most"
    used = replace(away, lag=0.26, problem="")
    assert (used.used, used.away(25), used.text) == (True, 0, "b/x, at most 0.3 s behind: it answers reads")
