"""`config/interfaces.yaml`: services whose interfaces are watched, as people write them.

Every problem is gathered with its line and field. Values of the environment are looked up here, so that a missing one is
a problem of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase

from app.errors import ConfigurationError
from app.kit.yaml.fields import Fields, read_content, suggestion
from app.kit.yaml.tree import ProblemReport
from app.probes.checking.conditions.json_path import parse_json_path
from app.probes.checking.targets import parse_target
from app.probes.interfaces.logins.models import ServiceLogin
from app.probes.interfaces.logins.parse import read_logins
from app.probes.interfaces.suites.models import SuiteConfig
from app.probes.interfaces.suites.parse import read_suites
from app.probes.scanning.models import (
    METHODS,
    AnswerSource,
    Operation,
    OperationParameter,
    ParameterValue,
    ValueOrigin,
)
from app.probes.scanning.selection import ProbeRules
from app.probes.scanning.servers import checked_base_url
from app.probes.scanning.values.parameters import is_usable
from app.secrets import read_secret

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
INTERVAL = timedelta(minutes=15)
MOST_CONCURRENT, MOST_PER_SECOND = 50, 100.0
LONGEST_NAME = 100
MOST_FAILURES = 5
USUAL_TIMEOUT, LONGEST_TIMEOUT = timedelta(seconds=30), timedelta(seconds=55)
REACHABLE = ((200, 299),)
_NAME = re.compile(r"\w[\w .:/-]{0,99}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_SECRET = re.compile(r"(?i)auth|token|secret|api-?key|password|cookie")
_STATUS = re.compile(r"([1-5])xx|([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?", re.IGNORECASE)

StatusRange = tuple[int, int]
"""The first and the last status of a range."""


@dataclass(frozen=True, slots=True)
class OperationFilter:
    """Operations by tag, path (`*` stands for anything), method, or operationId."""

    tags: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tags or self.paths or self.methods or self.operations)

    def matches(self, operation: Operation) -> str:
        """What of the operation is named; empty where nothing is."""
        found = [f"tag {tag}" for tag in operation.tags if tag in self.tags]
        found += [f"path {pattern}" for pattern in self.paths if fnmatchcase(operation.path, pattern)]
        found += [f"method {operation.method}"] if operation.method in self.methods else []
        found += [f"operation {name}" for name in self.operations if name in operation.names]
        return next(iter(found), "")


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """A service of the file; `line` is where it begins."""

    name: str
    line: int
    documents: tuple[str, ...]
    base_urls: tuple[str, ...] = ()
    root: str = ""
    interval: timedelta = INTERVAL
    auth: str = ""
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    operation_parameters: Mapping[str, Mapping[str, ParameterValue]] = field(default_factory=dict)
    operation_expected: Mapping[str, tuple[StatusRange, ...]] = field(default_factory=dict)
    """Statuses that are right for single operations."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    expected: tuple[StatusRange, ...] = REACHABLE
    include: OperationFilter = OperationFilter()
    exclude: OperationFilter = OperationFilter()
    allow: frozenset[str] = frozenset()
    concurrency: int = 5
    rate: float = 10.0
    failures: int = 2
    """Failed probes in a row, within a cycle, after which an operation is down."""
    timeout: timedelta = USUAL_TIMEOUT
    group: str = ""
    parent: str = ""
    suites: tuple[SuiteConfig, ...] = ()

    def rules(self) -> Iterator[ProbeRules]:
        """How operations are chosen, for each base URL; of the documents' own hosts where there is none."""
        for base_url in self.base_urls or ("",):
            yield ProbeRules(base_url, self.allow, self._supply, self._excluded)

    @property
    def operations_named(self) -> frozenset[str]:
        """Names of operations that documents must have."""
        given = (self.parameters, *self.operation_parameters.values())
        sources = {value.source.operation for values in given for value in values.values() if value.source is not None}
        return self.allow | sources | {*self.operation_parameters, *self.include.operations, *self.exclude.operations}

    def expected_of(self, operation: Operation) -> tuple[StatusRange, ...]:
        """The statuses that are right for an operation."""
        return next((own for name, own in self.operation_expected.items() if name in operation.names), self.expected)

    def _supply(self, operation: Operation, parameter: OperationParameter) -> ParameterValue | None:
        own = next((values for name, values in self.operation_parameters.items() if name in operation.names), {})
        value = own.get(parameter.name) or self.parameters.get(parameter.name)
        usable = value is not None and all(is_usable(parameter.location, text) for text in value.texts)
        return value if usable else None

    def _excluded(self, operation: Operation) -> str:
        if self.include and not self.include.matches(operation):
            return "it is not among those that are included"
        matched = self.exclude.matches(operation)
        return f"{matched} is excluded" if matched else ""


