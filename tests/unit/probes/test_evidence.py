"""What checks saw at the other end is kept where it changed, and of a single check only what most have not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.probes.evidence.models import ConnectionMemory, SeenConnection, details_of, facts_of
from app.probes.models import (
    CheckAttempt,
    CheckFailure,
    CheckPhases,
    CheckResult,
    FollowedRedirect,
    ServerCertificate,
)
from app.probes.websites.checks import record_of
from app.probes.websites.schemas import WebsiteCheckResource

T0 = datetime(2026, 3, 1, tzinfo=UTC)
SHOWN = ServerCertificate(
    T0 + timedelta(days=90), T0 + timedelta(days=60), "a.example", "Some authority", "TLSv1.3", T0, "CN=a.example, O=A",
    ("a.example", "192.0.2.1"), "ab" * 32,
)  # fmt: skip
GOOD = CheckResult(
    T0, None, status=200, phases=CheckPhases(1, 2, 3, 4, 10), certificate=SHOWN, http_version="1.1", resolved=("b", "a")
)
REFUSED = CheckAttempt(T0, CheckFailure.REFUSED, "a.example:443 refuses connections", None, CheckPhases(connect=0.456))


def test_only_what_changed_is_news() -> None:
    memory = ConnectionMemory()

    def news(result: CheckResult) -> bool:
        return memory.news(7, "eu", T0, result) is not None

    assert news(GOOD)
    assert not news(replace(GOOD, certificate=replace(SHOWN)))
    assert not news(replace(GOOD, resolved=("a", "c"))), "another part of the same set"
    assert news(replace(GOOD, resolved=("d",)))
    assert news(replace(GOOD, resolved=()))
    assert news(GOOD)
    assert news(replace(GOOD, http_version="1.0"))
    refused = replace(GOOD, status=None, http_version=None, failure=CheckFailure.CERTIFICATE)
    assert facts_of(refused) is None, "nobody answered, and nothing was wrong with the certificate"
    assert not news(refused)
    expired = replace(refused, certificate=replace(SHOWN, problem="it has expired"))
    found = memory.news(7, "eu", T0, expired)
    assert found is not None
    assert found.facts.http_version == "1.0", "the handshake failed before anybody spoke"
    assert news(replace(GOOD, certificate=replace(SHOWN, fingerprint="cd" * 32)))
    memory.forget(7)
    assert news(GOOD)
    first = ConnectionMemory().news(8, "", T0, expired)
    assert first is not None
    assert first.facts.http_version == ""


def test_a_check_keeps_what_others_have_not_and_shows_what_was_seen_then() -> None:
    assert details_of(GOOD) is None
    assert details_of(CheckResult(T0, CheckFailure.DNS)) is None
    redirect = FollowedRedirect(301, "https://a.example/", "https://a.example/b")
    failed = replace(GOOD, failure=CheckFailure.STATUS, attempts=(REFUSED, replace(REFUSED, failure=None, detail="")))
    found = json.loads(details_of(replace(failed, redirects=(redirect,), proxy="proxy:3128")) or "")
    assert found == {
        "attempts": [
            {"at": T0.isoformat(), "reason": "refused", "message": REFUSED.detail, "address": "", "connect_ms": 0.46},
            {"at": T0.isoformat(), "reason": "", "message": "", "address": "", "connect_ms": 0.46},
        ],
        "redirects": [{"status": 301, "url": "https://a.example/", "location": "https://a.example/b"}],
        "proxy": "proxy:3128",
        "resolved": ["b", "a"],
    }
    seen = SeenConnection(T0, SHOWN, "1.1", ("a", "b"))
    shown = WebsiteCheckResource.of(replace(record_of(failed), seen=seen))
    assert (len(shown.each_attempt), shown.resolved, shown.tls_version) == (2, ["b", "a"], "TLSv1.3")
    assert shown.certificate is not None
    assert shown.certificate.names == ["a.example", "192.0.2.1"]
    plain = WebsiteCheckResource.of(replace(record_of(GOOD), seen=seen))
    assert (plain.resolved, plain.each_attempt, plain.redirects) == (["a", "b"], [], [])
    lost = WebsiteCheckResource.of(replace(record_of(CheckResult(T0, CheckFailure.DNS)), seen=seen))
    assert (lost.certificate, lost.resolved) == (None, []), "a check that met nobody shows nobody's certificate"
    assert WebsiteCheckResource.of(record_of(GOOD)).certificate is None
