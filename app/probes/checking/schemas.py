"""The result of a check as programs read it."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from app.probes.models import CheckFailure, CheckMethod, CheckResult
from app.schemas import Instant, PreciseInstant, Resource


class CheckPhasesResource(Resource):
    """Milliseconds; null where a phase was not reached or not needed."""

    dns: float | None
    connect: float | None
    tls: float | None
    first_byte: float | None
    whole: float | None


class CheckAttemptResource(Resource):
    time: PreciseInstant
    failure: CheckFailure | None
    detail: str
    address: str | None
    phases: CheckPhasesResource


class FollowedRedirectResource(Resource):
    status: int
    url: str
    location: str


class ServerCertificateResource(Resource):
    ends: Instant
    chain_ends: Instant
    name: str
    issuer: str
    protocol: str
    begins: Instant
    subject: str
    names: list[str] = Field(description="Hosts and addresses for which it is.")
    fingerprint: str = Field(description="SHA-256, in hexadecimal digits.")
    problem: str = Field(description="Why it is not trusted; empty where it is.")


class CheckResultResource(Resource):
    """One check; `failure` is null where the target is up, `own_delay` are milliseconds that are in no phase."""

    time: PreciseInstant
    ok: bool
    failure: CheckFailure | None
    detail: str
    method: CheckMethod
    status: int | None
    throttled: bool
    retry_after: float | None
    phases: CheckPhasesResource
    received: int = Field(description="Bytes of the body as they came over the wire.")
    attempts: list[CheckAttemptResource]
    redirects: list[FollowedRedirectResource]
    final_url: str
    address: str | None
    resolved: list[str]
    proxy: str = Field(description="Host and port of the proxy, whose addresses these are; empty where there was none.")
    http_version: str | None
    certificate: ServerCertificateResource | None
    excerpt: str
    own_delay: float

    @classmethod
    def of(cls, result: CheckResult) -> Self:
        return cls.model_validate(result)
