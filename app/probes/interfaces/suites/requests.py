"""The request of a step with its values, and the values that an answer gives. Pure."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

from app.probes.checking.conditions.evaluation import charset_of
from app.probes.checking.conditions.json_path import parse_json_path
from app.probes.checking.conditions.patterns import parse_pattern
from app.probes.checking.targets import parse_target
from app.probes.interfaces.suites.models import SuiteStep, TakenValue, TakePlace
from app.probes.interfaces.suites.templates import (
    SuiteValues,
    filled,
    filled_body,
    filled_condition,
    filled_path,
    is_json,
    names_in,
    shown,
)
from app.probes.models import DEFAULT_REDIRECTS, CheckRequest, CheckResult
from app.probes.scanning.servers import joined_url

ANSWER = 4_000_000
"""Bytes of an answer that a step may have."""
LONGEST_TAKEN = 20_000
_FORM = "application/x-www-form-urlencoded"
_CUT = 60
"""What a message quotes of a value may be cut: its beginning is as secret as the whole."""


def step_request(step: SuiteStep, base_url: str, values: SuiteValues, cookies: Mapping[str, str]) -> CheckRequest:
    """The request of a step. ValueMissing without one of its values, ValueError where one cannot stand where it is put."""
    url = filled_path(step.target, values)
    url = url if step.is_elsewhere else joined_url(base_url, url)
    query = [(name, filled(text, values)) for name, text in step.query.items()]
    if query:
        url += ("&" if "?" in url else "?") + urlencode(query, quote_via=quote)
    headers = {"Accept": "*/*"} | {name: filled(text, values) for name, text in step.headers.items()}
    body = filled_body(step.body, values)
    if step.form:
        body = urlencode([(name, filled(text, values)) for name, text in step.form.items()])
    if body and not any(name.lower() == "content-type" for name in headers):
        usual = "application/json" if is_json(step.body) else "text/plain; charset=utf-8"
        headers["Content-Type"] = _FORM if step.form else usual
    return CheckRequest(
        url,
        step.method,
        with_cookies(headers, cookies),
        body.encode("utf-8", "replace"),
        redirects=DEFAULT_REDIRECTS if step.follows else 0,
        body_cap=ANSWER,
        conditions=tuple(filled_condition(condition, values) for condition in step.conditions),
        keeps_answer=True,
    )


def with_cookies(headers: Mapping[str, str], cookies: Mapping[str, str]) -> dict[str, str]:
    """The headers with cookies beside those that they have."""
    if not cookies:
        return dict(headers)
    sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
    own = next((value for name, value in headers.items() if name.lower() == "cookie"), "")
    kept = {name: value for name, value in headers.items() if name.lower() != "cookie"}
    return {**kept, "Cookie": f"{own}; {sent}" if own else sent}


def needed_by(step: SuiteStep) -> set[str]:
    """The names of the values that the request of a step needs."""
    texts = [step.target, step.body, *step.query.values(), *step.headers.values(), *step.form.values()]
    texts += [condition.value for condition in step.conditions if isinstance(condition.value, str)]
    return {name for text in texts for name in names_in(text)}


def origin_of(url: str) -> tuple[str, str, int]:
    return parse_target(url).origin


def follow_cookies(cookies: dict[str, str], result: CheckResult) -> None:
    """What an answer sets and takes away."""
    for written in result.cookies:
        pair, *attributes = written.split(";")
        name, _, value = (part.strip() for part in pair.partition("="))
        if not name or len(pair) > 4096 or len(cookies) >= 100:
            continue
        if not value or _has_ended(attributes, result.time):
            cookies.pop(name, None)
        else:
            cookies[name] = value


def _has_ended(attributes: list[str], now: datetime) -> bool:
    found = {name.strip().lower(): value.strip() for name, _, value in (one.partition("=") for one in attributes)}
    age = found.get("max-age", "")
    if age.lstrip("-").isdigit():
        return int(age[:12]) <= 0
    try:
        ends = parsedate_to_datetime(found["expires"])
    except (KeyError, ValueError):
        return False
    return (ends if ends.tzinfo else ends.replace(tzinfo=UTC)) <= now


def taken_values(takes: tuple[TakenValue, ...], result: CheckResult) -> tuple[dict[str, Any], list[str]]:
    """The values that an answer gives, and what of them it lacks, in words."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    document: Any = None
    if any(one.place is TakePlace.JSON for one in takes):
        try:
            document = json.loads(result.body)
        except (ValueError, RecursionError):
            problems.append("the answer is no JSON, so that nothing can be taken from it")
    for one in takes:
        found = _found(one, document, result)
        if found is None:
            problems += [f"the answer has nothing at {one.said} for {one.name}"] if not problems else []
        elif len(shown(found)) > LONGEST_TAKEN:
            problems.append(f"what stands at {one.said} for {one.name} is longer than {LONGEST_TAKEN} characters")
        else:
            values[one.name] = found
    return values, problems


def _found(taken: TakenValue, document: Any, result: CheckResult) -> Any:
    if taken.place is TakePlace.HEADER:
        return next((value for name, value in result.headers if name.lower() == taken.what.lower()), None)
    if taken.place is TakePlace.COOKIE:
        cookies: dict[str, str] = {}
        follow_cookies(cookies, result)
        return cookies.get(taken.what)
    if taken.place is TakePlace.MATCH:
        content_type = next((value for name, value in result.headers if name.lower() == "content-type"), None)
        return matched(taken.what, result.body.decode(charset_of(content_type), "replace"))
    try:
        found = parse_json_path(taken.what).find(document) if document is not None else []
    except ValueError:
        return None
    return found[0] if found else None


def matched(pattern: str, text: str) -> str | None:
    """What the group of a pattern, or all of it, stands for in a text; what HTML writes as `&amp;` is read."""
    found = parse_pattern(pattern, captures=True).search(text)
    if found is None:
        return None
    return html.unescape((found[1] if found.re.groups else found[0]) or "") or None


def value_kind(name: str, value: Any) -> str:
    """What may be shown of a value that an answer gave: its kind and its size."""
    if isinstance(value, bool) or value is None:
        return f"{name}: {json.dumps(value)}"
    if isinstance(value, str):
        return f"{name}: text of {len(value)} characters"
    if isinstance(value, list):
        return f"{name}: list of {len(value)}"
    return f"{name}: {f'object of {len(value)} fields' if isinstance(value, dict) else 'number'}"


def secrets_of(values: SuiteValues, cookies: Iterable[str]) -> Iterator[str]:
    """What no result may show of values that answers gave: all of them may be tokens."""
    for text in (*(shown(value) for value in values.values() if not isinstance(value, bool)), *cookies):
        yield text
        if len(text) > _CUT:
            yield text[:_CUT]
