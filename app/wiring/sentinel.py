"""What runs files of SQL Sentinel: by a file and two URLs, without the settings and the database of the service."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.alerting.delivery.channels.base import HttpSender
from app.alerting.sqlsentinel.daemon.daemon import SentinelDaemon
from app.alerting.sqlsentinel.daemon.metrics import SentinelMetrics
from app.alerting.sqlsentinel.databases.pool import Databases
from app.alerting.sqlsentinel.models import Compat, SentinelFile
from app.alerting.sqlsentinel.notices.sending import NoticeAttempt, NoticeSender
from app.alerting.sqlsentinel.repository import SentinelRepository
from app.alerting.sqlsentinel.service import SentinelService
from app.clock import SystemClock
from app.errors import DatabaseUnavailable
from app.kit.watched_file import WatchedFile, read_present
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


def ask_once(url: str, statement: str, seconds: float) -> None:
    """Ask a database one thing; DatabaseUnavailable where it does not answer."""
    databases = Databases(workers=1)
    try:
        answered = databases.pool(url).submit(statement, seconds).result()
    finally:
        databases.close()
    if answered.error:
        raise DatabaseUnavailable(answered.error)


def notice_sender(
    repository: SentinelRepository, listen: Callable[[NoticeAttempt], None] = lambda _attempt: None
) -> NoticeSender:
    """Sends over clients that live in the running event loop."""
    return NoticeSender(repository, HttpSender(GuardedClients(), SystemClock()), os.environ, listen=listen)


def followed_file(config: Path, monotonic: Callable[[], float] = time.monotonic) -> WatchedFile[bytes | None]:
    """The file as it is edited; None while another is put in its place."""
    return WatchedFile(lambda: read_present(config), files=lambda: [config], monotonic=monotonic)


def sentinel_daemon(
    file: SentinelFile, service: SentinelService, repository: SentinelRepository, metrics: SentinelMetrics
) -> SentinelDaemon:
    """What runs alerts when they are due, in the running event loop."""
    sender = notice_sender(repository, metrics.attempted)
    return SentinelDaemon(file, service, repository, sender, metrics=metrics, clock=SystemClock())
