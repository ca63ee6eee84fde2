"""Somebody who uses the pages with a browser that runs no scripts: signs in, reads, sends forms."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape

import httpx

from app.access.models import AccessScope
from tests.support.api_factory import ServedApi

AFAR = {"X-Forwarded-For": "192.0.2.7"}
"""Of a request that comes from elsewhere: no proxy is trusted."""
_HIDDEN = re.compile(r'name="(form|once)" value="([^"]+)"')


class PagePerson:
    """Of one key, or of none."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._own = {"Origin": url}

    async def sign_in(self, key: str) -> None:
        answer = await self.send("/sign-in", "/sign-in", key=key)
        assert answer.status_code == 303, answer.text

    async def get(self, path: str) -> httpx.Response:
        """A page as it comes."""
        return await self._client.get(path)

    async def page(self, path: str, status: int = 200) -> str:
        """The text of a page, as a browser shows it."""
        answer = await self.get(path)
        assert answer.status_code == status, answer.text
        return unescape(answer.text)

    async def hidden(self, page: str) -> dict[str, str]:
        """What the forms of a page carry."""
        answer = await self.get(page)
        assert answer.status_code == 200, answer.text
        return dict(_HIDDEN.findall(answer.text))

    async def send(self, page: str, action: str, **fields: str) -> httpx.Response:
        """A form of a page; its answer as it comes."""
        return await self.send_again(action, await self.hidden(page) | fields)

    async def send_again(self, action: str, fields: dict[str, str]) -> httpx.Response:
        """A form with exactly these fields."""
        return await self._client.post(action, data=fields, headers=self._own)

    async def send_from(self, origin: str, action: str, fields: dict[str, str]) -> httpx.Response:
        """A form that a page of another site sends, "" where the browser does not say which."""
        return await self._client.post(action, data=fields, headers={"Origin": origin} if origin else {})

    async def do(self, page: str, action: str, **fields: str) -> str:
        """The page to which a form leads that is accepted."""
        answer = await self.send(page, action, **fields)
        assert answer.status_code == 303, answer.text
        return await self.page(str(answer.url.join(answer.headers["location"])))


@asynccontextmanager
async def page_person(api: ServedApi, scope: AccessScope | None) -> AsyncIterator[PagePerson]:
    """Signed in from afar with a new key of this scope; without one whoever sits at this machine."""
    async with httpx.AsyncClient(base_url=api.url, headers=AFAR if scope else {}, timeout=60) as client:
        person = PagePerson(client, api.url)
        if scope is not None:
            await person.sign_in(await api.key(scope))
        yield person
