"""Which operations are probed, with which request, and why not the others. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from app.probes.models import CheckMethod
from app.probes.scanning.models import (
    READING,
    DocumentScan,
    Operation,
    OperationParameter,
    ParameterLocation,
    ParameterValue,
    ValueOrigin,
)
from app.probes.scanning.servers import is_absolute, joined_url, on_base
from app.probes.scanning.values.styles import in_path, in_query

Supply = Callable[[Operation, OperationParameter], ParameterValue | None]
"""The value that a configuration has for a parameter; it wins over the document's. An optional parameter is sent only
where there is one. A value whose origin is an earlier answer has no texts before that answer is there."""


SENDABLE = tuple(method.value for method in CheckMethod)


class SkipReason(StrEnum):
    METHOD = "method"
    PARAMETER = "parameter"
    BODY = "body"
    BASE_URL = "base_url"
    UNREADABLE = "unreadable"
    EXCLUDED = "excluded"


def supply_nothing(operation: Operation, parameter: OperationParameter) -> ParameterValue | None:  # noqa: ARG001
    return None


def exclude_nothing(operation: Operation) -> str:  # noqa: ARG001
    return ""


@dataclass(frozen=True, slots=True)
class ProbeRules:
    """What whoever runs the probes decides about the operations of a document."""

    base_url: str = ""
    """In the place of every server's scheme, host and port; the server's path is kept unless this has one."""
    allowed: frozenset[str] = frozenset()
    """Operations that are probed though they may change something, by operationId or as `POST /path`."""
    supply: Supply = supply_nothing
    exclude: Callable[[Operation], str] = exclude_nothing
    """Why an operation is left out; empty where it is not."""


@dataclass(frozen=True, slots=True)
class PlannedProbe:
    """An operation with all that its request needs; `url` is None while a value of an earlier answer is to come."""

    operation: Operation
    parameters: tuple[OperationParameter, ...]
    """Those that are sent, with their values."""
    url: str | None = field(repr=False)
    template: str = ""
    """The URL with the names of the parameters in its path, and without its query."""
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class SkippedOperation:
    operation: Operation
    reasons: tuple[tuple[SkipReason, str], ...]


@dataclass(frozen=True, slots=True)
class ProbeSelection:
    """A document and what becomes of its operations: each is probed or skipped."""

    document: DocumentScan
    probed: tuple[PlannedProbe, ...]
    skipped: tuple[SkippedOperation, ...]


NO_RULES = ProbeRules()


def choose_probes(document: DocumentScan, rules: ProbeRules = NO_RULES) -> ProbeSelection:
    """Divide the operations of a document into those that are probed and those that are not."""
    probed, skipped = [], []
    for operation in document.operations:
        parameters = tuple(_supplied(operation, parameter, rules) for parameter in operation.parameters)
        base = _base_url(operation, rules)
        reasons = _reasons(operation, parameters, base, rules)
        if reasons:
            skipped.append(SkippedOperation(operation, reasons))
        else:
            probed.append(_planned(operation, parameters, base))
    return ProbeSelection(document, tuple(probed), tuple(skipped))


def _supplied(operation: Operation, parameter: OperationParameter, rules: ProbeRules) -> OperationParameter:
    value = rules.supply(operation, parameter)
    if value is None and not parameter.required:
        return replace(parameter, value=None)
    return parameter if value is None else replace(parameter, value=value)


def _base_url(operation: Operation, rules: ProbeRules) -> str:
    """The first server that can be asked; empty where there is none."""
    urls = (on_base(url, rules.base_url) for url in operation.base_urls or (("/",) if rules.base_url else ()))
    return next((url for url in urls if is_absolute(url)), "")


def _reasons(
    operation: Operation, parameters: tuple[OperationParameter, ...], base: str, rules: ProbeRules
) -> tuple[tuple[SkipReason, str], ...]:
    found: list[tuple[SkipReason, str]] = []
    if excluded := rules.exclude(operation):
        found.append((SkipReason.EXCLUDED, excluded))
    if operation.method not in SENDABLE:
        found.append((SkipReason.METHOD, f"{operation.method} is not sent; {', '.join(SENDABLE)} are"))
    elif operation.method not in READING and not operation.names & rules.allowed:
        found.append((SkipReason.METHOD, f"{operation.method} may change something; allow it by name to probe it"))
    missing = [f"{one.location} {one.name}" for one in parameters if one.required and one.value is None]
    if missing:
        found.append((SkipReason.PARAMETER, f"no value for {', '.join(missing)}"))
    if operation.body is not None and operation.body.required and operation.body.text is None:
        found.append(
            (
                SkipReason.BODY,
                f"it needs a body of {operation.body.media_type}, without {operation.body.lacks or 'an example'}",
            )
        )
    if not base:
        found.append((SkipReason.BASE_URL, "the document names no host for it; give a base URL"))
    if operation.unread:
        found.append((SkipReason.UNREADABLE, f"{', '.join(operation.unread)} cannot be read"))
    return tuple(found)


def _planned(operation: Operation, parameters: tuple[OperationParameter, ...], base: str) -> PlannedProbe:
    sent = tuple(parameter for parameter in parameters if parameter.value is not None)
    waits = any(one.value is not None and one.value.origin is ValueOrigin.ANSWER for one in sent)
    url = None if waits else request_url(operation, sent, base)
    return PlannedProbe(operation, sent, url, joined_url(base, operation.path), base)


def request_url(operation: Operation, parameters: tuple[OperationParameter, ...], base: str) -> str:
    """The URL of a request: values in the path and the query, encoded."""
    url, query = joined_url(base, operation.path), list[str]()
    for parameter in parameters:
        if parameter.location is ParameterLocation.PATH:
            url = url.replace(f"{{{parameter.name}}}", in_path(parameter))
        elif parameter.location is ParameterLocation.QUERY:
            query += in_query(parameter)
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{'&'.join(query)}"
