"""Parts of the HTTP side that are loaded when somebody first asks them: a service that nobody looks at is 12 MB smaller.

Loading takes most of a second, beside the running service, in a thread.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Callable

from fastapi import FastAPI, Response
from starlette.types import Receive, Scope, Send

# FastAPI ignores it while it builds routes; a thread that does the same beside it takes that back too early.
warnings.filterwarnings("ignore", message="The 'alias' attribute with value")

_ONE_AT_A_TIME = threading.Lock()
"""Parts share models, and two threads that build one at once fail."""


class LoadedPart:
    """Stands for a part; who asks first waits until it is loaded, and so do all who come meanwhile."""

    def __init__(self, name: str, create: Callable[[], FastAPI]) -> None:
        self._name = name
        self._create = create
        self._loading: asyncio.Task[FastAPI] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        part = await asyncio.shield(self._begun())
        await part(scope, receive, send)

    def _begun(self) -> asyncio.Task[FastAPI]:
        if self._loading is None or (self._loading.done() and self._loading.exception() is not None):
            self._loading = asyncio.create_task(asyncio.to_thread(self._loaded), name=f"load the {self._name}")
        return self._loading

    def _loaded(self) -> FastAPI:
        with _ONE_AT_A_TIME:
            part = self._create()
        # It stays to the end: the garbage collector need not look at it (`favour_the_event_loop`).
        gc.freeze()
        return part


class OtherAnswer(Response):
    """Hands the request to another part, which answers it."""

    def __init__(self, part: LoadedPart) -> None:
        super().__init__()
        self._part = part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._part(scope, receive, send)
