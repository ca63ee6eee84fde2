"""`gridkeeper alerts list`, `history`, `ack`, silences and pauses on a real database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.alerting.models import Signal, labels_of
from app.alerting.planned import planned_silence, zoned_instant
from app.alerting.state.silences import parse_matchers
from app.cli import run
from app.clock import FixedClock
from app.errors import ConfigurationError
from tests.support.alert_factory import T0, rule, scene, signal
from tests.support.store_factory import opened

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs one command; its code and what it said."""
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    monkeypatch.setenv("GRIDKEEPER_LOG__LEVEL", "warning")
    monkeypatch.setenv("LOGNAME", "ada")
    monkeypatch.setattr("socket.gethostname", lambda: "desk")

    def act(*arguments: str) -> tuple[int, str, str]:
        code = run(["alerts", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return act


@pytest.fixture
def alerts(database_url: str) -> None:
    """One alert that fires, one that is pending, one that has ended."""

    async def play() -> None:
        now = datetime.now(UTC) - timedelta(minutes=5)
        async with opened(database_url) as database:
            it = scene(database, rule(), rule("slow", hold=timedelta(hours=1)), clock=FixedClock(now))
            await it.round()
            long = Signal(labels_of({"area": "FR", "name": "\x1b[31mred" + "x" * 200}), 3.5)
            it.world.faults["collection_failing"] = [long, signal(area="NL")]
            it.world.faults["slow"] = [signal(float("inf"))]
            await it.round(10)
            it.world.faults["collection_failing"] = [long]
            await it.round(10)

    asyncio.run(play())


def test_alerts_are_listed_for_people_and_for_programs(alerts: None, command: Command) -> None:
    code, out, err = command("list")
    assert code == 0
    assert [line.split()[1:4] for line in out.splitlines()[1:]] == [
        ["warning", "firing", "collection_failing"],
        ["warning", "pending", "slow"],
    ]
    assert "\x1b" not in out
    assert err == "2 alerts\n"
    found: list[dict[str, Any]] = json.loads(command("list", "--all", "--json")[1])
    assert [one["phase"] for one in found] == ["firing", "pending", "resolved"]
    assert (found[0]["value"], found[1]["value"], found[2]["labels"]) == (3.5, "inf", {"area": "NL"})
    assert [one["phase"] for one in json.loads(command("list", "--pending", "--json")[1])] == ["pending"]
    assert command("list", "--firing")[2] == "1 alert\n"


def test_an_acknowledgement_names_who_and_why(alerts: None, command: Command) -> None:
    number = json.loads(command("list", "--firing", "--json")[1])[0]["id"]
    assert "acknowledged by ada@desk" in command("ack", str(number), "--comment", "on it")[2]
    [found] = json.loads(command("list", "--firing", "--json")[1])
    assert (found["acknowledged_by"], found["acknowledge_note"]) == ("ada@desk", "on it")
    assert "acknowledged" in command("list", "--firing")[1]
    code, _, err = command("ack", "4711")
    assert (code, err) == (1, "gridkeeper: there is no alert 4711; `gridkeeper alerts list` shows them\n")


def test_history_shows_events_and_sums(alerts: None, command: Command) -> None:
    code, out, err = command("history", "--from", "-2h", "--rule", "collection_failing")
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()[1:]] == ["resolved", "fired", "fired"]
    assert err.startswith("3 events from ")
    kinds = [event["kind"] for event in json.loads(command("history", "--json", "--from", "-2h")[1])]
    assert sorted(kinds) == ["fired", "fired", "pending", "resolved"]
    sums = json.loads(command("history", "--summary", "--json", "--from", "-2h")[1])
    assert [(one["rule"], one["evaluations"], one["fired"]) for one in sums] == [
        ("collection_failing", 2, 2),
        ("slow", 2, 0),
    ]
    assert command("history", "--summary", "--from", "-2h")[1].splitlines()[1].split()[-1] == "10s"


def test_silences_are_made_listed_and_ended(command: Command) -> None:
    code, _, err = command("silence", "area=FR", "rule=~coll.*", "--for", "2h", "-c", "RTE works")
    assert code == 0
    assert "silence 1: area=FR rule=~coll.* from " in err
    assert "(2h); people are notified of what still fires then" in err
    [found] = json.loads(command("silences", "--json")[1])
    assert (found["state"], found["by"], found["matchers"]) == ("active", "ada@desk", ["area=FR", "rule=~coll.*"])
    assert command("silences")[1].splitlines()[1].split()[:2] == ["1", "active"]
    assert command("unsilence", "1")[0] == 0
    assert command("silences")[2] == "0 silences\n"
    assert json.loads(command("silences", "--all", "--json")[1])[0]["state"] == "over"
    code, _, err = command("unsilence", "1")
    assert (code, "no silence 1 that goes on" in err) == (1, True)


def test_a_silence_says_how_many_alerts_it_matches_now(alerts: None, command: Command) -> None:
    assert "1 alert matches now, 1 of them firing" in command("silence", 'area="FR"', "--for", "1h")[2]
    assert "1 alert matches now, 0 of them firing" in command("silence", "rule=slow", "--for", "1h")[2]
    assert "no alert matches now, of 2 open ones" in command("silence", "area=NL", "--for", "1h")[2]


def test_what_steers_a_terminal_is_not_printed(database_url: str, command: Command) -> None:
    code, _, err = command(
        "silence", "unit=a\x1b[31mb", "--for", "1h", "--by", "\x1b]0;x\x07", "-c", "\x1b[2Jgone\nnext"
    )
    assert (code, "\x1b" in err) == (0, False)
    _, out, _ = command("silences")
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2
    code, _, err = command("silence", "\x1b[31m", "--for", "1h")
    assert (code, "\x1b" in err) == (2, False)


def test_a_silence_that_cannot_be_used_is_listed_and_silences_nothing(database_url: str, command: Command) -> None:
    async def keep() -> None:
        async with opened(database_url) as database, database.connection() as connection:
            await connection.execute(
                "insert into silences (matchers, starts_at, ends_at, author, comment, created_at)"
                " values ($1, now(), now() + interval '1 day', 'a', '', now())",
                [r"area=~(a)\1"],
            )

    asyncio.run(keep())
    [found] = json.loads(command("silences", "--json")[1])
    assert (found["state"], "RE2 takes neither" in found["problem"]) == ("unusable", True)
    assert "unusable" in command("silences")[1]


def test_maintenance_that_is_active_says_so(command: Command) -> None:
    _, _, err = command("maintenance", "area=FR", "--cron", "*/5 * * * *", "--for", "10m")
    assert "active now, until " in err
    assert ", next from " in err
    [found] = json.loads(command("maintenance", "--json")[1])
    assert found["active"]
    assert found["until"] is not None


def test_maintenance_comes_again_until_it_is_ended(command: Command) -> None:
    code, _, err = command("maintenance", "area=FR", "--cron", "0 3 * * 0", "--for", "2h30m", "--by", "bob")
    assert code == 0
    assert "maintenance 1: area=FR next from " in err
    [found] = json.loads(command("maintenance", "--json")[1])
    assert (found["schedule"], found["seconds"], found["by"]) == ("cron 0 3 * * 0 Europe/Brussels", 9000.0, "bob")
    assert command("maintenance")[1].splitlines()[1].split()[0] == "1"
    assert command("maintenance", "--end", "1")[0] == 0
    assert command("maintenance")[2] == "0 maintenance windows\n"
    assert command("maintenance", "--end", "1")[0] == 1


def test_rules_are_paused_and_resumed(alerts: None, command: Command) -> None:
    assert "rests until" in command("pause", "slow")[2]
    assert "looked at again" in command("resume", "slow")[2]
    code, _, err = command("pause", "slo")
    assert (code, "did you mean slow" in err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["silence", "area=FR"], "say how long it lasts"),
        (["silence", "area=FR", "--for", "2h", "--until", "2030-01-01T00:00Z"], "say how long it lasts"),
        (["silence", "area=FR", "--until", "2020-01-01T00:00Z"], "is over before it begins"),
        (["silence", "--for", "2h"], "would silence every alert"),
        (["silence", "area=FR", "--until", "2030-01-01T00:00"], "lacks its offset"),
        (["silence", "area=FR", "--until", "2030-01-01T00:00 Europe/Nowhere"], "is no instant"),
        (["silence", "area=FR", "--for", "999999w"], "--for '999999w' is longer than 3650 days"),
        (["silence", "area=FR", "--for", "0h"], "--for '0h' is no time at all"),
        (["silence", "area=FR", "--until", "9999-12-31T23:59-05:00"], "lies outside the years"),
        (["silence", "area=FR", "--until", "9999-12-31T23:59 America/New_York"], "is no instant"),
        (["silence", "area=FR,DE", "--for", "1h"], "write 'area=~FR|DE'"),
        (["ack", "99999999999999999999"], "less than or equal to 9223372036854775807"),
        (["unsilence", "9223372036854775808"], "less than or equal to 9223372036854775807"),
        (["retry", "99999999999999999999"], "less than or equal to 9223372036854775807"),
        (["maintenance", "--end", "99999999999999999999"], "less than or equal to 9223372036854775807"),
        (["maintenance", "area=FR", "--cron", "0 3 * * 0", "--for", "99999999w"], "is longer than 3650 days"),
        (["maintenance", "area=FR"], "say when it begins"),
        (["maintenance", "area=FR", "--cron", "0 3 * *"], "has 4 fields"),
        (["maintenance", "area=FR", "--cron", "0 3 * * *", "--zone", "Mars"], "--zone 'Mars' is no time zone"),
    ],
)
def test_what_is_asked_wrongly_is_refused_with_the_remedy(command: Command, arguments: list[str], reason: str) -> None:
    code, _, err = command(*arguments)
    assert code == 2
    assert reason in err


def test_moments_of_a_silence_may_stand_in_any_zone() -> None:
    planned = planned_silence(
        parse_matchers(["area=FR"]), T0, None, "2024-07-01T22:00+02:00", "2024-07-02T06:00 America/New_York",
        by="me", comment="",
    )  # fmt: skip
    assert planned.starts_at == datetime(2024, 7, 1, 20, tzinfo=UTC)
    assert planned.ends_at == datetime(2024, 7, 2, 10, tzinfo=UTC)
    with pytest.raises(ConfigurationError, match="--until '2024-07-01T22:00Z Europe/Berlin' is no instant"):
        zoned_instant("2024-07-01T22:00Z Europe/Berlin", name="--until")


@pytest.mark.parametrize(
    "arguments",
    [["backfill", "status", "9" * 20], ["backfill", "pause", "9" * 20], ["quality", "accept", "9" * 20, "--note", "x"]],
)
def test_numbers_beyond_the_database_are_refused_by_every_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert "9223372036854775807" in capsys.readouterr().err
