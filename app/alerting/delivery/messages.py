"""What people read: from events to the words of a message, the same each time it is rendered."""

from __future__ import annotations

import html
import math
import re
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self
from urllib.parse import urljoin

from app.alerting.evaluation.serialization import json_number
from app.alerting.models import AlertEvent, EventKind, Severity, labels_of
from app.alerting.state.silences import Matcher, Operator
from app.market.time import iso
from app.settings import Origin, Settings

DETAILED = 12
"""More alerts than these get one line each."""
LONGEST_TEXT = 1000
LONGEST_LABEL = 200
LONGEST_SUBJECT = 160
LONGEST_CONTENT = 100_000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_URL = re.compile(r"(https?://[^\s<>\"'`|()\[\]{}\\*~\x00-\x1f]*[^\s<>\"'`|()\[\]{}\\*~_.,;:!?\x00-\x1f])")
"""A bare address in a text, without the punctuation after it and without anything that a chat reads as a mark."""
_SUFFIX_ROOM = 30
"""Characters that the note of a cut takes."""
_NOTICE = "notice"
_STATES = {
    EventKind.FIRED.value: "FIRING",
    EventKind.REMINDED.value: "STILL FIRING",
    EventKind.SEVERITY.value: "SEVERITY CHANGED",
    EventKind.RESOLVED.value: "RESOLVED",
    _NOTICE: "NOTICE",
}


@dataclass(frozen=True, slots=True)
class NotificationItem:
    """One event as the outbox keeps it."""

    kind: str
    rule: str
    severity: Severity
    at: datetime
    alert_id: int | None = None
    labels: tuple[tuple[str, str], ...] = ()
    value: float | None = None
    threshold: float | None = None
    operator: str = ""
    since: datetime | None = None
    description: str = ""
    runbook: str = ""
    note: str = ""
    annotations: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    """Of value and threshold."""
    late: bool = False
    """It ended before the channel could say that it fires: one message says both."""

    @property
    def state(self) -> str:
        if self.late:
            return "WAS FIRING"
        return _STATES.get(self.kind, self.kind.upper())

    @property
    def ended(self) -> bool:
        return self.kind == EventKind.RESOLVED.value

    def as_json(self) -> dict[str, Any]:
        """What the outbox keeps and the generic webhook sends."""
        return {
            "kind": self.kind,
            "rule": self.rule,
            "severity": self.severity.value,
            "at": iso(self.at),
            "alert_id": self.alert_id,
            "labels": dict(self.labels),
            "value": json_number(self.value),
            "threshold": json_number(self.threshold),
            "operator": self.operator,
            "unit": self.unit,
            "since": iso(self.since) if self.since else None,
            "description": self.description,
            "runbook": self.runbook,
            "note": self.note,
            "annotations": dict(self.annotations),
            "late": self.late,
        }


@dataclass(frozen=True, slots=True)
class Content:
    """A message that is made of no events: a report, a test."""

    subject: str
    text: str
    html: str = ""


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
    told: tuple[NotificationItem, ...] = ()
    content: Content | None = None
    sender: Sender = NOBODY
    thread: tuple[str, ...] = ()
    """Keys of the messages that the same channel got of these alerts before, their beginning first."""

    @property
    def detailed(self) -> bool:
        return len(self.told) <= DETAILED

    @property
    def gap(self) -> str:
        """What stands between the blocks: an empty line between alerts that have several lines each."""
        return "\n\n" if self.told and self.detailed else "\n"


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


def told_of(event: AlertEvent, *, late: bool = False) -> NotificationItem:
    """The event as it is kept: foreign texts without control characters, and cut."""
    alert, rule = event.alert, event.rule
    return NotificationItem(
        kind=event.kind.value,
        rule=one_line(alert.rule, LONGEST_LABEL),
        severity=alert.severity,
        at=event.at,
        alert_id=alert.alert_id,
        labels=tuple((one_line(name, LONGEST_LABEL), one_line(value, LONGEST_LABEL)) for name, value in alert.labels),
        value=alert.value,
        threshold=alert.threshold,
        operator=rule.threshold.operator if rule.threshold else "",
        unit=one_line(rule.unit, LONGEST_LABEL),
        since=alert.since,
        late=late,
        description=one_line(rule.description, LONGEST_TEXT),
        runbook=one_line(rule.runbook, LONGEST_TEXT),
        note=one_line(event.note, LONGEST_TEXT),
        annotations=tuple(
            (one_line(name, LONGEST_LABEL), one_line(value, LONGEST_TEXT))
            for name, value in (*alert.annotations, *labels_of(event.details))
        ),
    )


def delivery_notice(
    name: str, text: str, at: datetime, labels: Mapping[str, str], severity: Severity
) -> NotificationItem:
    """Something that the delivery itself has to say."""
    return NotificationItem(
        _NOTICE, name, severity, at, labels=labels_of(labels), description=clean(text, LONGEST_TEXT)
    )


