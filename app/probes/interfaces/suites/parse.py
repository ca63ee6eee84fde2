"""The suites of a service in the file of interfaces; what is wrong is reported with its line and remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from app.errors import ConfigurationError
from app.kit.yaml.fields import Fields, suggestion
from app.probes.checking.conditions.json_path import parse_json_path
from app.probes.checking.conditions.patterns import parse_pattern
from app.probes.checking.conditions.possible import check_reachable, check_together, possible_condition
from app.probes.checking.targets import check_request
from app.probes.interfaces.suites.models import SuiteConfig, SuiteStep, TakenValue, TakePlace
from app.probes.interfaces.suites.requests import step_request
from app.probes.interfaces.suites.templates import ValueMissing, names_in
from app.probes.models import CheckCondition, CheckMethod
from app.probes.scanning.servers import checked_base_url
from app.probes.secret_texts import entry_text, entry_texts, secrets_in

MOST_STEPS = 30
_SUITE = re.compile(r"\w[\w .:-]{0,99}")
_NAME = re.compile(r"[A-Za-z_]\w{0,99}")
_SECRET = re.compile(r"(?i)auth|token|secret|api-?key|passw|cookie")
_SAMPLE = "1"
"""In the place of every value while a step is checked."""


def read_suites(entry: Fields, base_urls: tuple[str, ...], auth: str, timeout: timedelta) -> tuple[SuiteConfig, ...]:
    """The suites of a service whose base URLs, login and time-out are these."""
    return tuple(_suite(name, inner, base_urls, auth, timeout) for name, inner in entry.named("suites").items())


def _suite(name: str, entry: Fields, base_urls: tuple[str, ...], auth: str, timeout: timedelta) -> SuiteConfig:
    if not _SUITE.fullmatch(name):
        entry.wrong(f"{name[:100]!r} is no name; use up to 100 letters, digits, spaces and _ . : -")
    own = entry.read("base_url", checked_base_url, "")
    with_auth = entry.flag("with_auth", default=False)
    if with_auth and not auth:
        entry.wrong("the service has no auth; name a login there, or take a token in a step", "with_auth")
    variables, secrets = entry_texts(entry, "variables")
    _check_variables(entry, variables)
    steps, cleanup = _steps(entry, "steps", secrets), _steps(entry, "cleanup", secrets)
    if not steps:
        entry.wrong("a suite needs steps; write them as a list", "steps")
    bases = (own,) if own else base_urls
    suite = SuiteConfig(
        name,
        entry.line,
        bases,
        tuple(step for _, step in steps),
        tuple(step for _, step in cleanup),
        variables,
        with_auth,
        tuple(dict.fromkeys(filter(None, secrets))),
    )
    if not bases:
        entry.wrong("there is no base URL for it; give the service base_urls, or the suite a base_url")
    _check_values(suite, [*steps, *cleanup], timeout.total_seconds())
    entry.close()
    return suite


def _check_variables(entry: Fields, variables: Mapping[str, str]) -> None:
    inner = entry.entry("variables")
    for name in variables if inner is not None else ():
        if inner is None or not _NAME.fullmatch(name):
            entry.wrong(f"{name[:100]!r} is no name of a value; use letters, digits and _", "variables")
        elif _SECRET.search(name) and "${" not in (inner.written(name, "") or ""):
            inner.wrong("a secret does not stand in a file; write ${NAME} and set NAME in the environment", name)


def _steps(entry: Fields, name: str, secrets: list[str]) -> list[tuple[Fields, SuiteStep]]:
    entries = entry.entries(name)
    if len(entries) > MOST_STEPS:
        entry.wrong(f"there are {len(entries)} steps; a suite has at most {MOST_STEPS}", name)
    return [(inner, _step(inner, secrets)) for inner in entries[:MOST_STEPS]]


def _step(entry: Fields, secrets: list[str]) -> SuiteStep:
    method = entry.choice("method", CheckMethod, CheckMethod.GET)
    target = _target(entry)
    headers, form, query = (_texts(entry, name, secrets) for name in ("headers", "form", "query"))
    for header, value in headers.items():
        if _SECRET.search(header) and not names_in(value) and "${" not in _written(entry, "headers", header):
            _inner(entry, "headers").wrong(
                "a secret does not stand in a file; write ${NAME} of the environment, or {{name}} of a step", header
            )
    body = entry_text(entry, "body")
    secrets += secrets_in(entry, "body", body)
    if body and form:
        entry.wrong("a request has a form or a body", "body")
    step = SuiteStep(
        entry.text("name", longest=100) or f"{method} {target}"[:100],
        method,
        target,
        query,
        headers,
        form,
        body,
        tuple(_conditions(entry)),
        tuple(_takes(entry)),
        entry.flag("follow_redirects", default=True),
    )
    entry.close()
    return step


def _target(entry: Fields) -> str:
    path, url = entry.text("path"), entry.text("url")
    if bool(path) is bool(url):
        entry.wrong("a step asks one thing; give it a path below the base URL, or a whole url", "path" if path else "")
    if path and not path.startswith("/"):
        entry.wrong(f"{path[:50]!r} is no path; begin it with /", "path")
    if url and not url.startswith(("http://", "https://")):
        entry.wrong(f"{url[:50]!r} is no URL; write it as https://host/path", "url")
    if "${" in path + url:
        # What a step asks is shown.
        entry.wrong("name ${NAME} under variables, and write {{name}} here", "path" if path else "url")
    return url or path or "/"


def _texts(entry: Fields, name: str, secrets: list[str]) -> dict[str, str]:
    found, quoted = entry_texts(entry, name)
    secrets += quoted
    return found


def _inner(entry: Fields, name: str) -> Fields:
    return entry.entry(name) or entry


def _written(entry: Fields, name: str, key: str) -> str:
    return _inner(entry, name).written(key, "") or ""


def _conditions(entry: Fields) -> list[CheckCondition]:
    found = []
    for text in entry.texts("conditions"):
        try:
            found.append(possible_condition(text))
        except ConfigurationError as error:
            entry.wrong(str(error), "conditions")
    try:
        # What a value stands in is not known yet.
        check_together([one.text for one in found if not names_in(one.text)])
    except ConfigurationError as error:
        entry.wrong(str(error), "conditions")
    return found


def _takes(entry: Fields) -> Iterator[TakenValue]:
    inner = entry.entry("take")
    for name in inner.names if inner is not None else ():
        if inner is None or not _NAME.fullmatch(name):
            entry.wrong(f"{name[:100]!r} is no name of a value; use letters, digits and _", "take")
            continue
        taken = inner.read(name, partial(_taken, name), required=True)
        if taken is not None:
            yield taken


def _taken(name: str, text: str) -> TakenValue:
    """A JSONPath, `header NAME`, `cookie NAME` or `match PATTERN`."""
    if text.startswith("$"):
        return TakenValue(name, TakePlace.JSON, parse_json_path(text).text)
    place, _, what = text.strip().partition(" ")
    if place == TakePlace.MATCH and what.strip():
        if parse_pattern(what.strip(), captures=True).groups > 1:
            raise ConfigurationError(f"{what[:50]!r} has several groups; write (?:…) for those that are not taken")
        return TakenValue(name, TakePlace.MATCH, what.strip())
    if place in {TakePlace.HEADER, TakePlace.COOKIE} and what.strip():
        return TakenValue(name, TakePlace(place), what.strip())
    raise ConfigurationError(
        f"{text[:50]!r} takes nothing; write it as $.token, header ETag, cookie session or match PATTERN"
    )


def _check_values(suite: SuiteConfig, steps: list[tuple[Fields, SuiteStep]], timeout: float) -> None:
    """Each value comes from a variable or an earlier step, and each request could be sent and answered as it has to."""
    known = dict.fromkeys(suite.variables, _SAMPLE)
    for entry, step in steps:
        try:
            base = suite.base_urls[0] if suite.base_urls else "http://localhost"
            request = replace(step_request(step, base, known, {}), timeout=timeout)
            check_request(request)
            check_reachable(request)
        except ValueMissing as missing:
            name = str(missing)
            entry.wrong(f"no variable and no earlier step gives {{{{{name}}}}}{suggestion(name, known)}")
        except (ConfigurationError, ValueError) as error:
            entry.wrong(str(error))
        known |= {taken.name: _SAMPLE for taken in step.takes}
