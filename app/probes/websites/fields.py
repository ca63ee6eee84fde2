"""What a field of a website may say: the types of its fields, for whoever writes one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from app.errors import ConfigurationError
from app.kit.language import gettext, in_digits
from app.probes.checking.conditions.possible import check_together, possible_condition
from app.probes.checking.targets import parse_proxy
from app.probes.regions.models import MOST_REGIONS
from app.probes.websites.addresses import LONGEST_URL, checked_url
from app.probes.websites.limit_labels import wrong_limit
from app.probes.websites.models import HIDDEN, LONGEST_INTERVAL, MOST_CONFIRMATIONS, SHORTEST_INTERVAL

SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 0.1, 55.0
"""The longest is shorter than the shortest interval."""
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OURS = {"host", "content-length", "transfer-encoding", "connection"}


def _url(text: str) -> str:
    try:
        return checked_url(text)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None


def _condition(text: str) -> str:
    try:
        return possible_condition(text).text
    except ConfigurationError as error:
        raise ValueError(str(error)) from None


def _conditions(texts: list[str]) -> list[str]:
    try:
        check_together(texts)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    return texts


def _text(text: str) -> str:
    if any(not (character.isprintable() or character in "\n\t") for character in text):
        raise ValueError("it holds control characters")
    return text


def _headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    seen: set[str] = set()
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name[:60]!r} is no name of a header")
        if name.lower() in _OURS or name.lower() in seen:
            raise ValueError(f"{name} is set by the check itself, or named twice")
        if not value.isprintable() or len(value) > 4000:
            raise ValueError(f"the value of {name} has up to 4000 characters and no line breaks")
        seen.add(name.lower())
    return headers


def _pem(text: str) -> str:
    return _text(text.replace("\r\n", "\n"))


def _proxy(text: str) -> str:
    try:
        if text and text != HIDDEN:
            parse_proxy(text)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    return text


def _labels(labels: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in labels.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", name):
            raise ValueError(f"{name[:60]!r} is no name of a label; take letters, digits and _")
        if not value or len(value) > 200 or not value.isprintable():
            raise ValueError(f"the label {name} has 1 to 200 characters and no line breaks")
    if wrong := wrong_limit(labels):
        raise ValueError(wrong)
    return labels


def _in_seconds(least: float, most: float) -> WrapValidator:
    """Says whatever is wrong with a number of seconds in one sentence, with its unit and range."""

    def checked(value: object, check: ValidatorFunctionWrapHandler) -> object:
        try:
            return check(value)
        except ValidationError:
            raise ValueError(
                gettext(
                    "it must be a number of seconds from %(least)s to %(most)s",
                    least=in_digits(f"{least:g}"),
                    most=in_digits(f"{most:g}"),
                )
            ) from None

    return WrapValidator(checked)


Url = Annotated[str, AfterValidator(_url), Field(min_length=1, max_length=LONGEST_URL)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_text)]
Text = Annotated[str, AfterValidator(_text), Field(max_length=2000)]
CheckInterval = Annotated[
    int, Field(ge=SHORTEST_INTERVAL, le=LONGEST_INTERVAL), _in_seconds(SHORTEST_INTERVAL, LONGEST_INTERVAL)
]
FamilyName = Literal["any", "ipv4", "ipv6"]
MethodName = Literal["GET", "HEAD", "POST", "PUT"]
Headers = Annotated[dict[str, str], AfterValidator(_headers), Field(max_length=50)]
Body = Annotated[str, AfterValidator(_text), Field(max_length=65_536)]
Timeout = Annotated[
    float,
    Field(ge=SHORTEST_TIMEOUT, le=LONGEST_TIMEOUT, allow_inf_nan=False),
    _in_seconds(SHORTEST_TIMEOUT, LONGEST_TIMEOUT),
]
ConditionText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_condition)
]
Conditions = Annotated[list[ConditionText], Field(max_length=20), AfterValidator(_conditions)]
Confirmations = Annotated[int, Field(ge=1, le=MOST_CONFIRMATIONS)]
Regions = Annotated[list[str], Field(max_length=MOST_REGIONS)]
Quorum = Annotated[int, Field(ge=0, le=MOST_REGIONS)]
WebsiteLabels = Annotated[dict[str, str], AfterValidator(_labels), Field(max_length=20)]
Pem = Annotated[str, StringConstraints(strip_whitespace=True, max_length=65_536), AfterValidator(_pem)]
Proxy = Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_URL), AfterValidator(_proxy)]
