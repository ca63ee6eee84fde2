"""How far an attempt came, filled while it runs, so that a time-out can say where it struck."""

from __future__ import annotations

from datetime import datetime

from app.probes.checking.exchange import HttpExchange
from app.probes.checking.failures import CheckStopped
from app.probes.checking.wire import Stopwatch
from app.probes.models import (
    CheckAttempt,
    CheckFailure,
    CheckMethod,
    CheckPhase,
    CheckPhases,
    FollowedRedirect,
    ServerCertificate,
)


class AttemptProgress:
    """One attempt with all its hops."""

    def __init__(self, time: datetime, shown_url: str, method: CheckMethod) -> None:
        self.time = time
        self.watch = Stopwatch()
        self.begun = self.watch.now()
        self.stage = "starting"
        self.method = method
        self.url = shown_url
        self.stopped: CheckStopped | None = None
        """Why it ends, known before it has ended."""
        self.resolved: tuple[str, ...] = ()
        self.address: str | None = None
        self.certificate: ServerCertificate | None = None
        self.redirects: list[FollowedRedirect] = []
        self.response: HttpExchange | None = None
        self.cookies: list[str] = []
        """Each `Set-Cookie` of the origin that was asked first."""
        self._seconds: dict[CheckPhase, float] = {}

    def add(self, phase: CheckPhase, seconds: float | None) -> None:
        """Time of one hop; the hops of an attempt add up."""
        if seconds is not None:
            self._seconds[phase] = self._seconds.get(phase, 0.0) + max(0.0, seconds)

    def restart(self) -> None:
        """What was measured so far was for nothing: a request of another kind follows."""
        self._seconds.clear()
        self.begun = self.watch.now()

    def phases(self) -> CheckPhases:
        times = {phase: seconds * 1000 for phase, seconds in self._seconds.items()}
        return CheckPhases(
            times.get(CheckPhase.DNS),
            times.get(CheckPhase.CONNECT),
            times.get(CheckPhase.TLS),
            times.get(CheckPhase.FIRST_BYTE),
            times.get(CheckPhase.WHOLE),
        )

    def attempt(self, failure: CheckFailure | None, detail: str) -> CheckAttempt:
        return CheckAttempt(self.time, failure, detail, self.address, self.phases())
