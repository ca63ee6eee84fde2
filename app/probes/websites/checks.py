"""What a website asks of the check, and what is kept of its result. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from app.errors import ConfigurationError
from app.probes.checking.conditions.parse import parse_condition
from app.probes.checking.conditions.possible import check_reachable
from app.probes.checking.targets import check_request, parse_target
from app.probes.checking.tls import tls_context
from app.probes.evidence.models import details_of
from app.probes.kept import reason_of, storable
from app.probes.models import (
    DEFAULT_REDIRECTS,
    AddressFamily,
    CheckCondition,
    CheckMethod,
    CheckRequest,
    CheckResult,
    TlsOptions,
)
from app.probes.regions.models import check_regions
from app.probes.vault import UNREADABLE
from app.probes.websites.models import SECRETS, CheckRecord, WebsiteDraft
from app.probes.websites.state import CheckPolicy

RETRY = timedelta(seconds=20)
"""Between checks while a change waits for its confirmation."""
USUAL_TLS = TlsOptions()
GOLDEN = 0.618033988749895


def request_of(draft: WebsiteDraft) -> CheckRequest:
    """The check that a website asks for; ConfigurationError where it asks for none that can be made."""
    check_regions(draft)
    if UNREADABLE in {*draft.headers.values(), *(getattr(draft, name) for name in SECRETS)}:
        raise ConfigurationError(
            "its secrets were kept with another key: set GRIDKEEPER_PROBES__SECRET_KEY to the same in all processes, or "
            "say them again"
        )
    request = CheckRequest(
        draft.url,
        CheckMethod(draft.method),
        draft.headers,
        draft.body.encode(),
        draft.timeout,
        redirects=DEFAULT_REDIRECTS if draft.follow_redirects else 0,
        conditions=parsed_conditions(draft.conditions),
        family=AddressFamily(draft.address_family),
        tls=_identity_of(draft),
        proxy=draft.proxy or None,
    )
    check_request(request)
    return request


def check_conditions(request: CheckRequest) -> None:
    """ConfigurationError that names the field where no answer that the request may get fulfils its conditions."""
    try:
        check_reachable(request)
    except ConfigurationError as error:
        raise ConfigurationError(f"conditions: {error}") from None


def _identity_of(draft: WebsiteDraft) -> TlsOptions:
    """With the certificate that is shown; ConfigurationError that names the field where it cannot be."""
    if not draft.client_certificate and not draft.client_key:
        return USUAL_TLS
    if not draft.client_certificate:
        raise ConfigurationError("client_key: say the certificate that it belongs to, too")
    if not draft.url.lower().startswith("https:"):
        raise ConfigurationError("client_certificate: http shows none; write the address with https")
    options = TlsOptions(client_pem=f"{draft.client_certificate}\n{draft.client_key}")
    try:
        tls_context(options)
    except ConfigurationError as error:
        raise ConfigurationError(f"{'client_key' if draft.client_key else 'client_certificate'}: {error}") from None
    return options


def parsed_conditions(texts: Sequence[str]) -> tuple[CheckCondition, ...]:
    """ConfigurationError that names the one that cannot be read."""
    found = []
    for number, text in enumerate(texts):
        try:
            found.append(parse_condition(text))
        except ConfigurationError as error:
            raise ConfigurationError(f"conditions.{number}: {error}") from None
    return tuple(found)


def policy_of(website_id: int, draft: WebsiteDraft, region: str = "") -> CheckPolicy:
    """How a website is checked; its phase is its own for ever, and those of neighbours and of its regions lie far apart."""
    part = draft.regions.index(region) / len(draft.regions) if region in draft.regions else 0.0
    return CheckPolicy(
        timedelta(seconds=draft.check_interval),
        timedelta(seconds=draft.timeout),
        draft.failures,
        draft.successes,
        RETRY,
        (website_id * GOLDEN + part) % 1.0,
    )


def host_checked(url: str) -> str:
    return parse_target(url).host


def record_of(result: CheckResult) -> CheckRecord:
    reason = reason_of(result)
    phases, certificate = result.phases, result.certificate
    return CheckRecord(
        at=result.time,
        ok=not reason,
        reason=reason,
        status=result.status,
        dns_ms=phases.dns,
        connect_ms=phases.connect,
        tls_ms=phases.tls,
        first_byte_ms=phases.first_byte,
        total_ms=phases.whole or 0.0,
        bytes=result.received,
        attempts=max(1, len(result.attempts)),
        address=result.address or "",
        http_version=result.http_version or "",
        final_url=result.final_url,
        certificate_ends_at=certificate.ends if certificate else None,
        message=storable(result.detail),
        excerpt=storable(result.excerpt),
        details=details_of(result),
    )