@dataclass(frozen=True, slots=True)
class InterfacesConfig:
    services: Mapping[str, ServiceConfig] = field(default_factory=dict)
    logins: Mapping[str, ServiceLogin] = field(default_factory=dict, repr=False)


def read_interfaces(content: bytes, report: ProblemReport) -> InterfacesConfig:
    """The services of a file; what is wrong with it is in the report."""
    root = read_content(content, report)
    entries = root.named("services")
    services = {name: _service(name, entry) for name, entry in entries.items()}
    if not services and not report.problems:
        root.wrong("there are no services; name one, as services: {shop: {documents: openapi.yaml}}")
    logins, named = read_logins(root), root.entry("logins")
    root.close()
    for name, entry in entries.items():
        _check_parent(services[name], entry, services)
        if (auth := services[name].auth) and auth not in (named.names if named is not None else ()):
            entry.wrong(f"there is no login {auth!r}{suggestion(auth, logins)}", "auth")
    return InterfacesConfig(services, logins)


def _value(entry: Fields, name: str) -> tuple[str, ValueOrigin] | None:
    """A value as it is written, or with `${NAME}` of the environment; None where it is wrong, which is reported."""
    secret = read_secret(entry, name, required=True, literal=True)
    if secret is None:
        return None
    fixed = "${" not in (entry.written(name, "") or "")
    return secret.get_secret_value(), ValueOrigin.FIXED if fixed else ValueOrigin.ENVIRONMENT


def _service(name: str, entry: Fields) -> ServiceConfig:
    if not _NAME.fullmatch(name):
        entry.wrong(f"{name[:100]!r} is no name; use up to 100 letters, digits, spaces and _ . : / -")
    base_urls, auth = _each(entry, "base_urls", checked_base_url), entry.text("auth", longest=LONGEST_NAME)
    timeout = entry.duration("timeout", USUAL_TIMEOUT, least=timedelta(seconds=0.1), most=LONGEST_TIMEOUT)
    suites = read_suites(entry, base_urls, auth, timeout)
    operations = {operation: _operation(inner) for operation, inner in entry.named("operations").items()}
    service = ServiceConfig(
        name=name,
        line=entry.line,
        documents=_documents(entry, required=not suites),
        base_urls=base_urls,
        root=entry.text("root"),
        interval=entry.duration("interval", INTERVAL, least=MINUTE, most=DAY),
        auth=auth,
        parameters=_parameters(entry),
        operation_parameters={operation: parameters for operation, (parameters, _) in operations.items()},
        operation_expected={operation: expected for operation, (_, expected) in operations.items() if expected},
        headers=_headers(entry),
        expected=_each(entry, "expected", parse_statuses) or REACHABLE,
        include=_filter(entry, "include"),
        exclude=_filter(entry, "exclude"),
        allow=frozenset(entry.texts("allow")),
        concurrency=entry.whole("concurrency", 5, least=1, most=MOST_CONCURRENT),
        rate=entry.number("rate", 10.0, least=0.01, most=MOST_PER_SECOND),
        failures=entry.whole("failures", 2, least=1, most=MOST_FAILURES),
        timeout=timeout,
        group=entry.text("group", longest=LONGEST_NAME),
        parent=entry.text("parent", longest=LONGEST_NAME),
        suites=suites,
    )
    entry.close()
    return service


