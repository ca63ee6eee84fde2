"""How much is left of the disk that the database's data lie on."""

from __future__ import annotations

from pathlib import Path

import structlog

from app.db.data_folder import visible_data_folder
from app.db.engine import Database
from app.monitoring.replica import resources

UNKNOWN = "unknown: GRIDKEEPER_DATABASE__DATA_FOLDER may name a folder on it"


class DataDisk:
    """The disk of the named folder, else of the server's data directory where this machine has it; else unknown."""

    def __init__(self, database: Database, folder: Path | None) -> None:
        self._database = database
        self._named = folder
        self._folder = folder
        self._unknown = False

    async def left(self) -> tuple[int | None, int | None]:
        """Bytes that are free and all there are; None where that is not known, which is logged once."""
        try:
            folder = self._folder or await self._visible()
            free, total = resources.disk(folder) if folder else (None, None)
        except OSError as error:
            self._note(f"{self._folder} cannot be asked: {error.strerror}")
            return None, None
        if folder is None:
            self._note("the server does not say where its data lie, or they lie on another machine")
        else:
            self._unknown = False
        return free, total

    async def _visible(self) -> Path | None:
        async with self._database.connection() as connection:
            self._folder = await visible_data_folder(connection)
        return self._folder

    def _note(self, reason: str) -> None:
        if not self._unknown:
            structlog.get_logger().warning(
                "disk_read_failed",
                reason=reason,
                note="disk_short cannot fire; GRIDKEEPER_DATABASE__DATA_FOLDER may name a folder on the disk of the data",
            )
        self._unknown = True
        self._folder = self._named