def told_from_json(content: Mapping[str, Any]) -> NotificationItem:
    """The event that `as_json` wrote."""
    since = content["since"]
    return NotificationItem(
        kind=content["kind"],
        rule=content["rule"],
        severity=Severity(content["severity"]),
        at=datetime.fromisoformat(content["at"]),
        alert_id=content["alert_id"],
        labels=labels_of(content["labels"]),
        value=_number_of(content["value"]),
        threshold=_number_of(content["threshold"]),
        operator=content["operator"],
        unit=content.get("unit", ""),
        since=datetime.fromisoformat(since) if since else None,
        description=content["description"],
        runbook=content["runbook"],
        note=content["note"],
        annotations=labels_of(content["annotations"]),
        late=content.get("late", False),
    )


def _number_of(value: float | str | None) -> float | None:
    """The number of JSON, which has infinite ones as text."""
    return None if value is None else float(value)


def clean(text: str, longest: int) -> str:
    """The text without characters that move the cursor or reorder it, and not longer than so many characters."""
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= longest else f"{text[:longest]}… (cut, {len(text):,} characters)"


def one_line(text: str, longest: int = LONGEST_SUBJECT) -> str:
    """The text as one line."""
    return clean(" ".join(text.split()), longest)


def compose(
    key: str,
    frozen_at: datetime,
    told: Sequence[NotificationItem],
    content: Content | None = None,
    sender: Sender = NOBODY,
) -> Message:
    """The message of these events; of each alert only what happened last, the most urgent first."""
    if content is not None:
        subject = sender.subject(content.subject)
        return Message(key, subject, Severity.INFO, frozen_at, content=content, sender=sender)
    latest: dict[Any, NotificationItem] = {}
    for event in told:
        latest.pop(_identity(event), None)
        latest[_identity(event)] = replace(event, runbook=sender.link(event.runbook))
    ordered = tuple(sorted(latest.values(), key=lambda event: (event.ended, -event.severity.rank)))
    severity = max((event.severity for event in ordered), key=lambda found: found.rank, default=Severity.INFO)
    return Message(key, sender.subject(subject_of(ordered)), severity, frozen_at, ordered, sender=sender)


def _identity(event: NotificationItem) -> Any:
    return event.alert_id if event.alert_id is not None else (event.rule, event.labels)


def subject_of(told: Sequence[NotificationItem]) -> str:
    """One line that says how much happened, and the one thing where it is one."""
    if not told:
        return "nothing left to tell"
    first = told[0]
    if len(told) == 1:
        where = " ".join(value for _, value in first.labels)
        return one_line(f"[{first.state} {first.severity}] {first.rule} {where}")
    states = Counter(event.state for event in told)
    rules = {event.rule for event in told}
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
        return ["\n".join(_detailed(event, dialect, at)) for event in message.told]
    return _compact(message.told, dialect)


def body(message: Message, dialect: Dialect) -> list[str]:
    """The blocks, and at the end who sends them and where more is to be seen."""
    sender = message.sender
    last = [dialect.escape(sender.origin)] if sender.origin else []
    last += [dialect.link("Gridkeeper", f"{sender.url}/")] if sender.url else []
    return [*blocks(message, dialect), *(["\n".join(last)] if last else [])]


def clean_lines(text: str, longest: int) -> str:
    """Text of several lines without control characters, cut with a note."""
    lines = (_CONTROL.sub(" ", line).rstrip() for line in text.splitlines())
    whole = "\n".join(lines)
    return whole if len(whole) <= longest else f"{whole[:longest]}\n… (cut here: {len(whole):,} characters)"


def _detailed(event: NotificationItem, dialect: Dialect, at: datetime) -> list[str]:
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
    if event.alert_id is not None and not event.ended:
        lines.append(" | ".join(filter(None, map(dialect.code, how_to_stop(event)))))
    return lines


def _runbook(link: str, dialect: Dialect) -> str:
    usable = link.startswith(("https://", "http://")) and not re.search(r"[\s<>\"'`|()\\\[\]]", link)
    return dialect.link("runbook", link) if usable else dialect.escape(f"runbook: {link}")


def _compact(told: Sequence[NotificationItem], dialect: Dialect) -> list[str]:
    lines = []
    heading = None
    for event in told:
        own = (event.state, event.severity, event.rule)
        if own != heading:
            heading = own
            lines.append(dialect.bold(dialect.escape(f"{event.state} {event.severity}: {event.rule}")))
        value = "" if event.value is None else f" = {quantity(event.value, event.unit)}"
        number = "" if event.alert_id is None else f"#{event.alert_id} "
        lasted = f", from {iso(event.since)} to {iso(event.at)}" if event.late and event.since else ""
        named = one_line(labels_text(event) or event.description, 300)
        lines.append(dialect.escape(f"{number}{named}{value}{lasted}"))
    return lines


def labels_text(event: NotificationItem) -> str:
    return " ".join(f"{name}={value}" for name, value in event.labels)


def value_text(event: NotificationItem) -> str:
    if event.value is None:
        return ""
    if event.threshold is None:
        return f"value {quantity(event.value, event.unit)}"
    bound = " ".join(filter(None, ("threshold", event.operator, quantity(event.threshold, event.unit))))
    return f"value {quantity(event.value, event.unit)} ({bound})"


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
