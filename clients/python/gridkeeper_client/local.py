"""The service's API inside this process, for the data of a directory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import httpx

from gridkeeper_client.errors import MissingPackage, ServiceNotReached

T = TypeVar("T")


class LocalService:
    """Runs the embedded database and the API on an event loop in a thread of its own; the notebook may have another."""

    def __init__(self, data_dir: str | Path | None) -> None:
        try:
            from app.errors import AppError
            from app.web.api.in_process import api_in_process
        except ModuleNotFoundError as error:
            raise MissingPackage(
                f"Gridkeeper.local() runs the service's own code, and {error.name} is not installed here: install "
                "the checkout of the service into this environment (pip install '.[embedded]'), or ask a running service: Gridkeeper('http://…')"
            ) from error
        self._loop = asyncio.new_event_loop()
        # A daemon: a notebook that forgets to close must end all the same, and the database ends with its last user.
        self._thread = threading.Thread(target=self._loop.run_forever, name="gridkeeper local", daemon=True)
        self._thread.start()
        self._stack = AsyncExitStack()
        try:
            app = self.run(self._stack.enter_async_context(api_in_process(Path(data_dir) if data_dir else None)))
        except AppError as error:
            self._end()
            raise ServiceNotReached(str(error)) from error
        except BaseException:
            self._end()
            raise
        self.transport = _InProcessTransport(self, app)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work comes to on the loop of the service."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _InProcessTransport(httpx.BaseTransport):
    """Answers requests by calling the application."""

    def __init__(self, service: LocalService, app: Any) -> None:
        self._service = service
        self._asgi = httpx.ASGITransport(app, client=("127.0.0.1", 0))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._service.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        try:
            answer = await self._asgi.handle_async_request(request)
            body = b"".join([part async for part in answer.aiter_raw()])
        except Exception as error:
            raise httpx.ReadError(f"{type(error).__name__}: {error}", request=request) from error
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(body))
