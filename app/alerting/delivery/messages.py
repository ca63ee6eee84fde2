"""What people read: from events to the words of a message, the same each time it is rendered."""

from __future__ import annotations

import html
import math
import re
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self
from urllib.parse import urljoin

from app.alerting.models import Severity
from app.alerting.outbox.items import Content, NotificationItem
from app.alerting.outbox.texts import LONGEST_SUBJECT, clean_lines, one_line
from app.alerting.state.silences import Matcher, Operator
from app.market.time import iso
from app.settings import Origin, Settings

DETAILED = 12
"""More alerts than these get one line each."""
LONGEST_CONTENT = 100_000
_URL = re.compile(r"(https?://[^\s<>\"'`|()\[\]{}\\*~\x00-\x1f]*[^\s<>\"'`|()\[\]{}\\*~_.,;:!?\x00-\x1f])")
"""A bare address in a text, without the punctuation after it and without anything that a chat reads as a mark."""
_SUFFIX_ROOM = 30
"""Characters that the note of a cut takes."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The installation that sends: its name, the address of its pages, and whether its data are synthetic."""

    instance: str = ""
    url: str = ""
    synthetic: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.instance_name, settings.url, settings.origin is Origin.SANDBOX)

    @property
    def origin(self) -> str:
        """One line about who sends; empty for an installation without a name."""
        name = f"Gridkeeper on {self.instance}" if self.instance else ""
        return ", ".join(filter(None, (name, "SYNTHETIC data" if self.synthetic else "")))

    def subject(self, text: str) -> str:
        """The subject with the name, and with SYNTHETIC before it: neither is ever cut off."""
        before = "SYNTHETIC " if self.synthetic else ""
        after = f" ({self.instance})" if self.instance else ""
        return f"{before}{one_line(text, LONGEST_SUBJECT - len(before) - len(after) - _SUFFIX_ROOM)}{after}"

    def link(self, path: str) -> str:
        """An address of ours where the path is relative; any other text as it is."""
        if not self.url or not path or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", path):
            return path
        return urljoin(f"{self.url}/", path.lstrip("/"))


NOBODY = Sender()


