"""Reads config/channels.yaml: channels, recipients, routes; read again whenever it changes, the last good one is kept."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol, Self

import structlog
from pydantic import SecretStr

from app.alerting.delivery.channels.base import Channel, Common
from app.alerting.delivery.channels.email import is_address
from app.alerting.delivery.channels.fields import secret_url
from app.alerting.delivery.channels.log import LogChannel
from app.alerting.delivery.channels.registry import KINDS
from app.alerting.outbox.routing import Route, Routes
from app.alerting.state.silences import Matcher, parse_matcher
from app.errors import ConfigurationError, NotFound
from app.kit.files import says_something
from app.kit.watched_file import POLL_SECONDS, SETTLED_SECONDS, WatchedFile, read_present
from app.kit.yaml.fields import Fields, read_content, suggestion
from app.kit.yaml.tree import Problem, ProblemReport
from app.secrets import secret_files
from app.settings import NotificationSettings

LOG = "log"


@dataclass(frozen=True, slots=True)
class ChannelBook:
    """Everything that the file says."""

    channels: Mapping[str, Channel] = field(default_factory=dict)
    routes: Routes = field(default_factory=Routes)
    fallback: str = ""
    heartbeat_url: SecretStr | None = None
    broken: Mapping[str, str] = field(default_factory=dict)
    """Channels whose entry is wrong, and why: what goes to them waits."""
    unusable: bool = False
    """The file says nothing that can be used: whatever happens waits until it does."""
    lent: Mapping[str, Channel] = field(default_factory=dict)
    """Those of `channels` that rules brought along: they stand in for no others."""

    def with_lent(self, channels: Mapping[str, Channel], routes: Mapping[str, Route]) -> ChannelBook:
        """The book together with receivers that rules bring along; a channel of the file keeps its name."""
        lent = {name: channel for name, channel in channels.items() if name not in self.channels}
        routed = replace(self.routes, own=routes)
        return replace(self, channels={**self.channels, **lent}, routes=routed, lent=lent)

    @property
    def reaches_people(self) -> bool:
        """Whether anything is to go further than our own log."""
        return self.unusable or bool(self.broken) or any(channel.kind != LOG for channel in self.channels.values())

    def named(self, channel: str) -> Channel:
        """The channel of this name; NotFound with near names where there is none."""
        if channel not in self.channels:
            raise NotFound(f"there is no channel {channel!r}{suggestion(channel, self.channels)}")
        return self.channels[channel]

    def instead_of(self, channel: str, disabled: frozenset[str] = frozenset()) -> str:
        """The channel that takes what this one cannot: the fallback, else another, rather one that reaches people."""
        usable = [name for name in self.channels if name not in {channel, *disabled, *self.lent}]
        if self.fallback in usable:
            return self.fallback
        usable.sort(key=lambda name: self.channels[name].kind == LOG)
        return usable[0] if usable else ""


def read_channels(content: bytes, name: str) -> tuple[ChannelBook, list[Problem]]:
    """What the file says, and everything that is wrong with it."""
    report = ProblemReport(name)
    root = read_content(content, report)
    lists = _lists(root.entry("recipients"))
    channels, broken = _channels(root, lists, report)
    if not channels and not broken and not report.problems:
        channels = {LOG: LogChannel(Common(LOG))}
    named = [*channels, *broken]
    fallback = root.text("fallback")
    if fallback and fallback not in named:
        root.wrong(f"there is no channel {fallback!r}{suggestion(fallback, named)}", "fallback")
        fallback = ""
    routes = _routes(root, named, lists, report)
    _refuse_double_names(root, routes)
    default = Route("default", (fallback,) if fallback else tuple(named)[: 1 if routes else None])
    heartbeat = _heartbeat(root, report)
    root.close()
    unusable = not channels and not broken
    return ChannelBook(channels, Routes(routes, default), fallback, heartbeat, broken, unusable), report.problems


def _channels(
    root: Fields, lists: Mapping[str, tuple[str, ...]], report: ProblemReport
) -> tuple[dict[str, Channel], dict[str, str]]:
    """The channels that can be used, and what is wrong with the others."""
    channels: dict[str, Channel] = {}
    broken: dict[str, str] = {}
    for name, entry in root.named("channels").items():
        before = len(report.problems)
        made = _channel(name, entry, lists)
        if made is not None and len(report.problems) == before:
            channels[name] = made
        else:
            broken[name] = "; ".join(str(problem) for problem in report.problems[before:])
    return channels, broken


def _routes(
    root: Fields, channels: Sequence[str], lists: Mapping[str, tuple[str, ...]], report: ProblemReport
) -> tuple[Route, ...]:
    """The routes that are right, and of a wrong one the channels that there are; one without is left out."""
    found = []
    for number, entry in enumerate(root.entries("routes"), 1):
        before = len(report.problems)
        route = _route(entry, channels, lists, number)
        known = tuple(name for name in route.channels if name in channels)
        wrong_match = any(".match" in problem.field for problem in report.problems[before:])
        if known and not wrong_match:
            found.append(replace(route, channels=known))
    return tuple(found)


def _heartbeat(root: Fields, report: ProblemReport) -> SecretStr | None:
    before = len(report.problems)
    url = secret_url(root, "heartbeat_url") if root.has("heartbeat_url") else None
    return url if len(report.problems) == before else None


def _lists(entry: Fields | None) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name in entry.names if entry else ():
        if entry is None:
            continue
        found[name] = entry.texts(name, required=True)
        for address in found[name]:
            if not is_address(address):
                entry.wrong(f"{address!r} is no address; write it as name@example.org", name)
    return found


def _channel(name: str, entry: Fields, lists: Mapping[str, tuple[str, ...]]) -> Channel | None:
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


def _route(entry: Fields, channels: Sequence[str], lists: Mapping[str, tuple[str, ...]], number: int) -> Route:
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


def _matchers(entry: Fields) -> tuple[Matcher, ...]:
    found = []
    for text in entry.texts("match"):
        try:
            found.append(parse_matcher(text))
        except ConfigurationError as error:
            entry.wrong(str(error), "match")
    return tuple(found)


def _refuse_double_names(root: Fields, routes: tuple[Route, ...]) -> None:
    seen: set[str] = set()
    for route in routes:
        if route.name in seen:
            root.wrong(f"two routes are called {route.name!r}; give each its own name", "routes")
        seen.add(route.name)


class Receivers(Protocol):
    """Channels that rules bring along, and the routes to them by the names of the rules."""

    @property
    def channels(self) -> Mapping[str, Channel]: ...
    @property
    def routes(self) -> Mapping[str, Route]: ...


class ChannelFile:
    """The book of channels while its file is edited. Its content is compared: an editor may keep time and size."""

    def __init__(
        self,
        path: Path,
        *,
        required: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        receivers: Callable[[], Receivers] | None = None,
    ) -> None:
        self._path = path
        self._receivers = receivers
        self._whole: tuple[ChannelBook, Receivers, ChannelBook] | None = None
        """The book of the file, what rules brought along, and both together."""
        self._required = required
        self._monotonic = monotonic
        self._log = structlog.get_logger()
        self._book: ChannelBook | None = None
        self._watch: WatchedFile[bytes | None] = WatchedFile(lambda: read_present(path), monotonic=monotonic)
        self._looked_at = 0.0
        self._secrets: dict[str, bytes] = {}
        self._missed = ""
        """Why the file cannot be read at present."""
        self.problems: tuple[Problem, ...] = ()
        """What is wrong with the file as it stands; the book is the last good one then."""

    @classmethod
    def of(cls, settings: NotificationSettings, receivers: Callable[[], Receivers] | None = None) -> Self:
        """The file of the settings; one that they name must be there."""
        return cls(settings.channels_file, required="channels_file" in settings.model_fields_set, receivers=receivers)

    @property
    def _partial(self) -> bool:
        """Whether what is used is a part of a file that was never right as a whole."""
        return self._book is not None and bool(self._book.broken or self._book.unusable)

    @property
    def path(self) -> Path:
        return self._path

    def load(self) -> ChannelBook:
        """The book at the start; ConfigurationError that lists everything that is wrong."""
        content = self._watch.poll()
        if content is None and self._required:
            raise ConfigurationError(f"GRIDKEEPER_NOTIFICATIONS__CHANNELS_FILE: there is no file {self._path}")
        book, problems = read_channels(content or b"", str(self._path))
        if problems:
            raise ConfigurationError("\n".join(str(problem) for problem in problems))
        self._book = book
        self._watch.use(content)
        self._secrets = self._secret_files()
        return book

    def current(self) -> ChannelBook:
        """The book that counts now, with what rules bring along; looks at the file at most once a second."""
        book = self._of_file()
        if self._receivers is None:
            return book
        receivers = self._receivers()
        if self._whole is None or self._whole[0] is not book or self._whole[1] is not receivers:
            self._whole = (book, receivers, book.with_lent(receivers.channels, receivers.routes))
        return self._whole[2]

    def _of_file(self) -> ChannelBook:
        if self._book is None:
            return self._first()
        now = self._monotonic()
        if now - self._looked_at >= (SETTLED_SECONDS if self._watch.moved else POLL_SECONDS):
            self._looked_at = now
            self._look()
        return self._book

    def fresh(self, name: str) -> Channel | None:
        """A channel with its secrets as they are now: the files that hold them are read at each use."""
        book = self._of_file()
        if name in book.channels and self._watch.used is not None and self._secret_files() != self._secrets:
            self._secrets = self._secret_files()
            book, problems = read_channels(self._watch.used, str(self._path))
            if self._book is not None and (not problems or name not in self._book.channels):
                self._book = book
                self._log.info("channel_secrets_loaded", file=str(self._path))
        return self.current().channels.get(name)

    def _secret_files(self) -> dict[str, bytes]:
        """The content of each file that holds a secret of the channels."""
        return secret_files((self._watch.used or b"").decode("utf-8-sig", "replace"), os.environ)

    def _first(self) -> ChannelBook:
        """What can be used of a file that is wrong at the start; nothing goes to the log in the place of people."""
        try:
            return self.load()
        except ConfigurationError as error:
            self._log.error("channels_poll_failed", problem=str(error), effect="what is for broken channels waits")
            content = self._try_read()
            if content is None:
                self._book = ChannelBook(unusable=True)
                self.problems = (Problem(str(self._path), 1, "", str(error)),)
            else:
                self._book, problems = read_channels(content, str(self._path))
                self.problems = tuple(problems)
            self._watch.use(content)
            self._secrets = self._secret_files()
            return self._book

    def _try_read(self) -> bytes | None:
        try:
            return self._watch.poll()
        except ConfigurationError:
            return None

    def _look(self) -> None:
        try:
            content = self._watch.poll()
        except ConfigurationError as error:
            self._miss(str(error))
            return
        if self._watch.at_rest:
            self._settled(content)

    def _settled(self, content: bytes | None) -> None:
        """A file that went, or was emptied, is no wish to reach nobody."""
        if content is None:
            if self._watch.used is not None:
                self._miss("the file was there and is not any more; put it back, or write `channels: {}` to have none")
        elif says_something(self._watch.used or b"") and not says_something(content):
            self._miss("the file was emptied; write `channels: {}` to have none")
        elif self._missed or self._differs(content):
            self._missed = ""
            self._use(content)

    def _miss(self, message: str) -> None:
        if message != self._missed:
            self._missed = message
            self.problems = (Problem(str(self._path), 0, "", message),)
            self._log.error("channels_read_failed", hint="the last good file is used", problem=message)

    def _differs(self, content: bytes) -> bool:
        """Whether the file says something else, or a secret that it names has changed."""
        return content != self._watch.used or self._secret_files() != self._secrets

    def _use(self, content: bytes) -> None:
        self._watch.use(content)
        self._secrets = self._secret_files()
        book, problems = read_channels(content, str(self._path))
        self.problems = tuple(problems)
        if problems and self._partial and not book.unusable:
            # There is no good one to go back to: what has been mended of it counts at once.
            self._book = book
        elif problems:
            said = "; ".join(str(problem) for problem in problems[:5])
            hint = "the last good file is used"
            self._log.error("channels_refused", hint=hint, problem=said, problems=len(problems))
            return
        before = self._book.channels if self._book else {}
        self._book = book
        self._log.info(
            "channels_loaded",
            added=sorted(set(book.channels) - set(before)),
            removed=sorted(set(before) - set(book.channels)),
            changed=sorted(name for name in set(before) & set(book.channels) if before[name] != book.channels[name]),
            routes=len(book.routes.routes),
        )
