"""`config/probes.yaml`: what it says becomes websites, and what is wrong is named with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.probes.configured.files import read_drafts, yaml_of
from app.probes.configured.reading import read_probes
from app.probes.websites.models import WebsiteDraft

FULL = """
websites:
  Shop:
    url: https://shop.example/
    check_interval: 5m
    timeout: 2.5 s
    enabled: no
    method: POST
    headers: {Accept: text/html, X-Api-Key: "${SHOP_KEY}"}
    body: '{"a": 1}'
    conditions: [status 200]
    follow_redirects: false
    failures: 3
    labels: {group: shop, on: 1}
    note: who to call
    regions: [eu, us]
    quorum: 1
    address_family: ipv6
  Second: {url: "http://second.example"}
"""


def test_a_file_says_websites(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHOP_KEY", "s3cret")
    found = read_probes(FULL.encode(), "probes.yaml")
    shop = WebsiteDraft(
        "https://shop.example/", "Shop", False, 300, "POST", {"Accept": "text/html", "X-Api-Key": "s3cret"}, '{"a": 1}', 2.5,
        False, ("status 200",), 3, 2, {"group": "shop", "on": "1"}, "who to call", ("eu", "us"), 1, "ipv6",
    )  # fmt: skip
    assert (found.drafts, found.problems) == ((shop, WebsiteDraft("http://second.example", "Second")), ())
    monkeypatch.setenv("SHOP_X_API_KEY", "s3cret")
    (tmp_path / "probes.yaml").write_text(yaml_of(found.drafts))
    assert "s3cret" not in yaml_of(found.drafts)
    assert read_drafts(tmp_path / "probes.yaml") == list(found.drafts)


def test_names_and_variables_of_a_written_file_are_there_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["Shop", "Shop 2", "Shop", "Shop", "shop-2", "9"]
    drafts = [
        WebsiteDraft(f"https://{number}.example/", name, headers={"X-Key": f"key-{number}"})
        for number, name in enumerate(names)
    ]
    text = yaml_of(drafts)
    variables = re.findall(r"\$\{(\w+)\}", text)
    assert len(set(variables)) == len(names)
    for number, variable in enumerate(variables):
        monkeypatch.setenv(variable, f"key-{number}")
    (tmp_path / "probes.yaml").write_text(text)
    found = read_drafts(tmp_path / "probes.yaml")
    assert [one.name for one in found] == ["Shop", "Shop 2", "Shop 3", "Shop 4", "shop-2", "9"]
    assert [one.headers for one in found] == [one.headers for one in drafts]


WRONG = """
websites:
  A: {url: https://a.example, chek_interval: 60}
  B: {url: https://a.example}
  C: {}
  D: {url: ftp://d.example}
  E: {url: https://e.example, check_interval: 5 s, conditions: [state 200], labels: {"a b": c}}
  F: {url: https://f.example, headers: {Authorization: Bearer s3cret, X-Key: "${NOBODY_SET_THIS}"}}
  G: {url: https://g.example, check_interval: 60, timeout: 56, failures: 0, method: PATCH}
  H: {url: https://h.example, timeout: 10, conditions: [latency > 60 s]}
more: 1
"""


def test_what_is_wrong_is_named_with_its_line(tmp_path: Path) -> None:
    problems = [f"{one.line} {one.field}: {one.message}" for one in read_probes(WRONG.encode(), "probes.yaml").problems]
    for said in (
        "3 websites.A.chek_interval: there is no such field; did you mean",
        "4 websites.B.url: the website 'A' has this address already",
        "5 websites.C.url: this is missing",
        "6 websites.D.url: an address begins with",
        "7 websites.E.check_interval: it must be a number of seconds from 60 to 3600",
        "7 websites.E.conditions: 'state 200' is no condition",
        "7 websites.E.labels: 'a b' is no name of a label",
        "8 websites.F.headers.Authorization: a secret does not stand in a file",
        "8 websites.F.headers.X-Key: the environment has no NOBODY_SET_THIS",
        "9 websites.G.failures: 0 is out of range",
        "9 websites.G.timeout: it must be a number of seconds from 0.1 to 55",
        "10 websites.H: conditions: 'latency > 60 s' can never be true: the time-out ends a check after 10 s",
        "11 more: there is no such field",
    ):
        assert any(one.startswith(said) for one in problems), (said, problems)
    assert not any("s3cret" in one for one in problems)
    (tmp_path / "probes.yaml").write_text(WRONG)
    with pytest.raises(ConfigurationError, match="this is missing"):
        read_drafts(tmp_path / "probes.yaml")