@dataclass(frozen=True, slots=True)
class Message:
    """One message, before a channel gives it its form. `key` is the same in every attempt."""

    key: str
    subject: str
    severity: Severity
    frozen_at: datetime
    items: tuple[NotificationItem, ...] = ()
    content: Content | None = None
    sender: Sender = NOBODY
    thread: tuple[str, ...] = ()
    """Keys of the messages that the same channel got of these alerts before, their beginning first."""

    @property
    def detailed(self) -> bool:
        return len(self.items) <= DETAILED

    @property
    def gap(self) -> str:
        """What stands between the blocks: an empty line between alerts that have several lines each."""
        return "\n\n" if self.items and self.detailed else "\n"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a channel writes emphasis and links, and makes foreign text harmless."""

    mark: Callable[[str], str]
    """Makes text harmless that is no address of the web."""
    bold: Callable[[str], str]
    link: Callable[[str, str], str]
    code: Callable[[str], str] = lambda text: text
    """A command that can be pasted as it is shown; empty where the channel cannot show it unchanged."""
    address: Callable[[str], str] = lambda url: url
    """An address of the web within a text, so that it can be opened as it stands."""

    def escape(self, text: str) -> str:
        """Foreign text without a meaning of its own; addresses of the web stay whole."""
        pieces = _URL.split(text)
        return "".join(self.address(piece) if place % 2 else self.mark(piece) for place, piece in enumerate(pieces))


PLAIN = Dialect(mark=lambda text: text, bold=lambda text: text, link=lambda name, url: f"{name}: {url}")


def compose(
    key: str,
    frozen_at: datetime,
    items: Sequence[NotificationItem],
    content: Content | None = None,
    sender: Sender = NOBODY,
) -> Message:
    """The message of these events; of each alert only what happened last, the most urgent first."""
    if content is not None:
        subject = sender.subject(content.subject)
        return Message(key, subject, Severity.INFO, frozen_at, content=content, sender=sender)
    latest: dict[Any, NotificationItem] = {}
    for event in items:
        latest.pop(_identity(event), None)
        latest[_identity(event)] = replace(event, runbook=sender.link(event.runbook))
    ordered = tuple(sorted(latest.values(), key=lambda event: (event.ended, -event.severity.rank)))
    severity = max((event.severity for event in ordered), key=lambda found: found.rank, default=Severity.INFO)
    return Message(key, sender.subject(subject_of(ordered)), severity, frozen_at, ordered, sender=sender)


def _identity(event: NotificationItem) -> Any:
    return event.alert_id if event.alert_id is not None else (event.rule, event.labels)


def subject_of(items: Sequence[NotificationItem]) -> str:
    """One line that says how much happened, and the one thing where it is one."""
    if not items:
        return "nothing left to tell"
    first = items[0]
    if len(items) == 1:
        where = " ".join(value for _, value in first.labels)
        return one_line(f"[{first.state} {first.severity}] {first.rule} {where}")
    states = Counter(event.state for event in items)
    rules = {event.rule for event in items}
    what = first.rule if len(rules) == 1 else f"{len(rules)} rules"
    counted = ", ".join(f"{count} {state}" for state, count in states.items())
    return one_line(f"[{counted}, {first.severity}] {what}")


def blocks(message: Message, dialect: Dialect, *, now: datetime | None = None) -> list[str]:
    """The body in pieces that belong together; a long message names each alert on one line."""
    if message.content is not None:
        text = clean_lines(message.content.text, LONGEST_CONTENT)
        return [dialect.escape(line) for line in text.split("\n")]
    at = now or message.frozen_at
    if message.detailed:
        return ["\n".join(_detailed(event, dialect, at, message.sender)) for event in message.items]
    return _compact(message.items, dialect)


def body(message: Message, dialect: Dialect) -> list[str]:
    """The blocks, and at the end who sends them and where more is to be seen."""
    sender = message.sender
    last = [dialect.escape(sender.origin)] if sender.origin else []
    last += [dialect.link("Gridkeeper", f"{sender.url}/")] if sender.url else []
    return [*blocks(message, dialect), *(["\n".join(last)] if last else [])]


def _detailed(event: NotificationItem, dialect: Dialect, at: datetime, sender: Sender) -> list[str]:
    escape = dialect.escape
    lines = [dialect.bold(escape(f"{event.state} {event.severity}: {event.rule}"))]
    if event.labels:
        lines.append(escape(labels_text(event)))
    if value := value_text(event):
        lines.append(escape(value))
    if event.since and event.late:
        lines.append(escape(f"was firing from {iso(event.since)} to {iso(event.at)} ({duration_text(event, at)})"))
    elif event.since:
        lines.append(escape(f"since {iso(event.since)} ({duration_text(event, at)})"))
    lines += [escape(text) for text in (event.description, event.note) if text]
    lines += [escape(f"{name}: {value}") for name, value in event.annotations if value]
    if event.runbook:
        lines.append(_runbook(event.runbook, dialect))
    if event.alert_id is not None and sender.url:
        what = "what happened" if event.ended else "acknowledge or silence"
        lines.append(dialect.link(what, sender.link(f"alerts/{event.alert_id}")))
    if event.alert_id is not None and not event.ended:
        lines.append(" | ".join(filter(None, map(dialect.code, how_to_stop(event)))))
    return lines


def _runbook(link: str, dialect: Dialect) -> str:
    usable = link.startswith(("https://", "http://")) and not re.search(r"[\s<>\"'`|()\\\[\]]", link)
    return dialect.link("runbook", link) if usable else dialect.escape(f"runbook: {link}")


def _compact(items: Sequence[NotificationItem], dialect: Dialect) -> list[str]:
    lines = []
    heading = None
    for event in items:
        own = (event.state, event.severity, event.rule)
        if own != heading:
            heading = own
            lines.append(dialect.bold(dialect.escape(f"{event.state} {event.severity}: {event.rule}")))
        value = "" if event.value is None else f" {'was' if event.ended else '='} {quantity(event.value, event.unit)}"
        number = "" if event.alert_id is None else f"#{event.alert_id} "
        lasted = f", from {iso(event.since)} to {iso(event.at)}" if event.late and event.since else ""
        named = one_line(labels_text(event) or event.description, 300)
        lines.append(dialect.escape(f"{number}{named}{value}{lasted}"))
    return lines


def labels_text(event: NotificationItem) -> str:
    return " ".join(f"{name}={value}" for name, value in event.labels)


def value_text(event: NotificationItem) -> str:
    """The value that the rule found; of an alert that ended the last one with which it fired, not the one that ended it."""
    if event.value is None:
        return ""
    said = f"{'last value while it fired:' if event.ended else 'value'} {quantity(event.value, event.unit)}"
    if event.threshold is None:
        return said
    bound = " ".join(filter(None, ("threshold", event.operator, quantity(event.threshold, event.unit))))
    return f"{said} ({bound})"


def quantity(value: float, unit: str = "") -> str:
    """A number as people write it, with its unit: no exponents, thousands separated, four digits of what is small."""
    if not math.isfinite(value):
        text = "not a number" if math.isnan(value) else "infinite" if value > 0 else "minus infinite"
    elif value == int(value) or abs(value) >= 10_000:
        text = f"{value:,.0f}"
    elif abs(value) >= 1:
        text = f"{value:,.2f}".rstrip("0").rstrip(".")
    else:
        text = f"{Decimal(f'{value:.4g}'):f}"
    return f"{text} {unit}" if unit else text


def duration_text(event: NotificationItem, at: datetime) -> str:
    """How long it has lasted; of one that ended, how long it lasted."""
    lasted = max(timedelta(0), (event.at if event.ended else at) - (event.since or at))
    minutes = int(lasted.total_seconds() // 60)
    if minutes < 1:
        return f"{int(lasted.total_seconds())} s"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if count]
    return " ".join(parts[:2])


def how_to_stop(event: NotificationItem) -> tuple[str, str]:
    """The commands that end the reminders."""
    labels = (("rule", event.rule), *event.labels[:6])
    matchers = " ".join(shlex.quote(str(Matcher(name, Operator.EQUAL, value))) for name, value in labels)
    return f"gridkeeper alerts ack {event.alert_id}", f"gridkeeper alerts silence {matchers} --for 2h"


def split_text(pieces: Sequence[str], limit: int, measure: Callable[[str], int], *, gap: str = "\n") -> list[str]:
    """The pieces, joined into texts of at most `limit` by `measure`; what is too long alone is cut between lines,
    then between characters, so that nothing is lost and no character is torn apart."""
    texts: list[str] = []
    held = ""
    for piece in pieces:
        for fitting in _fitting(piece, limit, measure):
            longer = f"{held}{gap}{fitting}" if held else fitting
            if held and measure(longer) > limit:
                texts.append(held)
                longer = fitting
            held = longer
    return [*texts, held] if held or not texts else texts


def _fitting(piece: str, limit: int, measure: Callable[[str], int]) -> list[str]:
    if measure(piece) <= limit:
        return [piece]
    lines = piece.split("\n")
    if len(lines) > 1:
        return split_text(lines, limit, measure)
    return _cut(piece, limit, measure)


def _cut(line: str, limit: int, measure: Callable[[str], int]) -> list[str]:
    pieces = []
    while line:
        size = min(len(line), limit)
        while size > 1 and measure(line[:size]) > limit:
            size -= max(1, (measure(line[:size]) - limit) // 4)
        size = max(1, size)
        pieces.append(line[:size])
        line = line[size:]
    return pieces


def numbered(texts: Sequence[str]) -> list[str]:
    """The texts with (1/n) before them where there are several."""
    count = len(texts)
    return list(texts) if count == 1 else [f"({number}/{count}) {text}" for number, text in enumerate(texts, 1)]


def utf8_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


HTML = Dialect(
    mark=html.escape,
    bold=lambda text: f"<b>{text}</b>",
    link=lambda name, url: f'<a href="{html.escape(url)}">{html.escape(name)}</a>',
    code=lambda text: f"<code>{html.escape(text)}</code>",
    address=lambda url: f'<a href="{html.escape(url)}">{html.escape(url)}</a>',
)


def signed(message: Message, page: str) -> str:
    """A page that somebody else made, with who sends it at its end."""
    lines = body(replace(message, content=None), HTML)
    return page.replace("</body>", f"<p>{lines[0].replace(chr(10), '<br>')}</p>\n</body>") if lines else page


def html_page(message: Message) -> str:
    """A page that mail clients show: no scripts, nothing from elsewhere."""
    content = message.gap.join(body(message, HTML)).split("\n\n")
    paragraphs = "".join(f"<p>{block.replace(chr(10), '<br>')}</p>\n" for block in content)
    return (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>'
        f"{html.escape(message.subject)}</title></head>\n<body>\n{paragraphs}</body></html>\n"
    )
