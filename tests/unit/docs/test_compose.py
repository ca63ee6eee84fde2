"""What docker-compose.yml, the Dockerfile and their scripts promise; `docker compose config` where the plugin is."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.db.dashboard_role import RULE_READER
from app.settings import variables

ROOT = Path(__file__).parents[3]
ONE_SHOTS = {
    "secrets", "password", "migrate", "rules-password", "reader-password",
    "demo-password", "demo-migrate", "demo-rules-password", "demo-reader-password",
}  # fmt: skip
DATABASES = {"database", "demo-database"}
LASTING = {"app", "worker", "grafana", "demo", "demo-grafana"} | DATABASES
PASSWORDS = {
    "database_password", "rules_password", "api_key", "probes_key", "grafana_reader_password", "grafana_admin_password",
}  # fmt: skip
# What the Compose specification allows for a service, as far as it is used here.
SERVICE_KEYS = {
    "build", "cap_add", "cap_drop", "command", "depends_on", "deploy", "entrypoint", "env_file",
    "environment", "group_add", "healthcheck", "image", "logging", "network_mode", "networks", "ports",
    "profiles", "read_only", "restart", "secrets", "security_opt", "shm_size", "stop_grace_period",
    "stop_signal", "tmpfs", "user", "volumes",
}  # fmt: skip
CONDITIONS = {"service_healthy", "service_completed_successfully"}


@functools.cache
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def default(text: str) -> str:
    """The text with the defaults of its variables."""
    return re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", text)


@pytest.fixture(params=sorted(ONE_SHOTS | LASTING))
def name(request: pytest.FixtureRequest) -> str:
    text: str = request.param
    return text


def test_the_services_are_those_that_the_documentation_names() -> None:
    assert set(services()) == ONE_SHOTS | LASTING
    text = (ROOT / "docs" / "containers.md").read_text()
    assert [service for service in services() if f"`{service}`" not in text] == []


def test_a_service_has_known_keys_only(name: str) -> None:
    assert set(services()[name]) - SERVICE_KEYS == set()
    assert {key for key in compose() if not key.startswith("x-")} == {
        "name", "services", "networks", "volumes", "secrets",
    }  # fmt: skip


def test_a_service_has_no_rights_it_does_not_need(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    root = "user" not in service
    assert root == (name in DATABASES | {"secrets"})
    assert bool(service.get("cap_add")) == root


def test_a_service_has_limits_and_its_log_does_not_grow(name: str) -> None:
    limits = services()[name]["deploy"]["resources"]["limits"]
    assert set(limits) == {"cpus", "memory", "pids"}
    assert services()[name]["logging"]["options"].keys() == {"max-size", "max-file"}


def test_an_image_is_pinned_to_a_version(name: str) -> None:
    service = services()[name]
    image, _, tag = default(service["image"]).partition(":")
    assert tag not in {"", "latest"}
    assert "." not in image.partition("/")[0], "an image names no registry"
    if "build" not in service:
        assert re.search(r"\d+\.\d+\.\d+", tag)


def test_what_lasts_is_watched_and_restarted_and_what_is_done_once_is_not(name: str) -> None:
    service = services()[name]
    assert service["restart"] == ("no" if name in ONE_SHOTS else "unless-stopped")
    if name in ONE_SHOTS:
        assert service["healthcheck"] == {"disable": True}
    elif "build" not in service:  # else the image has it
        assert {"test", "interval", "timeout", "retries"} <= service["healthcheck"].keys()


def test_services_wait_for_what_they_need(name: str) -> None:
    needed = services()[name].get("depends_on", {})
    assert {entry["condition"] for entry in needed.values()} <= CONDITIONS
    for other, entry in needed.items():
        assert entry["condition"] == ("service_completed_successfully" if other in ONE_SHOTS else "service_healthy")
    assert ("secrets" in reached(name)) == (name != "secrets")


def reached(name: str) -> set[str]:
    needed = set(services()[name].get("depends_on", {}))
    return needed.union(*(reached(other) for other in needed))


def test_the_service_starts_after_the_migration_of_its_database() -> None:
    for app, migration in (("app", "migrate"), ("demo", "demo-migrate")):
        assert migration in services()[app]["depends_on"]
        urls = {services()[service]["environment"]["GRIDKEEPER_DATABASE__URL"] for service in (app, migration)}
        assert len(urls) == 1


def test_rules_log_in_as_a_role_with_a_password_of_its_own_before_the_service_starts() -> None:
    for app, password in (("app", "rules-password"), ("demo", "demo-rules-password")):
        file = services()[app]["environment"]["GRIDKEEPER_DATABASE__RULES_PASSWORD_FILE"]
        assert services()[password]["command"] == ["password", RULE_READER, file]
        assert file != services()[app]["environment"]["GRIDKEEPER_DATABASE__PASSWORD_FILE"]
        assert password in services()[app]["depends_on"]
        assert "migrate" in "".join(services()[password]["depends_on"])


def test_messages_name_the_installation_and_link_to_the_published_port() -> None:
    found = {}
    for name in ("app", "demo"):
        environment, [port] = services()[name]["environment"], services()[name]["ports"]
        published = port.removeprefix("127.0.0.1:").removesuffix(":8080")
        found[name] = (environment["GRIDKEEPER_INSTANCE"], environment["GRIDKEEPER_WEB__BASE_URL"])
        assert f"http://127.0.0.1:{published}" in found[name][1]
    assert found["app"][0] == "${GRIDKEEPER_INSTANCE:-gridkeeper}", "the shell and .env win"
    assert found["app"][1].startswith("${GRIDKEEPER_WEB__BASE_URL:-http://")
    assert found["demo"][0] == "${GRIDKEEPER_INSTANCE:-gridkeeper} demo"


def test_synthetic_data_have_a_database_of_their_own() -> None:
    demo, app = (services()[service]["environment"] for service in ("demo", "app"))
    assert services()["demo"]["profiles"] == ["demo"]
    assert "profiles" not in services()["app"]
    assert (demo["GRIDKEEPER_SANDBOX"], demo["GRIDKEEPER_ENTSOE__TOKEN"]) == ("1", "")
    assert demo["GRIDKEEPER_DATABASE__URL"] != app["GRIDKEEPER_DATABASE__URL"]
    assert "@demo-database:" in demo["GRIDKEEPER_DATABASE__URL"]


def test_what_is_not_for_the_demo_needs_nothing_of_it() -> None:
    for name, service in services().items():
        if "profiles" not in service:
            assert not any(other.startswith("demo") for other in reached(name))


def test_what_is_for_the_demo_outlives_the_others() -> None:
    """`docker compose down` takes all that has no profile: of that the demo may have used up the passwords only."""
    for name, service in services().items():
        demo = name.startswith("demo")
        assert service.get("profiles", []) == (["demo"] if demo else ["scale"] if name == "worker" else [])
        if demo:
            assert all(other == "secrets" or other.startswith("demo") for other in reached(name))
        for network in service.get("networks", []):
            assert network.startswith("demo-") == demo
        for source in sources(service) - {"secrets"}:
            assert source.startswith("demo-") == demo


def sources(service: dict[str, Any]) -> set[str]:
    """The volumes of a service."""
    return {mount["source"] for mount in service.get("volumes", []) if isinstance(mount, dict)}


def test_a_new_image_of_the_program_is_of_no_concern_to_the_database() -> None:
    """Compose makes anew what waits for a container that it makes anew, the database with its image among them."""
    for database in DATABASES:
        for name in reached(database) | {database}:
            assert services()[name]["image"] == services()["database"]["image"]


def test_the_service_sees_how_full_the_disk_of_its_database_is() -> None:
    for name, database in (("app", "database"), ("demo", "demo-database")):
        folder = services()[name]["environment"]["GRIDKEEPER_DATABASE__DATA_FOLDER"]
        [mount] = [one for one in services()[name]["volumes"] if isinstance(one, dict) and one["target"] == folder]
        assert (mount["source"], mount["read_only"], mount["volume"]) == (database, True, {"nocopy": True})
        [held] = [one for one in services()[database]["volumes"] if isinstance(one, dict) and one["source"] == database]
        assert held["target"] == services()[database]["environment"]["PGDATA"]


def test_the_owner_s_files_are_neither_shipped_nor_in_the_image() -> None:
    shipped = subprocess.run(["git", "ls-files", "config"], check=False, capture_output=True, text=True, cwd=ROOT)
    if shipped.returncode:
        pytest.skip("this is no checkout of git")
    assert {path.partition("/")[2].partition("/")[0] for path in shipped.stdout.split()} == {"examples"}
    for file in ("config/collection.yaml", "config/channels.yaml", "config/alerts/own.yaml", "config/own/notes.txt"):
        assert not subprocess.run(["git", "check-ignore", "-q", file], check=False, cwd=ROOT).returncode, file
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    assert "!config/examples" in kept
    assert "!config" not in kept


def test_ports_are_open_to_this_machine_only(name: str) -> None:
    ports = services()[name].get("ports", [])
    assert bool(ports) == (name in LASTING - DATABASES - {"worker"})
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", default(port)) for port in ports)


def test_the_database_has_no_way_out() -> None:
    for database, network in (("database", "store"), ("demo-database", "demo-store")):
        assert services()[database]["networks"] == [network]
        assert compose()["networks"][network] == {"internal": True}
        assert "timescaledb.telemetry_level=off" in services()[database]["command"]


def test_every_password_comes_from_a_file_that_is_generated_once() -> None:
    script = (ROOT / "docker" / "secrets.sh").read_text()
    assert set(re.findall(r"^make (\w+)", script, re.MULTILINE)) == PASSWORDS
    text = (ROOT / "docker-compose.yml").read_text()
    assert set(re.findall(r"/run/secrets/(\w+)", text)) == PASSWORDS
    for service in services().values():
        for key, value in service.get("environment", {}).items():
            if "PASSWORD" in key and value:
                assert value.startswith("/run/secrets/"), key
    assert re.search(r"://[^/@\s]+:[^/@\s]+@", text) is None


def test_secrets_are_written_by_one_service_only() -> None:
    for name, service in services().items():
        for mount in service.get("volumes", []):
            if isinstance(mount, dict) and mount["source"] == "secrets":
                assert mount.get("read_only", False) == (name != "secrets")


def test_every_variable_of_the_program_is_a_setting() -> None:
    known = set(variables())
    for service in services().values():
        given = {key for key in service.get("environment", {}) if key.startswith("GRIDKEEPER_")}
        assert given <= known
    image = set(re.findall(r"\bGRIDKEEPER_\w+", (ROOT / "Dockerfile").read_text()))
    assert image <= known
    # The program refuses what it does not know, and gets all of .env: what is Compose's own has other names.
    own = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    assert {key for key in own if key.startswith("GRIDKEEPER_")} <= known


def test_mounted_files_and_folders_are_there(name: str) -> None:
    for mount in services()[name].get("volumes", []):
        if isinstance(mount, str):
            source, _, mode = mount.split(":")
            assert (ROOT / source).exists(), source
            assert mode == "ro"
        else:
            assert mount["source"] in compose()["volumes"]


def test_grafana_lets_nobody_in_without_a_password_and_finds_its_dashboards() -> None:
    environment = services()["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert environment["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana_admin_password"
    [source] = yaml.safe_load((ROOT / "dashboards/provisioning/datasources/gridkeeper.yaml").read_text())["datasources"]
    wanted = set(re.findall(r"\$\{(\w+)\}", json.dumps(source)))
    assert wanted <= environment.keys()
    assert set(re.findall(r"\$__file\{/run/secrets/(\w+)\}", json.dumps(source))) <= PASSWORDS


def test_the_image_is_small_unprivileged_and_holds_no_embedded_server() -> None:
    text = (ROOT / "Dockerfile").read_text()
    build, _, image = text.partition("\nFROM ${PYTHON_IMAGE}\n")
    assert "FROM ${PYTHON_IMAGE} AS build" in build
    assert "ARG PYTHON_IMAGE=python:3.13-slim-bookworm" in build
    assert re.search(r"^USER 10001:10001$", image, re.MULTILINE)
    assert "HEALTHCHECK" in image
    assert "/health/live" in image
    assert not re.search(r"curl|apt-get|gcc", text)
    assert build.count("--require-hashes --only-binary :all: -r requirements/") == 2
    assert "pixeltable" not in (ROOT / "requirements" / "image.txt").read_text()


def test_the_image_has_the_versions_of_the_environment_it_was_tested_in() -> None:
    def pins(file: str) -> set[str]:
        return set(re.findall(r"^[\w.-]+==[^ ;\\]+", (ROOT / "requirements" / file).read_text(), re.MULTILINE))

    assert pins("image.txt") <= pins("runtime.txt")
    assert pins("build.txt") <= pins("dev.txt")


def test_a_script_is_executable_and_has_no_error_of_syntax() -> None:
    scripts = [*(ROOT / "docker").glob("*.sh"), *(ROOT / "scripts").glob("*.sh")]
    assert {path.name for path in scripts} >= {"secrets.sh", "database.sh", "access.sh", "backup.sh", "restore.sh"}
    for path in scripts:
        first = path.read_text().partition("\n")[0]
        assert not first.startswith("#!") or os.access(path, os.X_OK), path
        shell = "sh" if first == "#!/bin/sh" else "bash"
        subprocess.run([shell, "-n", path], check=True)


def make_secrets(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "docker" / "secrets.sh"],
        check=False, capture_output=True, text=True, env={"PATH": os.environ["PATH"], "SECRETS": str(folder)},
    )  # fmt: skip


def test_secrets_are_made_once_and_kept_for_ever(tmp_path: Path) -> None:
    (tmp_path / "grafana_admin_password").write_text("mine\n")
    first = make_secrets(tmp_path)
    assert first.returncode == 0, first.stderr
    assert f"secrets: {tmp_path}/database_password is new" in first.stdout
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert made.keys() == PASSWORDS
    assert made["grafana_admin_password"] == "mine\n"
    assert len(made["database_password"].strip()) == 32
    assert len(set(made.values())) == len(PASSWORDS)
    for private in ("database_password", "rules_password"):
        assert (tmp_path / private).stat().st_mode & 0o777 == 0o400
    assert not any(secret.strip() in first.stdout for secret in made.values())
    second = make_secrets(tmp_path)
    assert second.returncode == 0
    assert "is new" not in second.stdout
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == made


def test_an_empty_secret_stops_the_stack_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "database_password").touch()
    done = make_secrets(tmp_path)
    assert done.returncode == 1
    assert "database_password is empty; write a password into it" in done.stderr


def test_compose_itself_accepts_the_file(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], check=False, capture_output=True).returncode:
        pytest.skip("docker compose is not installed")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GRIDKEEPER_", "COMPOSE_"))}
    done = subprocess.run(
        [docker, "compose", "--profile", "demo", "--profile", "scale", "--env-file", os.devnull, "config", "--format", "json"],
        check=False, capture_output=True, text=True, cwd=ROOT, env=kept | {"GRIDKEEPER_ENTSOE__TOKEN": "from-the-shell"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["services"]
    assert set(found) == ONE_SHOTS | LASTING
    assert found["app"]["environment"]["GRIDKEEPER_ENTSOE__TOKEN"] == "from-the-shell"
    assert found["demo"]["environment"]["GRIDKEEPER_ENTSOE__TOKEN"] == ""
    names = ("GRIDKEEPER_INSTANCE", "GRIDKEEPER_WEB__BASE_URL")
    named = {service: tuple(found[service]["environment"][name] for name in names) for service in ("app", "demo")}
    assert named == {
        "app": ("gridkeeper", "http://127.0.0.1:8080"), "demo": ("gridkeeper demo", "http://127.0.0.1:8081"),
    }  # fmt: skip
