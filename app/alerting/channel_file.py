"""Reads config/channels.yaml: channels, recipients, routes; read again whenever it changes, the last good one is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import structlog
from pydantic import SecretStr

from app.alerting.channels.base import Channel, Common
from app.alerting.channels.email import is_address
from app.alerting.channels.fields import secret_url
from app.alerting.channels.log import LogChannel
from app.alerting.channels.registry import KINDS
from app.alerting.routing import Route, Routes
from app.alerting.silences import Matcher, parse_matcher
from app.alerting.yaml_reader import Entry, read_content, suggestion
from app.errors import ConfigurationError
from app.kit.files import read_bytes
from app.kit.yaml_tree import Problem, Report

LOOK_SECONDS = 1.0
SETTLED_SECONDS = 0.3
"""An editor may empty the file before it writes; what stays the same for this long is read."""
LOG = "log"


@dataclass(frozen=True, slots=True)
class ChannelBook:
    """Everything that the file says."""

    channels: Mapping[str, Channel] = field(default_factory=dict)
    routes: Routes = field(default_factory=Routes)
    fallback: str = ""
    heartbeat_url: SecretStr | None = None

    @property
    def reaches_people(self) -> bool:
        """Whether anything goes further than our own log."""
        return any(channel.kind != LOG for channel in self.channels.values())

    def instead_of(self, channel: str, disabled: frozenset[str] = frozenset()) -> str:
        """The channel that takes what this one cannot: the fallback, else another, rather one that reaches people."""
        usable = [name for name in self.channels if name != channel and name not in disabled]
        if self.fallback in usable:
            return self.fallback
        usable.sort(key=lambda name: self.channels[name].kind == LOG)
        return usable[0] if usable else ""


def read_channels(content: bytes, name: str) -> tuple[ChannelBook, list[Problem]]:
    """What the file says, and everything that is wrong with it."""
    report = Report(name)
    root = read_content(content, report)
    lists = _lists(root.entry("recipients"))
    channels = {key: made for key, entry in root.named("channels").items() if (made := _channel(key, entry, lists))}
    if not channels:
        channels = {LOG: LogChannel(Common(LOG))}
    fallback = root.text("fallback")
    if fallback and fallback not in channels:
        root.wrong(f"there is no channel {fallback!r}{suggestion(fallback, channels)}", "fallback")
    routes = tuple(_route(entry, channels, lists, number) for number, entry in enumerate(root.entries("routes"), 1))
    _refuse_double_names(root, routes)
    default = Route("default", (fallback,) if fallback else tuple(channels)[: 1 if routes else None])
    heartbeat = secret_url(root, "heartbeat_url") if root.has("heartbeat_url") else None
    root.close()
    return ChannelBook(channels, Routes(routes, default), fallback, heartbeat), report.problems


def _lists(entry: Entry | None) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name in entry.names if entry else ():
        if entry is None:
            continue
        found[name] = entry.texts(name, required=True)
        for address in found[name]:
            if not is_address(address):
                entry.wrong(f"{address!r} is no address; write it as name@example.org", name)
    return found


def _channel(name: str, entry: Entry, lists: Mapping[str, tuple[str, ...]]) -> Channel | None:
    kind = entry.text("type", required=True)
    common = Common(
        name,
        entry.whole("per_minute", 20, least=1, most=600),
        entry.flag("allow_link_local", default=False),
        lists,
    )
    if kind not in KINDS:
        if kind:
            entry.wrong(f"there is no type {kind!r}{suggestion(kind, KINDS)}", "type")
        return None
    channel = KINDS[kind](entry, common)
    entry.close()
    return channel


def _route(entry: Entry, channels: Mapping[str, Channel], lists: Mapping[str, tuple[str, ...]], number: int) -> Route:
    plain = Route("", ())
    names, recipients = entry.texts("channels", required=True), entry.texts("recipients")
    for field_name, known, used in (("channels", channels, names), ("recipients", lists, recipients)):
        for name in used:
            if name not in known:
                entry.wrong(f"there is no {name!r}{suggestion(name, known)}", field_name)
    route = Route(
        entry.text("name", f"route {number}", longest=100),
        names,
        _matchers(entry),
        entry.flag("continue", default=False),
        recipients,
        entry.texts("group_by", plain.group_by),
        entry.duration("group_wait", plain.group_wait, most=timedelta(hours=1)),
        entry.duration("group_interval", plain.group_interval, most=timedelta(days=1)),
        entry.duration("repeat_interval", plain.repeat_interval, most=timedelta(days=30)),
    )
    entry.close()
    return route


def _matchers(entry: Entry) -> tuple[Matcher, ...]:
    found = []
    for text in entry.texts("match"):
        try:
            found.append(parse_matcher(text))
        except ConfigurationError as error:
            entry.wrong(str(error), "match")
    return tuple(found)


def _refuse_double_names(root: Entry, routes: tuple[Route, ...]) -> None:
    seen: set[str] = set()
    for route in routes:
        if route.name in seen:
            root.wrong(f"two routes are called {route.name!r}; give each its own name", "routes")
        seen.add(route.name)


class ChannelFile:
    """The book of channels while its file is edited. Its content is compared: an editor may keep time and size."""

    def __init__(self, path: Path, *, required: bool = False, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._required = required
        self._monotonic = monotonic
        self._log = structlog.get_logger()
        self._book: ChannelBook | None = None
        self._used: bytes | None = None
        self._seen: tuple[bytes | None, float] = (None, 0.0)
        self._looked_at = 0.0
        self.problems: tuple[Problem, ...] = ()
        """What is wrong with the file as it stands; the book is the last good one then."""

    @property
    def path(self) -> Path:
        return self._path

    def load(self) -> ChannelBook:
        """The book at the start; ConfigurationError that lists everything that is wrong."""
        content = self._read()
        if content is None and self._required:
            raise ConfigurationError(f"GRIDKEEPER_NOTIFICATIONS__CHANNELS_FILE: there is no file {self._path}")
        book, problems = read_channels(content or b"", str(self._path))
        if problems:
            raise ConfigurationError("\n".join(str(problem) for problem in problems))
        self._book, self._used, self._seen = book, content, (content, self._monotonic())
        return book

    def current(self) -> ChannelBook:
        """The book that counts now; looks at the file at most once a second."""
        if self._book is None:
            return self._first()
        now = self._monotonic()
        if now - self._looked_at >= min(LOOK_SECONDS, SETTLED_SECONDS if self._seen[0] != self._used else LOOK_SECONDS):
            self._looked_at = now
            self._look(now)
        return self._book

    def _first(self) -> ChannelBook:
        """A service that starts with a wrong file writes alerts to its log rather than not to start."""
        try:
            return self.load()
        except ConfigurationError as error:
            self._log.error("channels file is wrong, alerts go to the log", problem=str(error))
            content = self._read()
            _, problems = read_channels(content or b"", str(self._path))
            self.problems = tuple(problems)
            self._book, _ = read_channels(b"", str(self._path))
            self._used, self._seen = content, (content, self._monotonic())
            return self._book

    def _look(self, now: float) -> None:
        try:
            content = self._read()
        except ConfigurationError as error:
            self._log.error("channels file cannot be read, the last good one is used", problem=str(error))
            return
        if content != self._seen[0]:
            self._seen = (content, now)
        elif content is not None and content != self._used and now - self._seen[1] >= SETTLED_SECONDS:
            self._use(content)

    def _use(self, content: bytes) -> None:
        self._used = content
        book, problems = read_channels(content, str(self._path))
        self.problems = tuple(problems)
        if problems:
            said = "; ".join(str(problem) for problem in problems[:5])
            self._log.error("channels file is wrong, the last good one is used", problem=said, problems=len(problems))
            return
        before = self._book.channels if self._book else {}
        self._book = book
        self._log.info(
            "channels file read",
            added=sorted(set(book.channels) - set(before)),
            removed=sorted(set(before) - set(book.channels)),
            changed=sorted(name for name in set(before) & set(book.channels) if before[name] != book.channels[name]),
            routes=len(book.routes.routes),
        )

    def _read(self) -> bytes | None:
        """The content; None while there is no file: one that is being replaced is back in a moment."""
        return read_bytes(self._path) if self._path.exists() else None
