"""Events as programs read them: what `data` of each topic holds."""

from __future__ import annotations

from typing import Self

from app.events.models import Event, Topic
from app.market.areas import label
from app.schemas import PreciseInstant, Resource


class RunEventData(Resource):
    """`runs`: a run of a job; the kind is its outcome, `running` when it begins, `queued` when somebody asked for it."""

    job: str
    scheduled_for: PreciseInstant
    trigger: str
    attempt: int
    started_at: PreciseInstant | None
    finished_at: PreciseInstant | None
    summary: str
    error: str
    next_attempt_at: PreciseInstant | None
    runner: str


class JobEventData(Resource):
    """`jobs`: a job of the plan was `added`, `changed`, `paused`, `resumed` or `removed`."""

    job: str
    paused: bool


class BackfillEventData(Resource):
    """`backfills`: a backfill was `queued`, or is `running`, `held` (the source is down), `paused`, `cancelled`, `completed`."""

    backfill_id: int
    description: str
    pause_reason: str
    held_until: PreciseInstant | None
    last_error: str


class AlertEventData(Resource):
    """`alerts`: what happened to an alert, as `/alerts/history` names it."""

    alert_id: int
    rule: str
    labels: dict[str, str]
    severity: str
    phase: str
    value: float | None
    note: str


class FindingEventData(Resource):
    """`findings`: a finding is in another state, the first is `open`; `removed`: others have taken its place."""

    finding_id: int
    series: int
    dimension: str
    rule: str
    severity: str
    interval_start: PreciseInstant
    interval_end: PreciseInstant
    affected: int


class ChangesEventData(Resource):
    """`changes`: values were `stored`: how many of the transaction are new, how many others were replaced or withdrawn."""

    series: list[int]
    first_start: PreciseInstant
    last_start: PreciseInstant
    new: int
    replaced: int
    recorded_at: PreciseInstant


class InterfaceEventData(Resource):
    """`interfaces`: an operation was `added`, `removed` or `changed` by a document of a service."""

    change_id: int
    service: str
    group: str
    method: str
    path: str
    name: str
    document: str
    breaking: bool
    parts: list[str]


class WebsiteEventData(Resource):
    """`websites`: what happened to a website; the fields of a window or plan stand where it is about one."""

    website_id: int | None
    website: str
    group: str
    since: PreciseInstant | None = None
    reason: str = ""
    window_id: int | None = None
    window: str | None = None
    started_at: PreciseInstant | None = None
    ended_at: PreciseInstant | None = None
    note: str = ""
    acknowledged_by: str = ""
    plan_id: int | None = None
    plan: str | None = None


class ServiceEventData(Resource):
    """`services`: what happened to a service; of operations those that went down or came back together, of a cycle its figures."""

    service_id: int
    service: str
    group: str
    problem: str = ""
    failing: int | None = None
    operations_down: int | None = None
    operations_up: int | None = None
    started_at: PreciseInstant | None = None
    finished_at: PreciseInstant | None = None
    checked: int | None = None
    failed: int | None = None
    p95_ms: float | None = None


DATA_OF: dict[Topic, type[Resource]] = {
    Topic.RUNS: RunEventData,
    Topic.JOBS: JobEventData,
    Topic.BACKFILLS: BackfillEventData,
    Topic.ALERTS: AlertEventData,
    Topic.FINDINGS: FindingEventData,
    Topic.CHANGES: ChangesEventData,
    Topic.INTERFACES: InterfaceEventData,
    Topic.WEBSITES: WebsiteEventData,
    Topic.SERVICES: ServiceEventData,
}


class EventResource(Resource):
    """Something that happened; `item` and `area` where it is about values of one."""

    topic: Topic
    kind: str
    at: PreciseInstant
    item: str | None
    area: str | None
    area_eic: str | None
    data: (
        RunEventData
        | JobEventData
        | BackfillEventData
        | AlertEventData
        | FindingEventData
        | ChangesEventData
        | InterfaceEventData
        | WebsiteEventData
        | ServiceEventData
    )

    @classmethod
    def of(cls, event: Event) -> Self:
        topic = Topic(event.topic)
        return cls(
            topic=topic,
            kind=event.kind,
            at=event.place.at,
            item=event.item,
            area=label(event.area) if event.area else None,
            area_eic=event.area,
            data=DATA_OF[topic].model_validate(event.data),  # type: ignore[arg-type]  # as the table says
        )
