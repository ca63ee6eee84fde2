"""What commands begin with: the settings, the log, the services. Imports when it is called, not for a command's help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from app.cli.output import say

if TYPE_CHECKING:
    from app.access.models import Caller
    from app.settings import Settings
    from app.wiring.container import Container

T = TypeVar("T")


def begin(*, sandbox: bool = False, **chosen: Any) -> Settings:
    """The settings, of which what is chosen by options wins; from now on the log is as they say."""
    from app.logging import configure_logging
    from app.settings import load_settings

    settings = load_settings(**({"sandbox": True} if sandbox else {}), **chosen)
    configure_logging(settings.log)
    return settings


def ask(settings: Settings, act: Callable[[Container], Awaitable[T]], *, made: bool = False) -> T:
    """What the services answer, with the database open for that long; neither token nor platform is needed.

    `made`: an embedded database that is not there yet is made; who only looks leaves none behind.
    """
    import asyncio
    import time

    from app.db.reading.context import AllowedReads, reading
    from app.lifecycle import services

    async def asked() -> T:
        # A replica may answer who waits for what it has not seen of the commands before.
        with reading(AllowedReads(since=time.monotonic())):
            async with services(settings, say, made=made) as wiring:
                return await act(wiring)

    return asyncio.run(asked())


def own_name() -> str:
    """Whoever sits at this machine, as every record of who did what names them."""
    import getpass
    import os
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def person() -> Caller:
    """Whoever sits at this machine, who may do everything."""
    from app.access.models import AccessScope, Caller

    return Caller(own_name(), "", AccessScope.ADMIN)
