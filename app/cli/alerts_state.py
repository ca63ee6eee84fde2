"""`gridkeeper alerts list`, `history`, `ack`, `pause`, `resume`, `silence`, `unsilence`, `silences`, `maintenance`."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from app.alerting.models import Alert, Labels, Phase
from app.alerting.schemas import (
    AlertEventResource,
    AlertResource,
    MaintenanceResource,
    RuleSummaryResource,
    SilenceResource,
)
from app.alerting.state.silences import Matcher, Silence, Window, described, parse_matchers
from app.cli.exit_codes import OK
from app.cli.output import print_json
from app.cli.tables import print_table, single_line
from app.clock import SystemClock
from app.errors import ConfigurationError
from app.kit.durations import parse_duration
from app.lifecycle import services
from app.logging import configure_logging
from app.market.moments import parse_instant, parse_interval
from app.market.text import counted
from app.market.time import from_local, iso
from app.schemas import Resource
from app.settings import load_settings

if TYPE_CHECKING:
    from app.alerting.administration import AlertAdministration, AlertView, PastEvent, RuleSummary

T = TypeVar("T")
UTC_ZONE = ZoneInfo("UTC")
MOST_COUNTED = 100_000
_HARMLESS = re.compile(r"[\w@%+=:,./~*!-]+")
"""What a shell hands on as it is: a word with a star, too, unless files are called like that."""
LIST_COLUMNS = ("id", "severity", "phase", "rule", "labels", "value", "since", "told", "by", "state")
EVENT_COLUMNS = ("at", "kind", "id", "severity", "rule", "labels", "value", "told", "note")
SUMMARY_COLUMNS = ("rule", "evaluated", "fired", "notified", "errors", "median ms", "to acknowledge", "to resolve")
SILENCE_COLUMNS = ("id", "state", "from", "to", "matchers", "by", "comment")
WINDOW_COLUMNS = ("id", "state", "schedule", "lasts", "matchers", "by", "comment")


def list_command(*, firing: bool, pending: bool, everything: bool, limit: int, as_json: bool) -> int:
    """Without a choice, what fires and what waits for its hold."""
    chosen = {Phase.FIRING: firing, Phase.PENDING: pending}
    phases = [phase for phase, wanted in chosen.items() if wanted] or list(chosen)
    views = _ask(lambda records: records.alerts(list(Phase) if everything else phases, limit=limit))
    if as_json:
        return _print_json([AlertResource.of(view) for view in views])
    if views:
        print_table(LIST_COLUMNS, [_alert_row(view) for view in views], right={"id", "value"})
    _say(f"{len(views)} {'alert' if len(views) == 1 else 'alerts'}")
    return OK


def history_command(rule: str | None, start: str, end: str | None, *, summary: bool, limit: int, as_json: bool) -> int:
    span = parse_interval(start, end, UTC_ZONE, SystemClock().now())
    if summary:
        return _print_summary(_ask(lambda records: records.summary(span.start, span.end, rule)), as_json=as_json)
    events = _ask(lambda records: records.events(span.start, span.end, rule, limit=limit))
    if as_json:
        return _print_json([AlertEventResource.of(event) for event in events])
    if events:
        print_table(EVENT_COLUMNS, [_event_row(event) for event in events], right={"id", "value"})
    _say(f"{len(events)} {'event' if len(events) == 1 else 'events'} from {iso(span.start)} to {iso(span.end)}")
    return OK


def ack_command(alert_id: int, *, by: str | None, comment: str) -> int:
    alert = _ask(lambda records: records.acknowledge(alert_id, by or _me(), comment, SystemClock().now()))
    _say(f"alert {alert_id} acknowledged by {alert.acknowledged_by}: {alert.rule} {_labels(alert.labels)}")
    _say("no reminders until it ends or gets worse")
    return OK


def pause_command(rule: str, *, by: str | None) -> int:
    _ask(lambda records: records.pause(rule, by or _me(), SystemClock().now()))
    _say(f"{rule} rests until `gridkeeper alerts resume {rule}`; its alerts stay as they are")
    return OK


def resume_command(rule: str) -> int:
    _ask(lambda records: records.resume(rule))
    _say(f"{rule} is looked at again")
    return OK


def silence_command(
    matchers: Sequence[str], *, lasts: str | None, start: str | None, until: str | None, by: str | None, comment: str
) -> int:
    """From now or `start`, for a duration or until a moment."""
    now = SystemClock().now()
    silence = planned_silence(parse_matchers(matchers), now, lasts, start, until, by=by or _me(), comment=comment)
    number, matched = _ask(lambda records: _kept(records, records.add_silence(silence, now), silence.matchers))
    _say(
        f"silence {number}: {_matchers(silence.matchers)} from {iso(silence.starts_at)} to {iso(silence.ends_at)} "
        f"({_length(silence.ends_at - silence.starts_at)}); what still fires then is told then"
    )
    _say(matched)
    return OK


async def _kept(records: AlertAdministration, adding: Awaitable[int], matchers: tuple[Matcher, ...]) -> tuple[int, str]:
    """The number of what was added, and how many alerts its matchers meet now."""
    number = await adding
    views = await records.alerts([Phase.FIRING, Phase.PENDING], limit=MOST_COUNTED)
    met = [view.alert for view in views if _meets(matchers, view.alert)]
    if not met:
        return (
            number,
            f"no alert matches now, of {counted(len(views), 'open one')}; `gridkeeper alerts list` shows labels",
        )
    firing = sum(alert.phase is Phase.FIRING for alert in met)
    return (
        number,
        f"{counted(len(met), 'alert')} {'matches' if len(met) == 1 else 'match'} now, {firing} of them firing",
    )


def _meets(matchers: tuple[Matcher, ...], alert: Alert) -> bool:
    labels = described(alert.labels, alert.severity, alert.rule)
    return all(matcher.matches(labels) for matcher in matchers)


def planned_silence(
    matchers: tuple[Matcher, ...],
    now: datetime,
    lasts: str | None,
    start: str | None,
    until: str | None,
    *,
    by: str,
    comment: str,
) -> Silence:
    """The silence that the options mean; ConfigurationError naming the option otherwise."""
    if (lasts is None) == (until is None):
        raise ConfigurationError("say how long it lasts: --for 2h, or --until 2024-01-01T18:00+01:00, one of them")
    starts_at = zoned_instant(start, name="--from") if start else now
    ends_at = zoned_instant(until, name="--until") if until else starts_at + duration_of(lasts or "", name="--for")
    if ends_at <= max(starts_at, now):
        raise ConfigurationError(f"it would be over before it begins: it ends at {iso(ends_at)}; choose a later end")
    return Silence(matchers, starts_at, ends_at, by, comment)


def duration_of(text: str, *, name: str) -> timedelta:
    """The length of time that an option names; ConfigurationError naming the option where it is none."""
    try:
        length = parse_duration(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{name} {error}") from None
    if not length:
        raise ConfigurationError(f"{name} {text!r} is no time at all: write it as 30m, 2h or 3d")
    return length


def zoned_instant(text: str, *, name: str) -> datetime:
    """An instant with an offset, or a local time and its zone: `2024-07-01T22:00 Europe/Berlin`."""
    local, _, zone = text.strip().rpartition(" ")
    if not local or "/" not in zone:
        return parse_instant(text, name=name)
    try:
        naive = datetime.fromisoformat(local)
        if naive.tzinfo is None:
            return from_local(naive, ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError, ZoneInfoNotFoundError):
        pass  # the same words for everything that is wrong with it
    raise ConfigurationError(
        f"{name} {text!r} is no instant: write 2024-07-01T22:00+02:00 or 2024-07-01T22:00 Europe/Berlin"
    )


def unsilence_command(silence_id: int) -> int:
    _ask(lambda records: records.end_silence(silence_id, SystemClock().now()))
    _say(f"silence {silence_id} is over; what it held back and still fires is told within seconds")
    return OK


def silences_command(*, everything: bool, as_json: bool) -> int:
    now = SystemClock().now()
    since = datetime.min.replace(tzinfo=UTC) if everything else now
    silences = _ask(lambda records: records.silences(since))
    if as_json:
        return _print_json([SilenceResource.of(silence, now) for silence in silences])
    if silences:
        rows = [
            (str(one.silence_id), one.state(now), iso(one.starts_at), iso(one.ends_at), one.problem or _matchers(one.matchers),
             single_line(one.author, 40), single_line(one.comment, 200))
            for one in silences
        ]  # fmt: skip
        print_table(SILENCE_COLUMNS, rows, right={"id"})
    _say(f"{len(silences)} {'silence' if len(silences) == 1 else 'silences'}")
    return OK


def maintenance_command(
    matchers: Sequence[str], *, cron: str | None, lasts: str, zone: str, end: int | None, by: str | None, comment: str,
    as_json: bool,
) -> int:  # fmt: skip
    """Adds a window where matchers stand, ends one where a number does, else lists them."""
    now = SystemClock().now()
    if end is not None:
        _ask(lambda records: records.end_window(end, now))
        _say(f"maintenance {end} does not come again")
        return OK
    if matchers:
        return _add_window(matchers, cron, lasts, zone, by=by or _me(), comment=comment, now=now)
    windows = _ask(lambda records: records.windows())
    if as_json:
        return _print_json([MaintenanceResource.of(window, now) for window in windows])
    if windows:
        print_table(WINDOW_COLUMNS, [_window_row(window, now) for window in windows], right={"id"})
    _say(f"{len(windows)} maintenance {'window' if len(windows) == 1 else 'windows'}")
    return OK


def _add_window(
    matchers: Sequence[str], cron: str | None, lasts: str, zone: str, *, by: str, comment: str, now: datetime
) -> int:
    from app.alerting.administration import NewWindow
    from app.alerting.rules.schedules import parse_cron

    if cron is None:
        raise ConfigurationError("say when it begins: --cron '0 3 * * 0' for Sundays at 03:00")
    try:
        place = ZoneInfo(zone)
    except (ValueError, ZoneInfoNotFoundError):
        raise ConfigurationError(f"--zone {zone!r} is no time zone: write Europe/Brussels or UTC") from None
    schedule = parse_cron(cron, place)
    window = NewWindow(parse_matchers(matchers), schedule.expression, zone, duration_of(lasts, name="--for"))
    number, matched = _ask(
        lambda records: _kept(records, records.add_window(window, by, comment, now), window.matchers)
    )
    planned = Window(window.matchers, schedule, window.duration)
    _say(f"maintenance {number}: {_matchers(window.matchers)} {_spans(planned, now)} ({_length(window.duration)})")
    _say(matched)
    return OK


def _spans(window: Window, now: datetime) -> str:
    """When it is in force: at present, where it is, and next."""
    began, coming = window.began(now), window.slots.next_slot(now)
    active = f"active now, until {iso(began + window.duration)}, " if began else ""
    return f"{active}next from {iso(coming)} to {iso(coming + window.duration)}"


def _ask(act: Callable[[AlertAdministration], Awaitable[T]]) -> T:
    """What the records answer, with the database open for that long."""
    settings = load_settings()
    configure_logging(settings.log)

    async def ask() -> T:
        async with services(settings, _say) as wiring:
            return await act(wiring.alerting().administration())

    return asyncio.run(ask())


def _say(text: str) -> None:
    typer.echo(single_line(text), err=True)


def _print_json(content: Sequence[Resource]) -> int:
    print_json(content)
    return OK


def _me() -> str:
    return os.environ.get("USER") or os.environ.get("LOGNAME") or "command line"


def _labels(labels: Labels) -> str:
    return single_line(" ".join(f"{name}={value}" for name, value in labels), 80) or "-"


def _matchers(matchers: Sequence[Matcher]) -> str:
    """As they can be pasted into a shell."""
    return single_line(" ".join(_pasted(str(matcher)) for matcher in matchers), 500)


def _pasted(text: str) -> str:
    return text if _HARMLESS.fullmatch(text) else shlex.quote(text)


def _length(duration: timedelta) -> str:
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    days, hours = divmod(minutes // 60, 24)
    parts = ((days, "d"), (hours, "h"), (minutes % 60, "m"), (seconds, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _standing(alert: Alert) -> str:
    """What keeps people from hearing of it, in a word or two."""
    if alert.acknowledged_at is not None:
        return "acknowledged"
    if alert.gone_at is not None:
        return "quiet, kept firing"
    return alert.suppressed or ("flapping" if alert.flapping else "")


def _alert_row(view: AlertView) -> tuple[str, ...]:
    alert = view.alert
    notified = iso(alert.notified_at) if alert.notified_at else "no"
    return (
        str(alert.alert_id), alert.severity.value, alert.phase.value, alert.rule, _labels(alert.labels),
        _number(alert.value), iso(alert.fired_at or alert.since), notified, single_line(alert.acknowledged_by, 20),
        single_line(_standing(alert), 60),
    )  # fmt: skip


def _event_row(event: PastEvent) -> tuple[str, ...]:
    return (
        iso(event.at), event.kind, str(event.alert_id), event.severity, event.rule, _labels(event.labels),
        _number(event.value), "yes" if event.notified else "no", single_line(event.note, 80),
    )  # fmt: skip


def _print_summary(found: Sequence[RuleSummary], *, as_json: bool) -> int:
    if as_json:
        return _print_json([RuleSummaryResource.of(one) for one in found])
    rows = [
        (one.rule, str(one.evaluations), str(one.fired), str(one.notified), str(one.errors),
         _number(None if one.median_seconds is None else round(one.median_seconds * 1000, 1)),
         _mean(one.seconds_to_acknowledge), _mean(one.seconds_to_resolve))
        for one in found
    ]  # fmt: skip
    if rows:
        print_table(SUMMARY_COLUMNS, rows, right=set(SUMMARY_COLUMNS[1:]))
    _say(f"{len(found)} {'rule' if len(found) == 1 else 'rules'}")
    return OK


def _mean(seconds: float | None) -> str:
    return "" if seconds is None else _length(timedelta(seconds=seconds)) or "0s"


def _window_row(window: Window, now: datetime) -> tuple[str, ...]:
    return (
        str(window.window_id), window.state(now),
        str(window.slots), _length(window.duration), window.problem or _matchers(window.matchers),
        single_line(window.author, 40), single_line(window.comment, 200),
    )  # fmt: skip
