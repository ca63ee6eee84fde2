"""A check of a target over HTTP: what is asked, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

DEFAULT_TIMEOUT = 30.0
DEFAULT_RETRIES = 3
DEFAULT_REDIRECTS = 10
DEFAULT_BODY_CAP = 4 * 1024 * 1024


class CheckMethod(StrEnum):
    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"

    @property
    def reads(self) -> bool:
        """Whether it changes nothing, and carries no body."""
        return self in {CheckMethod.GET, CheckMethod.HEAD}


class CheckFailure(StrEnum):
    """Why a check failed; a closed set."""

    DNS = "dns"
    CONNECT = "connect"
    REFUSED = "refused"
    TLS = "tls"
    CERTIFICATE = "certificate"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    STATUS = "status"
    CONDITION = "condition"
    TOO_LARGE = "too_large"
    REDIRECT_LOOP = "redirect_loop"
    BLOCKED = "blocked"
    OURS = "ours"


class AddressFamily(StrEnum):
    ANY = "any"
    IPV4 = "ipv4"
    IPV6 = "ipv6"


class CheckPhase(StrEnum):
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    FIRST_BYTE = "first_byte"
    WHOLE = "whole"


class ConditionKind(StrEnum):
    STATUS = "status"
    LATENCY = "latency"
    HEADER = "header"
    TEXT = "text"
    REGEXP = "regexp"
    JSON = "json"
    SIZE = "size"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class CheckCondition:
    """What a response has to fulfil; `parse_condition` reads one from text and `text` is what was read."""

    kind: ConditionKind
    operator: str
    value: object
    subject: str = ""
    """The name of a header, a JSONPath or a phase."""
    text: str = ""

    @property
    def reads_body(self) -> bool:
        return self.kind in {ConditionKind.TEXT, ConditionKind.REGEXP, ConditionKind.JSON}


@dataclass(frozen=True, slots=True)
class TlsOptions:
    verify: bool = True
    ca_file: Path | None = None
    """Certificates to trust in place of the usual ones."""
    client_certificate: Path | None = None
    client_key: Path | None = None
    """None: the key stands in the file of the certificate."""
    client_pem: str = field(default="", repr=False)
    """Certificate and key as PEM, in place of files."""
    server_name: str | None = None
    """The name to ask for and to verify; None: the host of the URL."""


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """One check of one target. Times are in seconds, sizes in bytes."""

    url: str
    method: CheckMethod = CheckMethod.GET
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)
    timeout: float = DEFAULT_TIMEOUT
    """Of the whole check: retries, redirects and body included."""
    retries: int = DEFAULT_RETRIES
    """Of connections that failed; a response, however bad, is not asked for again."""
    retry_pause: float = 0.2
    """Before the first retry; doubled before each further one."""
    redirects: int = DEFAULT_REDIRECTS
    """Followed at most; 0: the redirect itself is the response."""
    body_cap: int = DEFAULT_BODY_CAP
    """Of the body, unpacked; beyond it the check fails with `too_large`."""
    conditions: tuple[CheckCondition, ...] = ()
    """Without one about the status, the status has to be 200 to 299."""
    family: AddressFamily = AddressFamily.ANY
    fresh_connection: bool = True
    tls: TlsOptions = TlsOptions()
    proxy: str | None = None
    """`http://user:password@host:port`, or https; None: none, whatever the environment says."""
    keeps_answer: bool = False
    """Whether the result has the headers and the body of the response, for whoever takes values from them."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Masked wherever a result quotes them; the values of secret headers are among them without being named."""


@dataclass(frozen=True, slots=True)
class CheckPhases:
    """Milliseconds, of all hops of the last attempt; None where a phase was not reached or not needed."""

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    first_byte: float | None = None
    """From the request sent to the first byte of the response."""
    whole: float | None = None
    """From the start of the attempt to the last byte, without what lay unread on this machine."""

    def of(self, phase: CheckPhase) -> float | None:
        found: float | None = getattr(self, phase.value)
        return found


@dataclass(frozen=True, slots=True)
class CheckAttempt:
    """One attempt of a check; the last one is the check's result."""

    time: datetime
    failure: CheckFailure | None
    detail: str
    address: str | None
    phases: CheckPhases


@dataclass(frozen=True, slots=True)
class FollowedRedirect:
    status: int
    url: str
    """Where it came from, without secrets."""
    location: str
    """Where it led to, without secrets."""


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """The certificate of the last host that spoke TLS."""

    ends: datetime
    """Of the leaf."""
    chain_ends: datetime
    """The first end within the chain that was verified; that of the leaf where none was."""
    name: str
    issuer: str
    protocol: str
    """`TLSv1.3`."""
    begins: datetime
    subject: str = ""
    """As `CN=example.org, O=Example`."""
    names: tuple[str, ...] = ()
    """Hosts and addresses for which it is."""
    fingerprint: str = ""
    """SHA-256, in hexadecimal digits."""
    problem: str = ""
    """Why it is not trusted; empty where it is, or where nobody asked."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    time: datetime
    """When the check began."""
    failure: CheckFailure | None
    detail: str = ""
    """Why it failed, for people; without secrets."""
    method: CheckMethod = CheckMethod.GET
    """The one that was answered: GET where HEAD was refused."""
    status: int | None = None
    phases: CheckPhases = CheckPhases()
    received: int = 0
    """Bytes of the last body, as they came over the wire."""
    attempts: tuple[CheckAttempt, ...] = ()
    redirects: tuple[FollowedRedirect, ...] = ()
    final_url: str = ""
    certificate: ServerCertificate | None = None
    http_version: str | None = None
    address: str | None = None
    """The one that was connected to last."""
    resolved: tuple[str, ...] = ()
    """All addresses of the last host, in the order of the resolver."""
    proxy: str = ""
    """Host and port of the proxy whose addresses these are; empty where there was none."""
    retry_after: float | None = None
    """Seconds, as a response with 429 or 503 asks for."""
    excerpt: str = ""
    """The beginning of the body where the check failed."""
    own_delay: float = 0.0
    """Milliseconds that data lay unread here; in none of the phases."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    """With secrets, where the request keeps the answer."""
    cookies: tuple[str, ...] = field(default=(), repr=False)
    """Each `Set-Cookie` of the request's own origin, redirects included, where the request keeps the answer."""

    @property
    def ok(self) -> bool:
        return self.failure is None

    @property
    def throttled(self) -> bool:
        """The target answers and asks for fewer requests, which is not down."""
        return self.status == 429
