"""The notices of transactions (NOTIFY), taken over one connection of the process and handed to whoever waits.

The connection is not one of the pool, and is made when somebody waits for the first time. A notice says that there is
something to look at, and may name what: it may be lost with its connection, so whoever waits looks from time to time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import asyncpg

from app.db.failures import DRIVER_FAILURES, connect_failure
from app.logging import OutageLog

if TYPE_CHECKING:
    from app.db.engine import Connection, Database

CONNECT_TIMEOUT = 5.0
RETRY_SECONDS = 2.0
CHANGES = "gridkeeper_changes"
EVENTS = "gridkeeper_events"
WEBSITES = "gridkeeper_websites"
INTERFACES = "gridkeeper_interfaces"
OUTBOX = "gridkeeper_outbox"
RESULTS = "gridkeeper_results"
"""Which websites, services and operations have new results, as `w7 s3 o12`; no event tells of each, because they are many."""
CHANNELS = (CHANGES, EVENTS, WEBSITES, INTERFACES, OUTBOX, RESULTS)
LONGEST_NOTICE = 7000
"""Characters; the server takes 8,000 bytes."""
SWEEP_SECONDS = 15.0
"""Between two looks of who hears of everything: a notice may be lost with its connection."""


def words_of(said: Iterable[str]) -> set[str]:
    """The words of notices that hold several."""
    return {word for text in said for word in text.split()}


def notices_of(words: Iterable[str]) -> list[str]:
    """As few notices as hold all of these words."""
    found: list[str] = []
    for word in words:
        if found and len(found[-1]) + len(word) < LONGEST_NOTICE:
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


class News:
    """Whether a notice came on a channel since one last looked."""

    def __init__(self, ended: asyncio.Event, topics: frozenset[str] = frozenset()) -> None:
        self.arrived = asyncio.Event()
        self._ended = ended
        self._topics = topics
        self._said: set[str] = set()

    @property
    def over(self) -> bool:
        """Whether the service ends, so that nobody waits any more."""
        return self._ended.is_set()

    def hear(self, said: str = "") -> None:
        """A notice came; one that names nothing may be of any topic."""
        if not self._topics or not said or said in self._topics:
            self._said.add(said)
            self.arrived.set()

    def taken(self) -> set[str]:
        """What the notices named since one last asked; "" where one named nothing, or some may have been lost."""
        said, self._said = self._said, set()
        return said

    async def wait(self, seconds: float) -> bool:
        """Return when a notice comes, the service ends, or so many seconds have passed; whether it was for one of the former."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self.arrived.wait()
        except TimeoutError:
            return False
        self.arrived.clear()
        return True


class Watch:
    """Spares looks at what others change: one looks after a notice, and from time to time in case one was lost.

    While no notices come, because nobody listens or the connection is away, every look is made.
    """

    def __init__(self, notices: Notices | None = None, news: News | None = None) -> None:
        self._notices = notices
        self._news = news
        self._looked_at = -SWEEP_SECONDS

    def due(self) -> bool:
        """Whether to look now; what is told from here on makes the next look due."""
        now = time.monotonic()
        if self._notices is not None and self._news is not None and self._notices.listens:
            if not self._news.arrived.is_set() and now - self._looked_at < SWEEP_SECONDS:
                return False
            self._news.arrived.clear()
        self._looked_at = now
        return True

    def missed(self) -> None:
        """The look failed, and is made again."""
        self._looked_at = -SWEEP_SECONDS


@contextmanager
def watching(notices: Notices | None, channel: str, *topics: str) -> Iterator[Watch]:
    """A watch on the channel within the block; without a listener one that spares nothing."""
    if notices is None:
        yield Watch()
        return
    with notices.follow(channel, *topics) as news:
        yield Watch(notices, news)


class Notices:
    """The listener of one process."""

    def __init__(self, database: Database) -> None:
        self._address = database.address
        self._waiting: dict[str, set[News]] = {channel: set() for channel in CHANNELS}
        self._ended = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._listens_on = asyncio.Lock()
        self._away = OutageLog("notices_failed", "notices_recovered")
        self.listens = False
        """Whether notices come at present."""

    @contextmanager
    def follow(self, channel: str, *topics: str) -> Iterator[News]:
        """The notices of the channel within the block, of all its topics or of these."""
        with self._followed((channel,), News(self._ended, frozenset(topics))) as news:
            yield news

    @asynccontextmanager
    async def follow_others(self, channels: Collection[str]) -> AsyncIterator[News]:
        """The notices of channels that are not ours within the block; who comes first has the connection listen there."""
        with self._followed(channels, News(self._ended)) as news:
            if (connection := self._connection) is not None:
                try:
                    await self._listen_on(connection, channels)
                except DRIVER_FAILURES:
                    connection.terminate()  # the next one listens on them from its beginning
            yield news

    @contextmanager
    def _followed(self, channels: Collection[str], news: News) -> Iterator[News]:
        for channel in channels:
            self._waiting.setdefault(channel, set()).add(news)
        if self._listening is None and not self._ended.is_set():
            self._listening = asyncio.create_task(self._listen(), name="notices of the database")
        try:
            yield news
        finally:
            for channel in channels:
                self._waiting[channel].discard(news)

    async def _listen_on(self, connection: Connection, channels: Collection[str]) -> None:
        async with self._listens_on:
            for channel in channels:
                await connection.add_listener(channel, self._heard)

    async def close(self) -> None:
        """Let nobody wait any more."""
        self._ended.set()
        self._tell_all()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except DRIVER_FAILURES as error:
                self._away.met(connect_failure(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen_once(self) -> None:
        """Take notices until the connection ends."""
        connection = await self._connect()
        ended = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: ended.set())
            self._connection = connection
            await self._listen_on(connection, tuple(self._waiting))
            self.listens = True
            self._away.over()
            # Whatever came before this connection.
            self._tell_all()
            await ended.wait()
        finally:
            self.listens, self._connection = False, None
            connection.terminate()

    async def _connect(self) -> Connection:
        settings = {
            "application_name": "gridkeeper notices",
            # A server that vanished without a word would never be missed otherwise.
            "tcp_keepalives_idle": "10",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
        }
        return await asyncpg.connect(
            self._address.dsn, timeout=CONNECT_TIMEOUT, server_settings=settings, statement_cache_size=0
        )

    def _heard(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        for news in self._waiting[channel]:
            news.hear(str(payload))

    def _tell_all(self) -> None:
        for waiting in self._waiting.values():
            for news in waiting:
                news.hear()
