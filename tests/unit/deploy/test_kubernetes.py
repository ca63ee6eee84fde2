"""The example for Kubernetes: its fields, names, ports, settings and commands are those that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli import run
from app.settings import load_settings, variables
from tests.support.kubernetes_example import (
    FOLDER,
    KUSTOMIZATION,
    ROOT,
    SHAPES,
    kustomization,
    pods,
    resources,
    settings_of,
    wrong_fields,
)

FOLDERS = sorted(file.parent.name for file in FOLDER.glob("*/kustomization.yaml"))
SECRETS = "/run/secrets/gridkeeper"
QUANTITY = re.compile(r"\d+(m|Mi|Gi)?")


@pytest.fixture(params=FOLDERS)
def folder(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_every_file_is_part_of_its_kustomization(folder: str) -> None:
    own = kustomization(folder)
    assert set(own) <= KUSTOMIZATION
    assert (own["apiVersion"], own["kind"]) == ("kustomize.config.k8s.io/v1beta1", "Kustomization")
    named = {one for one in own["resources"] if one.endswith(".yaml")}
    named |= {file for map_ in own.get("configMapGenerator", []) for file in map_["envs"]}
    assert named == {file.name for file in (FOLDER / folder).iterdir()} - {"kustomization.yaml"}


def test_resources_have_the_fields_of_their_kinds_and_names_of_their_own(folder: str) -> None:
    built = resources(folder)
    wrong = [
        said
        for one in built
        for said in wrong_fields(
            {name: part for name, part in one.items() if name not in {"apiVersion", "kind"}},
            SHAPES[one["apiVersion"], one["kind"]],
            f"{one['kind']} {one['metadata']['name']}",
        )
    ]
    assert wrong == []
    named = [(one["kind"], one["metadata"]["name"]) for one in built]
    assert len(named) == len(set(named))


def test_a_slip_of_the_pen_is_seen() -> None:
    shape = SHAPES["v1", "Service"]
    found = {"metadata": {"nam": "x"}, "spec": {"selector": {"a": "b"}, "ports": {"port": 1}}}
    assert list(wrong_fields(found, shape, "Service")) == [
        "Service.metadata: nam is not known", "Service.spec.ports: no list",
    ]  # fmt: skip


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kustomize_builds_the_same(folder: str) -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / folder)], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    built = list(yaml.safe_load_all(done.stdout))
    maps = [one for one in built if one["kind"] == "ConfigMap"]
    assert [one["data"] for one in maps] == [settings_of(folder)]
    others = sorted((one["kind"], one["metadata"]["name"]) for one in built if one["kind"] != "ConfigMap")
    assert others == sorted((one["kind"], one["metadata"]["name"]) for one in resources(folder))
    assert {container["image"] for container in containers(built)} == {"registry.example.org/gridkeeper:1.0.0"}
    assert {container["envFrom"][0]["configMapRef"]["name"] for container in containers(built)} == {
        maps[0]["metadata"]["name"]
    }


def containers(built: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        container
        for one in built
        if one["kind"] in {"Deployment", "Job"}
        for container in one["spec"]["template"]["spec"]["containers"]
    ]


def test_settings_are_ones_that_there_are_and_hold(
    folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = settings_of(folder)
    assert set(found) <= set(variables())
    for name, text in found.items():
        if text.startswith(SECRETS):
            assert name.endswith("_FILE")
            file = tmp_path / Path(text).name
            file.write_text("0a1b2c3d-0000-4000-8000-00000000abcd\n")
            monkeypatch.setenv(name, str(file))
        else:
            assert not name.endswith("_FILE")
            monkeypatch.setenv(name, text)
    settings = load_settings()
    assert settings.database.url is not None
    assert settings.entsoe.token is not None
    assert settings.web.host == "0.0.0.0"


def test_no_secret_stands_in_it() -> None:
    text = "".join(file.read_text() for file in FOLDER.rglob("*") if file.is_file())
    assert "kind: Secret\n" not in text
    assert re.findall(r"://[^/\s:@]+:[^/\s@]+@", text) == []


def test_commands_are_ones_that_there_are(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    for pod in pods(folder).values():
        [container] = pod["spec"]["containers"]
        command, *options = container["args"]
        assert run([command, "--help"]) == 0
        helped = capsys.readouterr().out
        assert [one for one in options if one.startswith("--") and one not in helped] == []


def test_pods_run_without_rights_in_an_image_that_stays_as_it_is(folder: str) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for name, pod in pods(folder).items():
        spec = pod["spec"]
        user = spec["securityContext"]
        assert user["runAsNonRoot"]
        assert f"USER {user['runAsUser']}:{user['runAsGroup']}" in dockerfile
        assert user["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not spec["automountServiceAccountToken"]
        [container] = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
        assert mounted == {"tmp": "/tmp", "secrets": SECRETS}
        assert set(mounted) == {volume["name"] for volume in spec["volumes"]}
        [secret] = [volume["secret"] for volume in spec["volumes"] if "secret" in volume]
        assert secret["secretName"] == "gridkeeper"
        quantities = [*container["resources"]["requests"].values(), *container["resources"]["limits"].values()]
        assert all(QUANTITY.fullmatch(one) for one in quantities)


def test_probes_and_the_service_reach_the_port_that_is_listened_on() -> None:
    [container] = pods("base")["gridkeeper"]["spec"]["containers"]
    [port] = container["ports"]
    assert str(port["containerPort"]) == settings_of("base")["GRIDKEEPER_WEB__PORT"]
    paths = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {one["port"] for one in paths.values()} == {port["name"]}
    assert [one["path"] for one in paths.values()] == ["/health/live", "/health/live", "/health/ready"]
    [service] = [one for one in resources("base") if one["kind"] == "Service"]
    assert [one["targetPort"] for one in service["spec"]["ports"]] == [port["name"]]
    hosts = settings_of("base")["GRIDKEEPER_API__HOSTS"].split(",")
    assert service["metadata"]["name"] in hosts


def test_what_selects_finds_its_pods(folder: str) -> None:
    built = resources(folder)
    labels = {one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] for one in built
              if one["kind"] in {"Deployment", "Job"}}  # fmt: skip
    for one in built:
        if one["kind"] == "Deployment":
            assert one["spec"]["selector"]["matchLabels"] == one["spec"]["template"]["metadata"]["labels"]
        if one["kind"] in {"Service", "PodDisruptionBudget"}:
            selector = one["spec"]["selector"]
            wanted = selector.get("matchLabels", selector)
            assert wanted["app.kubernetes.io/component"] in labels
        if one["kind"] == "ScaledObject":
            target = one["spec"]["scaleTargetRef"]["name"]
            assert target in {two["metadata"]["name"] for two in built if two["kind"] == "Deployment"}
        if one["kind"] == "PodDisruptionBudget":
            assert len({"minAvailable", "maxUnavailable"} & set(one["spec"])) == 1


def test_there_is_time_to_drain(folder: str) -> None:
    settings = load_settings()
    needed = settings.scheduler.drain_seconds + settings.web.shutdown_seconds + settings.notifications.drain_seconds
    for name, pod in pods(folder).items():
        if name != "gridkeeper-migrate":
            assert pod["spec"]["terminationGracePeriodSeconds"] >= needed + 10
