"""What checks saw at the other end, as programs read it."""

from __future__ import annotations

import json
from typing import Any

from app.probes.checking.schemas import FollowedRedirectResource, ServerCertificateResource
from app.probes.websites.models import CheckRecord
from app.schemas import PreciseInstant, Resource


class WebsiteAttemptResource(Resource):
    """One attempt of a check that took several; milliseconds are null where a phase was not reached."""

    at: PreciseInstant
    reason: str
    message: str
    address: str
    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = None
    whole_ms: float | None = None


class CheckEvidence(Resource):
    """What a check shows beside its figures."""

    certificate: ServerCertificateResource | None
    tls_version: str
    resolved: list[str]
    proxy: str
    each_attempt: list[WebsiteAttemptResource]
    redirects: list[FollowedRedirectResource]


def evidence_of(check: CheckRecord) -> dict[str, Any]:
    """The fields of `CheckEvidence`."""
    own: dict[str, Any] = json.loads(check.details) if check.details else {}
    seen = check.seen
    shown = seen.certificate if seen is not None and check.tls_ms is not None else None
    known = list(seen.addresses) if seen is not None and check.status is not None else []
    return {
        "certificate": shown,
        "tls_version": shown.protocol if shown is not None else "",
        "resolved": own.get("resolved", known),
        "proxy": own.get("proxy", ""),
        "each_attempt": own.get("attempts", []),
        "redirects": own.get("redirects", []),
    }
