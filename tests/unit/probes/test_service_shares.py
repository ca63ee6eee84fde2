"""Which services lie together, so that no process spoils the login of another one."""

from __future__ import annotations

from app.probes.config import ServiceConfig
from app.probes.interfaces.cycles.shares import shard_of_service
from app.probes.interfaces.logins.models import FixedLogin, RequestCredentials, ServiceLogin, TokenLogin, TokenRequest
from app.probes.sharing.shares import SHARDS

REQUEST = TokenRequest("https://login.example/token")
ROTATING = TokenRequest(REQUEST.url, form=(("grant_type", "refresh_token"),))
LOGINS: dict[str, ServiceLogin] = {
    "fixed": FixedLogin("fixed", RequestCredentials()),
    "token": TokenLogin("token", REQUEST),
    "session": TokenLogin("session", REQUEST, token=""),
    "rotating": TokenLogin("rotating", ROTATING),
}


def shards(auth: str) -> set[int]:
    named = (ServiceConfig(f"s{number}", 1, ("a.json",), auth=auth) for number in range(200))
    return {shard_of_service(one, LOGINS) for one in named}


def test_services_are_spread_by_their_names_unless_a_second_process_would_spoil_their_login() -> None:
    assert [len(shards(auth)) for auth in ("session", "rotating")] == [1, 1]
    for auth in ("", "fixed", "token", "unknown"):
        assert len(shards(auth)) > SHARDS * 3 / 4
