"""Websites, their results and windows as programs read and write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from pydantic import Field, ValidationError

from app.errors import ConfigurationError
from app.mistakes import mistake_said
from app.probes.evidence.schemas import CheckEvidence, evidence_of
from app.probes.websites.availability import Availability
from app.probes.websites.fields import (
    Body,
    CheckInterval,
    Conditions,
    Confirmations,
    FamilyName,
    Headers,
    MethodName,
    Name,
    Pem,
    Proxy,
    Quorum,
    Regions,
    Text,
    Timeout,
    Url,
    WebsiteLabels,
)
from app.probes.websites.models import (
    USUAL_CONFIRMATIONS,
    USUAL_INTERVAL,
    USUAL_TIMEOUT,
    CheckRecord,
    StatusWindow,
    Website,
    WebsiteDraft,
    WebsiteStatus,
    WindowKind,
)
from app.probes.websites.service import masked
from app.probes.websites.sql import CHECK_NAMES
from app.schemas import Instant, PreciseInstant, RequestBody, Resource


class WebsiteBody(RequestBody):
    """A website that is to be checked."""

    url: Url = Field(description="Address, http or https with a host.", examples=["https://example.com"])
    name: Name = Field(description="What people call it.", examples=["Example Site"])
    enabled: bool = Field(default=True, description="Whether it is checked.")
    check_interval: CheckInterval = Field(default=USUAL_INTERVAL, description="Seconds between two checks.")
    method: MethodName = Field(default="GET", description="Method of the request.")
    headers: Headers = Field(default={}, description="Headers of the request; values that may be secret are not shown.")
    body: Body = Field(default="", description="Body of the request; it is not shown.")
    timeout: Timeout = Field(default=USUAL_TIMEOUT, description="Seconds for the whole check.")
    follow_redirects: bool = Field(default=True, description="Whether redirects are followed.")
    conditions: Conditions = Field(
        default=[],
        description="What an answer has to fulfil; the status is 200 to 299 where none is about it.",
        examples=[["status 200", "latency < 2 s"]],
    )
    failures: Confirmations = Field(default=USUAL_CONFIRMATIONS, description="Failed checks in a row that mean down.")
    successes: Confirmations = Field(default=USUAL_CONFIRMATIONS, description="Good checks in a row that end it.")
    labels: WebsiteLabels = Field(
        default={}, description="For routes of alerts and for groups.", examples=[{"group": "shop"}]
    )
    note: Text = Field(default="", description="For people.")
    regions: Regions = Field(
        default=[], description="Regions that check it, each for itself; none: any process.", examples=[["eu", "us"]]
    )
    quorum: Quorum = Field(default=0, description="Regions that have to say that it is down; 0: more than half.")
    address_family: FamilyName = Field(default="any", description="Addresses of which kind are connected to.")
    client_certificate: Pem = Field(
        default="",
        description="Certificate that is shown to the server, as PEM, with or without its key; it is not shown.",
    )
    client_key: Pem = Field(default="", description="Key of that certificate as PEM; it is not shown.")
    proxy: Proxy = Field(
        default="",
        description="Proxy that leads there, http or https; its user and password are not shown.",
        examples=["http://user:password@proxy.example:3128"],
    )

    @classmethod
    def of(cls, draft: WebsiteDraft, *, secrets: bool = False) -> Self:
        """What would make this website; one that an earlier version let pass is written as it stands."""
        shown = draft if secrets else masked(draft)
        values = {field.name: getattr(shown, field.name) for field in fields(WebsiteDraft)}
        return cls.model_construct(**{**values, "conditions": list(draft.conditions), "regions": list(draft.regions)})

    def draft(self) -> WebsiteDraft:
        return WebsiteDraft(**_as_tuples(self.model_dump()))


def _as_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


M = TypeVar("M", bound=RequestBody)


def checked_model(model: type[M], values: Mapping[str, Any], names: Mapping[str, str] | None = None) -> M:
    """The model of the values; ConfigurationError that names each that is wrong, and quotes none.

    `names` are those by which people said the fields, options of a command for one.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(
            "; ".join(f"{field}: {said}" for field, said in field_problems(error, names))
        ) from None


