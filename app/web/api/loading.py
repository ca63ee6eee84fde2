"""The REST API, loaded beside the running service: its sixty routes take half a second that no start should wait for."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

if TYPE_CHECKING:
    from app.wiring.container import Container

LOAD_AFTER = 2.0
"""Seconds after the start, unless somebody asks before."""


class LoadedApi:
    """Stands for the API; whoever asks before it is loaded waits until it is."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._loading: asyncio.Task[FastAPI] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        api = await asyncio.shield(self._begun())
        await api(scope, receive, send)

    async def load(self) -> None:
        """Load it a moment after the start."""
        await asyncio.sleep(LOAD_AFTER)
        await self._begun()

    def _begun(self) -> asyncio.Task[FastAPI]:
        if self._loading is None or (self._loading.done() and self._loading.exception() is not None):
            self._loading = asyncio.create_task(asyncio.to_thread(self._loaded), name="load the API")
        return self._loading

    def _loaded(self) -> FastAPI:
        from app.web.routes.v1.api import create_api

        api = create_api(self._container, self._container.settings().api)
        # It stays to the end: the garbage collector need not look at it (`favour_the_event_loop`).
        gc.freeze()
        return api
