"""Which backend a process has: the one of the settings."""

from __future__ import annotations

from collections.abc import Callable

from app.db.engine import Database
from app.db.feed.notices import Notices
from app.settings import Settings
from app.tasks.backend import TaskBackend
from app.tasks.local import Pressure


def chosen_backend(
    settings: Settings, database: Database, notices: Notices, local: Callable[[], TaskBackend], pressure: Pressure
) -> TaskBackend:
    """The local one, or the shared one, whose library is loaded only here."""
    if settings.tasks.backend == "local":
        return local()
    from app.tasks.shared.backend import SharedBackend

    return SharedBackend(database, notices, settings.tasks, share=settings.backfill.share, pressure=pressure)
