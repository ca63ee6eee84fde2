"""Where the links of messages lead."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer.main

from app.alerting.delivery.messages import PLAIN, Sender, blocks, compose
from app.alerting.outbox.items import item_of
from app.alerting.rules.book import read_book
from app.alerting.rules.runbook import sections, whole
from app.cli import cli
from app.settings import Settings
from app.web.app import create_app
from tests.support.delivery_factory import NOW, event
from tests.support.web_factory import Service, asking

RULES = read_book([]).checked().rules
HERE = Sender("grid-1", "http://service")


@pytest.mark.parametrize("name", sorted(RULES))
async def test_the_link_of_each_shipped_rule_leads_to_what_to_do(name: str) -> None:
    told = compose("k", NOW, [item_of(event(of=RULES[name]))], sender=HERE)
    link = re.search(r"runbook: (\S+)", blocks(told, PLAIN)[0])
    assert link is not None
    async with asking(create_app(Service().probes())) as client:
        found = await client.get(link[1])
    assert found.status_code == 200
    assert found.text.startswith(f"## {name}\n")
    assert re.search(r"^1\. .{20}", found.text, re.MULTILINE)


def test_the_runbook_has_the_shipped_rules_and_no_others() -> None:
    assert set(sections()) == set(RULES)


def test_each_command_of_the_runbook_exists_with_its_options() -> None:
    root: Any = typer.main.get_command(cli)
    for line in re.findall(r"`gridkeeper ([^`]*)`", whole()):
        command, words = root, line.split()
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        known = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line


async def test_a_rule_that_is_not_shipped_has_no_section() -> None:
    async with asking(create_app(Service().probes())) as client:
        assert (await client.get("/runbook/mine")).status_code == 404


@pytest.mark.parametrize(
    ("web", "url"),
    [
        ({"base_url": "https://grid.example.org/gk/"}, "https://grid.example.org/gk"),
        ({"host": "::1", "port": 81}, "http://[::1]:81"),
        ({"host": "10.0.0.5"}, "http://10.0.0.5:8080"),
        ({"port": 0}, ""),
    ],
)
def test_links_begin_with_the_address_of_the_settings(web: dict[str, object], url: str) -> None:
    assert Settings(web=web).url == url  # type: ignore[arg-type]  # the settings validate it


@pytest.mark.parametrize("text", ["grid.example.org", "ftp://x", "https://user:pw@x", "https://x/?a", "https://x/ y"])
def test_an_address_that_no_link_can_begin_with_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"https://gridkeeper\.example\.org"):
        Settings(web={"base_url": text})  # type: ignore[arg-type]  # the settings validate it
