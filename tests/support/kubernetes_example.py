"""Builds the example as `kustomize build` does, as far as it is used, and knows which fields its resources may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/kubernetes"
Resource = dict[str, Any]

LEAF: Any = None
_LABELS = {"*": LEAF}
_METADATA = {"name": LEAF, "labels": _LABELS}
_SELECTOR = {"matchLabels": _LABELS}
_PROBE = {
    "httpGet": {"path": LEAF, "port": LEAF},
    "periodSeconds": LEAF,
    "timeoutSeconds": LEAF,
    "failureThreshold": LEAF,
}
_CONTAINER = {
    "name": LEAF, "image": LEAF, "args": [LEAF], "envFrom": [{"configMapRef": {"name": LEAF}}],
    "ports": [{"name": LEAF, "containerPort": LEAF}],
    "startupProbe": _PROBE, "livenessProbe": _PROBE, "readinessProbe": _PROBE,
    "securityContext": {
        "allowPrivilegeEscalation": LEAF, "readOnlyRootFilesystem": LEAF, "capabilities": {"drop": [LEAF]},
    },
    "resources": {"requests": {"cpu": LEAF, "memory": LEAF}, "limits": {"memory": LEAF}},
    "volumeMounts": [{"name": LEAF, "mountPath": LEAF, "readOnly": LEAF}],
}  # fmt: skip
_POD = {
    "metadata": {"labels": _LABELS},
    "spec": {
        "automountServiceAccountToken": LEAF, "enableServiceLinks": LEAF, "terminationGracePeriodSeconds": LEAF,
        "restartPolicy": LEAF,
        "securityContext": {
            "runAsNonRoot": LEAF, "runAsUser": LEAF, "runAsGroup": LEAF, "fsGroup": LEAF, "seccompProfile": {"type": LEAF},
        },
        "topologySpreadConstraints": [
            {"maxSkew": LEAF, "topologyKey": LEAF, "whenUnsatisfiable": LEAF, "labelSelector": _SELECTOR}
        ],
        "containers": [_CONTAINER],
        "volumes": [
            {"name": LEAF, "emptyDir": {"sizeLimit": LEAF}, "secret": {"secretName": LEAF, "defaultMode": LEAF}}
        ],
    },
}  # fmt: skip
SHAPES: Mapping[tuple[str, str], Any] = {
    ("v1", "Namespace"): {"metadata": _METADATA},
    ("v1", "ConfigMap"): {"metadata": _METADATA, "data": {"*": LEAF}},
    ("v1", "Service"): {
        "metadata": _METADATA, "spec": {"selector": _LABELS, "ports": [{"name": LEAF, "port": LEAF, "targetPort": LEAF}]},
    },
    ("apps/v1", "Deployment"): {
        "metadata": _METADATA,
        "spec": {
            "replicas": LEAF, "selector": _SELECTOR, "template": _POD,
            "strategy": {"rollingUpdate": {"maxSurge": LEAF, "maxUnavailable": LEAF}},
        },
    },
    ("batch/v1", "Job"): {
        "metadata": _METADATA, "spec": {"backoffLimit": LEAF, "ttlSecondsAfterFinished": LEAF, "template": _POD},
    },
    ("policy/v1", "PodDisruptionBudget"): {
        "metadata": _METADATA, "spec": {"minAvailable": LEAF, "maxUnavailable": LEAF, "selector": _SELECTOR},
    },
    ("keda.sh/v1alpha1", "ScaledObject"): {
        "metadata": _METADATA,
        "spec": {
            "scaleTargetRef": {"name": LEAF}, "pollingInterval": LEAF, "cooldownPeriod": LEAF,
            "minReplicaCount": LEAF, "maxReplicaCount": LEAF,
            "triggers": [{"type": LEAF, "metadata": {"*": LEAF}, "authenticationRef": {"name": LEAF}}],
        },
    },
    ("keda.sh/v1alpha1", "TriggerAuthentication"): {
        "metadata": _METADATA, "spec": {"secretTargetRef": [{"parameter": LEAF, "name": LEAF, "key": LEAF}]},
    },
}  # fmt: skip
"""What Kubernetes and KEDA know of these kinds, as far as the example uses it: a slip of the pen is in none of them."""

KUSTOMIZATION = {"apiVersion", "kind", "namespace", "resources", "configMapGenerator", "images"}


def wrong_fields(found: Any, shape: Any, place: str) -> Iterator[str]:
    """The fields that the shape does not know, and what is no list or no mapping where one is wanted."""
    if isinstance(shape, list):
        if not isinstance(found, list):
            yield f"{place}: no list"
            return
        for number, one in enumerate(found):
            yield from wrong_fields(one, shape[0], f"{place}[{number}]")
    elif isinstance(shape, dict):
        if not isinstance(found, dict):
            yield f"{place}: no mapping"
            return
        for name, one in found.items():
            if name in shape or "*" in shape:
                yield from wrong_fields(one, shape.get(name, shape.get("*")), f"{place}.{name}")
            else:
                yield f"{place}: {name} is not known"
    elif isinstance(found, list | dict) or found is None:
        yield f"{place}: no value"


def kustomization(name: str) -> Resource:
    found: Resource = yaml.safe_load((FOLDER / name / "kustomization.yaml").read_text())
    return found


def settings_of(name: str) -> dict[str, str]:
    """The settings of a folder, over those of the one that it begins with."""
    built: dict[str, str] = {}
    own = kustomization(name)
    for entry in own["resources"]:
        if not entry.endswith(".yaml"):
            built |= settings_of(str((Path(name) / entry).as_posix()))
    for generator in own.get("configMapGenerator", []):
        for file in generator["envs"]:
            lines = (FOLDER / name / file).read_text().splitlines()
            built |= dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return built


def resources(name: str) -> list[Resource]:
    """The resources of a folder and of those it begins with; maps of settings are not among them."""
    built: list[Resource] = []
    for entry in kustomization(name)["resources"]:
        if entry.endswith(".yaml"):
            built += list(yaml.safe_load_all((FOLDER / name / entry).read_text()))
        else:
            built += resources(str((Path(name) / entry).as_posix()))
    return built


def pods(name: str) -> dict[str, Resource]:
    """The pods by the name of what makes them."""
    return {
        one["metadata"]["name"]: one["spec"]["template"]
        for one in resources(name)
        if one["kind"] in {"Deployment", "Job"}
    }
