"""Which shard a service lies in, by its name: a process probes the services of the shards that it holds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

from app.probes.config import ServiceConfig
from app.probes.interfaces.logins.models import ServiceLogin, TokenLogin
from app.probes.sharing.shares import SHARDS


def shard_of_service(service: ServiceConfig, logins: Mapping[str, ServiceLogin]) -> int:
    """Services of one login lie together where two processes would put each other out by it."""
    login = logins.get(service.auth)
    together = isinstance(login, TokenLogin) and is_for_one(login)
    key = f"login {service.auth}" if together else service.name
    return int.from_bytes(blake2b(key.encode(), digest_size=4).digest()) % SHARDS


def is_for_one(login: TokenLogin) -> bool:
    """Whether a second process would spoil it: a refresh token that is used up, or the one session of a user."""
    return not login.token or ("grant_type", "refresh_token") in login.request.form
