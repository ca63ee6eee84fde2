"""Where the server's data lie, as far as that can be known without an extension, and whether this process sees that disk."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.db.engine import Connection

# Without the right to read it the setting is not in the view.
_FOLDER = "select setting from pg_settings where name = 'data_directory'"
_MAY_ASK = "select has_function_privilege('pg_stat_file(text)', 'execute')"
_CHANGED = "select (pg_stat_file($1)).modification"


async def visible_data_folder(connection: Connection) -> Path | None:
    """The server's data directory where it is on a disk of this machine; None where that is not known.

    A server in a container, or behind a tunnel, may name a path that exists here too and means something else: the
    folder is the same only if both sides see it change at the same second.
    """
    named = await connection.fetchval(_FOLDER)
    if not named or not await connection.fetchval(_MAY_ASK):
        return None
    changed: datetime = await connection.fetchval(_CHANGED, named)
    folder = Path(named)
    try:
        seen = (await asyncio.to_thread(folder.stat)).st_mtime
    except OSError:
        return None
    return folder if int(seen) == int(changed.timestamp()) else None
