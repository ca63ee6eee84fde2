"""`gridkeeper websites`: from adding to removing, and the way through a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
import yaml

from app.cli import run
from app.settings import variables
from tests.support.certificate_authority import CertificateAuthority


@pytest.fixture(autouse=True)
def _surroundings(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    yield
    structlog.reset_defaults()


def written(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert run(["websites", *arguments]) == code
    found = capsys.readouterr()
    return found.err if code else found.out


def test_a_website_from_adding_to_removing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("Bearer s3cret\n")
    chosen = [
        "--every",
        "60",
        "--header",
        "Authorization: @token",
        "-e",
        "latency < 2 s",
        "--label",
        "group=shop",
    ]
    added = json.loads(written(capsys, "add", "https://example.com", *chosen, "--json"))
    assert (added["name"], added["check_interval"], added["labels"]) == ("example.com", 60, {"group": "shop"})
    assert "has this address already" in written(capsys, "add", "https://EXAMPLE.com/", code=1)
    assert "--every" in written(capsys, "add", "https://example.org", "--every", "5", code=2)
    assert "can never be true" in written(capsys, "add", "https://example.org", "-e", "status 999", code=2)
    written(capsys, "edit", "example.com", "--name", "Shop", "--failures", "3")
    assert "can never agree" in written(capsys, "edit", "Shop", "--region", "eu", "--quorum", "2", code=2)
    written(capsys, "edit", "Shop", "--region", "eu", "--region", "us")
    assert [one["region"] for one in json.loads(written(capsys, "show", "Shop", "--json"))["seen_by"]] == ["eu", "us"]
    assert "unknown" in written(capsys, "show", "Shop")
    assert "--family" in written(capsys, "edit", "Shop", "--family", "ipv5", code=2)
    written(capsys, "edit", "Shop", "--region", "", "--family", "ipv6")
    client = CertificateAuthority(tmp_path).issue("client").file
    (tmp_path / "proxy").write_text("http://me:s3cret@proxy.example:3128\n")
    written(capsys, "edit", "Shop", "--client-certificate", str(client), "--proxy", "@proxy")
    assert "wanted as PEM" in written(capsys, "edit", "Shop", "--client-certificate", str(tmp_path / "token"), code=2)
    hidden = json.loads(written(capsys, "edit", "Shop", "--name", "Shop", "--json"))
    assert (hidden["client_certificate"], hidden["proxy"]) == ("***", "http://***@proxy.example:3128")
    with psycopg.connect(os.environ["GRIDKEEPER_DATABASE__URL"]) as connection:
        [(kept, proxy)] = connection.execute("select client_certificate, proxy from websites").fetchall()
    assert "BEGIN" not in kept
    assert "s3cret" not in proxy
    written(capsys, "check", "Shop")
    written(capsys, "pause", "1")
    assert json.loads(written(capsys, "show", "Shop", "--json"))["address_family"] == "ipv6"
    [listed] = json.loads(written(capsys, "list", "--json"))
    assert (listed["name"], listed["failures"], listed["status"]) == ("Shop", 3, "paused")
    assert "resume" in written(capsys, "check", "Shop", code=1)
    written(capsys, "resume", "Shop")
    shown = written(capsys, "show", "Shop")
    assert "https://example.com" in shown
    assert "s3cret" not in shown + written(capsys, "list")
    assert written(capsys, "availability", "--csv").splitlines()[1].startswith("1,Shop,shop,")
    assert "Shop" in written(capsys, "availability")
    assert run(["report", "sla", "--group", "shop"]) == 0
    assert run(["report", "sla", "--group", "shp"]) == 1
    assert "there is no group 'shp' of websites; did you mean shop?" in capsys.readouterr().err
    (tmp_path / "probes.yaml").write_text("websites: {A: {url: 'https://a.example'}, B: {}}")
    assert run(["websites", "validate", "probes.yaml"]) == 1
    assert "probes.yaml, line 1: websites.B.url: this is missing" in capsys.readouterr().out
    assert "No such file" in written(capsys, "validate", "probs.yaml", code=2)
    Path("probes.yaml").write_text("\n")
    assert "the file is empty" in written(capsys, "validate", "probes.yaml", code=1)
    assert json.loads(written(capsys, "show", "Shop", "--json"))["checks"] == []
    assert "would be gone for good; say --yes" in written(capsys, "remove", "Shop", code=2)
    written(capsys, "remove", "Shop", "--yes")
    assert "there is no website 'Shop'" in written(capsys, "show", "Shop", code=1)


def test_what_is_exported_can_be_imported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def taken(entries: list[dict[str, Any]], *options: str, code: int = 0) -> str:
        (tmp_path / "websites.json").write_text(json.dumps(entries))
        capsys.readouterr()
        assert run(["websites", "import", "websites.json", *options]) == code
        return capsys.readouterr().err

    first: list[dict[str, Any]] = [
        {"url": "https://a.example", "name": "A", "headers": {"X-Key": "s3cret"}},
        {"url": "https://b.example", "name": "B"},
    ]
    assert "would be: 2 added" in taken(first, "--dry-run")
    assert "2 added, 0 changed" in taken(first)
    exported = json.loads(written(capsys, "export"))
    assert [one["headers"] for one in exported] == [{"X-Key": "***"}, {}]
    assert "0 added, 0 changed, 2 as they were" in taken(exported)
    exported[1]["note"] = "ours"
    assert "0 added, 1 changed, 1 as they were" in taken(exported)
    [a, _] = json.loads(written(capsys, "export", "--secrets"))
    assert a["headers"] == {"X-Key": "s3cret"}
    exported[1] = {"url": "https://c.example", "name": "C", "interval": 5}
    assert "names no website" in taken([], code=2)
    as_yaml = written(capsys, "export", "--yaml")
    assert yaml.safe_load(as_yaml)["websites"]["A"]["headers"] == {"X-Key": "${A_X_KEY}"}
    wrong = taken(exported, code=2)
    assert "entry 2 ('C'): interval" in wrong


def test_a_name_that_is_the_number_of_another_website_removes_neither(capsys: pytest.CaptureFixture[str]) -> None:
    number = json.loads(written(capsys, "add", "https://example.com", "--name", "Shop", "--json"))["id"]
    written(capsys, "add", "https://example.org", "--name", str(number))
    written(capsys, "add", "https://example.net", "--name", "987654")
    assert f"{number} is the number of 'Shop' and the name of" in written(capsys, "remove", str(number), code=2)
    written(capsys, "remove", "987654", "--yes")
    names = [one["name"] for one in json.loads(written(capsys, "list", "--json"))]
    assert names == ["Shop", str(number)]


def test_maintenance_acknowledgement_and_service_levels(capsys: pytest.CaptureFixture[str], database_url: str) -> None:
    written(capsys, "add", "https://a.example", "--name", "A", "--label", "group=shop")
    assert "one of them" in written(capsys, "maintenance", "add", "x", "--for", "1h", "--from", "now", code=2)
    assert "--cron" in written(capsys, "maintenance", "add", "x", "--for", "1h", "--all", code=2)
    planned = ("maintenance", "add", "x", "--for", "1h")
    written(capsys, *planned, "--website", "A", "--from", "now")
    assert ["x until" in written(capsys, command, *which) for command, *which in (("list",), ("show", "A"))] == [
        True
    ] * 2
    written(capsys, *planned, "--label", "group=shop", "--cron", "0 3 * * 0", "--zone", "Europe/Berlin")
    shifted = (*planned, "--website", "A", "--zone", "Europe/Berlin", "--json", "--from")
    day = json.loads(written(capsys, *shifted, "31.12.2040"))
    assert day["starts_at"] == "2040-12-30T23:00:00Z"
    written(capsys, "maintenance", "remove", str(day["id"]))
    assert run(["websites", *planned, "--website", "A", "--from", "1.2.2020"]) == 0
    assert f"maintenance {day['id'] + 1} (x) is over\nwarning: it lies in the past" in capsys.readouterr().err
    written(capsys, "maintenance", "remove", str(day["id"] + 1))
    lines = written(capsys, "maintenance", "list").splitlines()
    assert ["now" in lines[1], "group=shop" in lines[2], "0 3 * * 0 Europe/Berlin" in lines[2]] == [True] * 3
    written(capsys, "maintenance", "remove", "1")
    assert [one["id"] for one in json.loads(written(capsys, "maintenance", "list", "--json"))] == [2]
    assert "has no downtime" in written(capsys, "acknowledge", "A", code=1)
    opened_now = "insert into website_windows (website_id, kind, started_at) values (1, 'down', now())"
    with psycopg.connect(database_url) as connection:
        connection.execute(opened_now)
    kept = json.loads(written(capsys, "acknowledge", "A", "--note", "looked at", "--by", "Ada", "--json"))
    assert (kept["acknowledged_by"], kept["note"], kept["ended_at"]) == ("Ada", "looked at", None)
    assert "Ada" in written(capsys, "show", "A")
    assert json.loads(written(capsys, "acknowledge", "A", "--undo", "--json"))["acknowledged_at"] is None
    for options, first in (((), "name"), (("--csv", "--by-month", "--per", "group"), "id,name,group,month")):
        capsys.readouterr()
        assert run(["report", "sla", *options]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith(first)
        assert len(lines) == 2


def test_a_name_that_two_have_is_told_and_a_command_asks_for_the_number(capsys: pytest.CaptureFixture[str]) -> None:
    written(capsys, "add", "https://a.example", "--name", "Shop")
    assert run(["websites", "add", "https://b.example", "--name", "Shop", "--label", "depends_on=Gate"]) == 0
    told = capsys.readouterr().err
    assert "warning: the name 'Shop' is that of website 1 too; commands take its number" in told
    assert "warning: no website is called 'Gate' yet" in told
    assert "several websites have the name 'Shop'; take a number: 1, 2" in written(capsys, "pause", "Shop", code=2)
    written(capsys, "pause", "2")
    assert run(["websites", "maintenance", "add", "x", "--for", "1h", "--from", "now", "--label", "group=none"]) == 0
    assert "warning: no website has the labels group=none yet" in capsys.readouterr().err
