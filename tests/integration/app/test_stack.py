"""The image and the two stacks on a real engine: built, started, healthy, used, upgraded, taken down."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PROJECT = f"gridkeeper-test-{os.getpid()}"
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("--version",),
    ("areas",),
    ("items",),
    ("check-config",),
    ("migrate",),
    ("status", "--json"),
    ("jobs", "list"),
    ("collect", "--area", "FR", "--item", "load_actual", "--from", "-1d", "--quiet"),
    ("export", "--area", "FR", "--item", "load_actual", "--from", "-1d"),
    ("export", "--area", "FR", "--item", "load_actual", "--from", "-1d", "-f", "parquet", "-o", "/tmp/load.parquet"),
    ("gaps",),
    ("coverage",),
    ("backfill", "plan", "--area", "FR", "--item", "load_actual", "--from", "-3d"),
    ("quality", "score", "--area", "FR", "--item", "load_actual"),
    ("quality", "findings"),
    ("report", "quality", "-o", "/tmp/quality.html"),
    ("report", "daily"),
    ("alerts", "rules"),
    ("alerts", "list"),
    ("alerts", "check"),
)


@dataclass(frozen=True, slots=True)
class Stack:
    """Compose under a project, ports and an image tag of its own."""

    environment: dict[str, str]

    def __call__(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            # The file is named: with a name of the project alone, `down` would take its services from the containers.
            ["docker", "compose", "--file", "docker-compose.yml", "--project-name", PROJECT, "--env-file", os.devnull, *arguments],
            check=False, capture_output=True, text=True, cwd=ROOT, env=self.environment,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"docker compose {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def started(self, service: str) -> str:
        """When the service's container was started."""
        number = self("--profile", "demo", "ps", "--all", "--quiet", service).strip()
        return docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}} {{.State.Running}}", number)


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def why_not() -> str | None:
    """Why the stack cannot be started here; None where it can."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    if subprocess.run(["docker", "info"], check=False, capture_output=True).returncode:
        return "no container engine answers"
    if subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode:
        return "docker compose is not installed"
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    wanted = (os.environ.get("PYTHON_IMAGE", "python:3.13-slim-bookworm"), compose["x-database"]["image"])
    for image in wanted:
        for attempt in (("image", "inspect", image), ("pull", "--quiet", image)):
            if not subprocess.run(["docker", *attempt], check=False, capture_output=True).returncode:
                break
        else:
            return f"the image {image} can neither be found nor pulled"
    return None


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    if reason := why_not():
        pytest.skip(reason)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRIDKEEPER_", "COMPOSE_"))}
    ports = {name: free_port() for name in ("APP_PORT", "DEMO_PORT", "GRAFANA_PORT", "DEMO_GRAFANA_PORT")}
    stack = Stack(kept | ports | {"IMAGE_TAG": PROJECT, "GRIDKEEPER_SANDBOX": "1"})
    try:
        stack("build", "demo")
        yield stack
    finally:
        stack("--profile", "demo", "down", "--volumes", "--timeout", "5", check=False)
        subprocess.run(["docker", "image", "rm", "--force", f"gridkeeper:{PROJECT}"], check=False, capture_output=True)


@pytest.mark.timeout(1800)
def test_both_stacks_start_work_and_go_without_each_other(stack: Stack) -> None:
    stack("up", "--detach", "--wait", "demo")
    for command in COMMANDS:
        stack("exec", "--no-TTY", "demo", "gridkeeper", *command)
    figures = measured(stack, "demo")
    assert figures["disk_total_bytes"] > 1e9, "the disk of the database, not the container's own 64 MB"
    assert figures["memory_total_bytes"] == 1536 * 1024**2

    stack("up", "--detach", "--wait", "app")
    demo, database = stack.started("demo"), stack.started("database")
    # Another image, as after `git pull`: a label changes it and nothing else.
    stack("build", "--build-arg", "REVISION=next", "app")
    app = stack.started("app")
    stack("up", "--detach", "--wait", "app")
    assert stack.started("app") != app
    assert stack.started("database") == database, "an upgrade of the program does not restart the database"

    stack("down", "--timeout", "20")
    assert stack.started("demo") == demo, "the demo keeps running, with its database"
    stack("exec", "--no-TTY", "demo", "gridkeeper", "status")
    stack("--profile", "demo", "down", "--timeout", "20")
    assert stack("--profile", "demo", "ps", "--all", "--quiet") == ""


def measured(stack: Stack, service: str) -> dict[str, Any]:
    """The newest sample of the service's resources."""
    document = json.loads(stack("exec", "--no-TTY", service, "gridkeeper", "status", "--json"))
    [sample] = document["health"]["service"]["replicas"]
    return dict(sample)