def field_problems(error: ValidationError, names: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """Each field that is wrong, and what is wrong with it in our words."""
    found = []
    for one in error.errors(include_input=False, include_url=False):
        first, *rest = (str(part) for part in one["loc"]) if one["loc"] else ("",)
        found.append(
            (
                ".".join([(names or {}).get(first, first), *(part for part in rest if not part.isdecimal())]),
                mistake_said(one),
            )
        )
    return found


class WebsiteChangeBody(RequestBody):
    """What is to change of a website; what is left out stays, and so does a value that is written as `***`."""

    url: Url | None = None
    name: Name | None = None
    enabled: bool | None = None
    check_interval: CheckInterval | None = None
    method: MethodName | None = None
    headers: Headers | None = Field(default=None, description="All of them; `***` keeps the value of a header.")
    body: Body | None = None
    timeout: Timeout | None = None
    follow_redirects: bool | None = None
    conditions: Conditions | None = None
    failures: Confirmations | None = None
    successes: Confirmations | None = None
    labels: WebsiteLabels | None = Field(default=None, description="All of them.")
    note: Text | None = None
    regions: Regions | None = Field(default=None, description="All of them.")
    quorum: Quorum | None = None
    address_family: FamilyName | None = None
    client_certificate: Pem | None = None
    client_key: Pem | None = None
    proxy: Proxy | None = Field(default=None, description="With `***` as user and password, these stay as they are.")

    def applied(self, draft: WebsiteDraft) -> WebsiteDraft:
        """The draft with what is said here."""
        chosen = {name: getattr(self, name) for name in self.model_fields_set if getattr(self, name) is not None}
        return replace(draft, **_as_tuples(chosen))


class WebsiteResource(Resource):
    """A website that is checked, and how it is; values that may be secret are `***`.

    `managed_by` is the file that owns it: what is said of it changes there and nowhere else.
    """

    id: int
    url: str
    name: str
    enabled: bool
    status: WebsiteStatus
    check_interval: int
    method: str
    headers: dict[str, str]
    body: str
    timeout: float
    follow_redirects: bool
    conditions: list[str]
    failures: int
    successes: int
    labels: dict[str, str]
    note: str
    regions: list[str]
    quorum: int
    address_family: str
    client_certificate: str
    client_key: str
    proxy: str
    status_since: Instant
    reason: str
    checked_at: Instant | None
    next_check_at: Instant | None
    paused_until: Instant | None
    managed_by: str
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, website: Website, now: datetime) -> Self:
        draft, state = masked(website.draft), website.state
        said = {field.name: getattr(draft, field.name) for field in fields(WebsiteDraft)}
        pause = state.break_until
        return cls(
            **{**said, "conditions": list(draft.conditions), "regions": list(draft.regions)},
            id=website.website_id,
            status=website.status(now),
            status_since=website.since(now),
            reason=state.reason,
            checked_at=state.checked_at,
            next_check_at=state.due_at if draft.enabled else None,
            paused_until=pause if pause and pause > now and draft.enabled else None,
            managed_by=website.managed_by,
            created_at=website.created_at,
            updated_at=website.updated_at,
        )


class KeptWebsiteResource(WebsiteResource):
    """A website as it was just kept, with what may not be meant of it: `warnings` are sentences, and nothing is refused by them."""

    warnings: list[str]

    @classmethod
    def with_warnings(cls, website: Website, warnings: Sequence[str], now: datetime) -> Self:
        return cls(**WebsiteResource.of(website, now).model_dump(), warnings=list(warnings))


class AvailabilityResource(Resource):
    """How available a website was: seconds up, down, unknown, paused and in maintenance add up to the range.

    `percent` is up of up and down, so that what is planned counts for neither. `budget_seconds` is how long it may be down at the objective, `budget_left_seconds`
    what is left of it, below 0 where it is overspent.
    """

    id: int
    name: str
    group: str
    start: Instant
    end: Instant
    percent: float | None
    up_seconds: float
    down_seconds: float
    unknown_seconds: float
    paused_seconds: float
    maintenance_seconds: float
    incidents: int
    objective_percent: float
    budget_seconds: float
    budget_left_seconds: float
    mttr_seconds: float | None
    mtbf_seconds: float | None

    @classmethod
    def of(cls, website: Website, found: Availability, objective: float) -> Self:
        budget = found.budget(objective / 100)
        return cls(
            id=website.website_id,
            name=website.draft.name,
            group=website.draft.labels.get("group", ""),
            start=found.start,
            end=found.end,
            percent=None if found.share is None else found.share * 100,
            up_seconds=found.up.total_seconds(),
            down_seconds=found.down.total_seconds(),
            unknown_seconds=found.unknown.total_seconds(),
            paused_seconds=found.paused.total_seconds(),
            maintenance_seconds=found.maintenance.total_seconds(),
            incidents=found.incidents,
            objective_percent=objective,
            budget_seconds=budget.total_seconds(),
            budget_left_seconds=(budget - found.down).total_seconds(),
            mttr_seconds=_seconds(found.time_to_recover),
            mtbf_seconds=_seconds(found.time_between_failures),
        )


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()


class WebsiteCheckResource(CheckEvidence):
    """The result of a check: when, whether it was good or why not, and how long each phase took in milliseconds.

    `certificate` and `resolved` are kept where they change, so that they are those that were seen last when it was made;
    `resolved` of a check that failed is its own. `each_attempt` is empty where there was one, which is the result itself.
    """

    at: PreciseInstant
    ok: bool
    reason: str
    region: str
    status: int | None
    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    first_byte_ms: float | None
    total_ms: float
    bytes: int
    attempts: int
    address: str
    http_version: str
    final_url: str
    certificate_ends_at: Instant | None
    message: str
    excerpt: str

    @classmethod
    def of(cls, check: CheckRecord) -> Self:
        said = {name: getattr(check, name) for name in CHECK_NAMES if name != "details"}
        return cls.model_validate({**said, **evidence_of(check)})


class WindowChangeBody(RequestBody):
    """What is said of a downtime; what is left out stays."""

    acknowledged: bool | None = Field(default=None, description="Whether somebody looks after it.")
    note: Text | None = Field(default=None, description="For people.")


class WebsiteWindowResource(Resource):
    """A time in which a website was down, paused, in maintenance, or nobody knew how it was; without an end it lasts.

    `reason` of a maintenance is its name.
    """

    id: int
    kind: WindowKind
    started_at: PreciseInstant
    ended_at: PreciseInstant | None
    seconds: float
    reason: str
    note: str
    acknowledged_at: Instant | None
    acknowledged_by: str

    @classmethod
    def of(cls, window: StatusWindow, now: datetime) -> Self:
        return cls(
            id=window.window_id,
            kind=window.kind,
            started_at=window.start,
            ended_at=window.end,
            seconds=window.lasted(now).total_seconds(),
            reason=window.reason,
            note=window.note,
            acknowledged_at=window.acknowledged_at,
            acknowledged_by=window.acknowledged_by,
        )
