"""What people may ask of a running daemon over its port: its alerts, a run now, a pause. Only with a token."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from urllib.parse import unquote

from app.alerting.sqlsentinel.daemon.server import ProbeAnswer, as_answer
from app.alerting.sqlsentinel.models import SentinelFile
from app.alerting.sqlsentinel.repository import SentinelRepository
from app.alerting.sqlsentinel.schemas import SentinelStateResource
from app.clock import Clock
from app.errors import AppError

_PATH = re.compile(r"/alerts/(.+)/(run|pause|resume)")


class AlertApi:
    """GET /alerts, POST /alerts/NAME/run, /pause and /resume; answered in the threads of the server."""

    def __init__(
        self,
        token: str,
        file: Callable[[], SentinelFile],
        repository: SentinelRepository,
        run: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._token = token
        self._file = file
        self._repository = repository
        self._run = run
        self._clock = clock

    def answer(self, method: str, path: str, authorization: str) -> ProbeAnswer | None:
        """None where the path is no concern of these routes."""
        if path != "/alerts" and not _PATH.fullmatch(path):
            return None
        if not self._token:
            return as_answer(403, {"error": "set SENTINEL_API_TOKEN, or SENTINEL_API_TOKEN_FILE, to use these routes"})
        if not hmac.compare_digest(authorization.encode(), f"Bearer {self._token}".encode()):
            return as_answer(401, {"error": "this needs Authorization: Bearer with the token of SENTINEL_API_TOKEN"})
        if method != ("GET" if path == "/alerts" else "POST"):
            return as_answer(405, {"error": f"{method} means nothing here"})
        try:
            return self._listed() if path == "/alerts" else self._done(path)
        except AppError as error:
            return as_answer(503, {"error": str(error)})

    def _listed(self) -> ProbeAnswer:
        file, now = self._file(), self._clock.now()
        states, paused = self._repository.states([one.name for one in file.alerts]), self._repository.paused()
        found = [
            SentinelStateResource.of(one, states.get(one.name), now, paused=one.name in paused) for one in file.alerts
        ]
        return as_answer(200, {"alerts": [one.model_dump(mode="json") for one in found]})

    def _done(self, path: str) -> ProbeAnswer:
        found = _PATH.fullmatch(path)
        name, what = (unquote(found[1]), found[2]) if found else ("", "")
        if self._file().alert(name) is None:
            return as_answer(404, {"error": f"there is no alert {name!r}"})
        if what == "run":
            self._run(name)
            return as_answer(202, {"alert_name": name, "status": "accepted"})
        self._repository.pause(name, self._clock.now() if what == "pause" else None)
        return as_answer(200, {"alert_name": name, "paused": what == "pause"})
