"""`config/probes.yaml`: websites that are checked, as people write them in a file.

Every problem is gathered with its line and field. Values of the environment are looked up here, so that a missing one is a
problem of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import SecretStr, ValidationError

from app.errors import ConfigurationError
from app.kit.yaml.fields import Fields, read_content
from app.kit.yaml.tree import Problem, ProblemReport
from app.probes.regions.models import MOST_REGIONS
from app.probes.remarks import PARENT, remark_on_parent
from app.probes.websites.addresses import url_key
from app.probes.websites.checks import check_conditions, request_of
from app.probes.websites.models import WebsiteDraft, is_secret_header
from app.probes.websites.schemas import WebsiteBody, field_problems
from app.secrets import read_secret

_SECRET = re.compile(r"(?i)auth|token|secret|api-?key|password|cookie")
_REFERENCE = re.compile(r"\$\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class ConfiguredWebsites:
    """What a file says; of an entry that is wrong nothing is known."""

    drafts: tuple[WebsiteDraft, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    """What may not be meant, and is taken all the same."""


def read_probes(content: bytes, file: str) -> ConfiguredWebsites:
    report = ProblemReport(file)
    root = read_content(content, report)
    found: list[WebsiteDraft] = []
    seen: dict[str, str] = {}
    doubts, entries = ProblemReport(file), root.named("websites")
    for name, entry in entries.items():
        draft = _website(name, entry)
        if draft is None:
            continue
        other = seen.setdefault(url_key(draft.url), name)
        if other != name:
            entry.wrong(f"the website {other!r} has this address already", "url")
        else:
            found.append(draft)
            if remark := remark_on_parent(draft, entries.keys() - {name}):
                doubts.add(entry.line_of("labels"), f"{entry.path}.labels.{PARENT}", f"{remark} (in this file)")
    root.close()
    return ConfiguredWebsites(tuple(found), tuple(report.problems), tuple(doubts.problems))


def _website(name: str, entry: Fields) -> WebsiteDraft | None:
    """The website of an entry; None where something in it is wrong, which is reported."""
    said: dict[str, Any] = {"name": name}
    if entry.text("url", required=True):
        said["url"] = entry.text("url")
    for field, read in _READERS.items():
        if entry.has(field) and (value := read(entry, field)) is not None:
            said[field] = value
    entry.close()
    return _checked(entry, said)


def _seconds(entry: Fields, field: str) -> float | None:
    length: timedelta | None = entry.duration(field, None)
    if length is None:
        return None
    seconds = length.total_seconds()
    return round(seconds) if seconds.is_integer() else seconds


_READERS: dict[str, Callable[[Fields, str], Any]] = {
    "enabled": lambda entry, field: entry.flag(field, default=True),
    "check_interval": _seconds,
    "method": Fields.text,
    "headers": lambda entry, _: _headers(entry),
    "body": lambda entry, _: _body(entry),
    "timeout": _seconds,
    "follow_redirects": lambda entry, field: entry.flag(field, default=True),
    "conditions": lambda entry, field: list(entry.texts(field)),
    "failures": lambda entry, field: entry.whole(field, None, least=1, most=20),
    "successes": lambda entry, field: entry.whole(field, None, least=1, most=20),
    "labels": Fields.labels,
    "note": Fields.text,
    "address_family": Fields.text,
    "regions": lambda entry, field: list(entry.texts(field)),
    "client_certificate": lambda entry, field: _secret(read_secret(entry, field, example="")),
    "client_key": lambda entry, field: _secret(read_secret(entry, field, example="")),
    "proxy": lambda entry, _: _proxy(entry),
    "quorum": lambda entry, field: entry.whole(field, None, least=1, most=MOST_REGIONS),
}


def _checked(entry: Fields, said: dict[str, Any]) -> WebsiteDraft | None:
    if "url" not in said:
        return None
    try:
        draft = WebsiteBody.model_validate(said).draft()
        check_conditions(request_of(draft))
    except ValidationError as error:
        for field, problem in field_problems(error):
            first, _, rest = field.partition(".")
            entry.wrong(f"{rest}: {problem}" if rest else problem, first)
    except ConfigurationError as error:
        entry.wrong(str(error))
    else:
        return draft
    return None


def _headers(entry: Fields) -> dict[str, str]:
    """Values by names; what is secret by its name is `${NAME}` of the environment."""
    inner = entry.entry("headers")
    if inner is None:
        return {}
    found: dict[str, str] = {}
    for name in inner.names:
        text = inner.written(name, "one text") or ""
        if is_secret_header(name) and (_REFERENCE.search(text) or _SECRET.search(name)):
            secret = read_secret(inner, name)
            found[name] = "" if secret is None else secret.get_secret_value()
        else:
            found[name] = text
    return found


def _body(entry: Fields) -> str:
    return _secret(read_secret(entry, "body", literal=True))


def _proxy(entry: Fields) -> str:
    """Its password is `${NAME}` of the environment, and so may be all of it."""
    text = entry.written("proxy", "a text") or ""
    bare = "@" not in text and not _REFERENCE.search(text)
    return _secret(read_secret(entry, "proxy", literal=bare, example="http://proxy.example:3128"))


def _secret(found: SecretStr | None) -> str:
    return "" if found is None else found.get_secret_value()
