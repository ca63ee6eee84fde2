"""What runs files of SQL Sentinel: by a file and two URLs, without the settings and the database of the service."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.alerting.delivery.channels.base import HttpSender
from app.alerting.sqlsentinel.databases.pool import Databases
from app.alerting.sqlsentinel.models import Compat
from app.alerting.sqlsentinel.notices.sending import NoticeAttempt, NoticeSender
from app.alerting.sqlsentinel.repository import SentinelRepository
from app.alerting.sqlsentinel.service import SentinelService
from app.clock import SystemClock
from app.net.egress_guard import GuardedClients


@contextmanager
def sentinel_repository(url: str) -> Iterator[SentinelRepository]:
    """The states of a database, whose tables are there."""
    repository = SentinelRepository(url)
    try:
        repository.create()
        yield repository
    finally:
        repository.close()


@contextmanager
def sentinel_service(
    database: str, repository: SentinelRepository | None, compat: Compat, *, workers: int = 4
) -> Iterator[SentinelService]:
    """What runs alerts on a database; without a repository it keeps nothing."""
    databases = Databases(workers=workers, writable=compat is Compat.STRICT)
    try:
        yield SentinelService(databases.pool(database), repository, SystemClock())
    finally:
        databases.close()


def notice_sender(
    repository: SentinelRepository, listen: Callable[[NoticeAttempt], None] = lambda _attempt: None
) -> NoticeSender:
    """Sends over clients that live in the running event loop."""
    return NoticeSender(repository, HttpSender(GuardedClients(), SystemClock()), os.environ, listen=listen)