def _documents(entry: Fields, *, required: bool) -> tuple[str, ...]:
    """A service with suites needs none."""
    documents = entry.texts("documents", required=required)
    for document in documents:
        if is_url(document):
            try:
                parse_target(document)
            except ConfigurationError as error:
                entry.wrong(str(error), "documents")
    return documents


def is_url(document: str) -> bool:
    """Whether a document is fetched; others are read from files."""
    return document.startswith(("http://", "https://"))


def _each(entry: Fields, name: str, reader: Callable[[str], StatusRange | str]) -> tuple:  # type: ignore[type-arg]
    found = []
    for text in entry.texts(name):
        try:
            found.append(reader(text))
        except ConfigurationError as error:
            entry.wrong(str(error), name)
    return tuple(found)


def parse_statuses(text: str) -> StatusRange:
    """A status or a range of them: `200`, `200-299`, `2xx`."""
    match = _STATUS.fullmatch(text.strip())
    if match is None:
        raise ConfigurationError(f"{text[:50]!r} is no status; write it like 200, 200-299 or 2xx")
    if match[1]:
        return int(match[1]) * 100, int(match[1]) * 100 + 99
    first, last = int(match[2]), int(match[3] or match[2])
    if last < first:
        raise ConfigurationError(f"{text[:50]!r} ends before it begins; write the smaller status first")
    return first, last


def _operation(entry: Fields) -> tuple[Mapping[str, ParameterValue], tuple[StatusRange, ...]]:
    parameters, expected = _parameters(entry), _each(entry, "expected", parse_statuses)
    entry.close()
    return parameters, expected


def _parameters(entry: Fields) -> Mapping[str, ParameterValue]:
    inner = entry.entry("parameters")
    read = {name: _parameter(inner, name) for name in inner.names} if inner is not None else {}
    return {name: value for name, value in read.items() if value is not None}


def _parameter(entry: Fields, name: str) -> ParameterValue | None:
    """A value as it is written, of the environment, or of the answer of another operation: {from: listOrders, take: $[0].id}."""
    if entry.is_mapping(name):
        return _of_answer(entry, name)
    value = _value(entry, name)
    return None if value is None else ParameterValue((value[0],), value[1])


def _of_answer(entry: Fields, name: str) -> ParameterValue | None:
    inner = entry.entry(name)
    if inner is None:
        return None
    operation, path = inner.text("from", required=True), inner.read("take", parse_json_path, required=True)
    inner.close()
    if not operation or path is None:
        return None
    return ParameterValue((), ValueOrigin.ANSWER, AnswerSource(operation, path.text))


def _headers(entry: Fields) -> Mapping[str, str]:
    inner = entry.entry("headers")
    found: dict[str, str] = {}
    if inner is None:
        return found
    for name in inner.names:
        value = _value(inner, name)
        if value is None:
            continue
        if not _HEADER.fullmatch(name) or not value[0].isprintable():
            inner.wrong("this cannot be sent as a header", name)
        elif value[1] is ValueOrigin.FIXED and _SECRET.search(name):
            inner.wrong("a secret does not stand in a file; write ${NAME} and set NAME in the environment", name)
        found[name] = value[0]
    return found


def _filter(entry: Fields, name: str) -> OperationFilter:
    inner = entry.entry(name)
    if inner is None:
        return OperationFilter()
    methods = tuple(method.upper() for method in inner.texts("methods"))
    for method in methods:
        if method not in METHODS:
            inner.wrong(f"there is no method {method}{suggestion(method, METHODS)}", "methods")
    found = OperationFilter(inner.texts("tags"), inner.texts("paths"), methods, inner.texts("operations"))
    inner.close()
    return found


def _check_parent(service: ServiceConfig, entry: Fields, services: Mapping[str, ServiceConfig]) -> None:
    """A parent is another service of the file, and none is its own."""
    seen, name = [service.name], service.parent
    while name:
        if name not in services:
            if len(seen) == 1:
                entry.wrong(f"there is no service {name!r}{suggestion(name, services)}", "parent")
            return
        if name in seen:
            if name == service.name:
                entry.wrong(f"{' is below '.join([*seen, name])}; a service cannot be below itself", "parent")
            return
        seen.append(name)
        name = services[name].parent
