"""`gridkeeper alerts silence`, `unsilence`, `silences` and `maintenance`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from app.cli.alerts.records import By, Comment, ask_records
from app.cli.exit_codes import OK
from app.cli.options import LARGEST_NUMBER, AsJson
from app.cli.output import print_json, say_line
from app.cli.session import own_name
from app.cli.tables import print_table
from app.clock import SystemClock

Matchers = Annotated[
    list[str] | None,
    typer.Argument(
        help="label=value, !=, =~regex or !~regex; all must match. Labels of the alert, or rule, severity.",
        metavar="MATCHER...",
    ),
]


def silence_command(
    matchers: Matchers = None,
    lasts: Annotated[str | None, typer.Option("--for", help="How long: 30m, 2h, 1h30m, 3d, 1w.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First moment, with zone; default: now.")] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", help="First moment after: 2024-07-01T22:00+02:00, or '2024-07-01T22:00 Europe/Berlin'."
        ),
    ] = None,
    by: By = None,
    comment: Comment = "",
) -> int:
    """Notify nobody of alerts that match, for a while; people are notified of what still fires afterwards.

    Example: gridkeeper alerts silence area=FR rule=~collection_.* --for 2h --comment "maintenance at RTE"
    """
    from app.alerting.planned import planned_silence
    from app.alerting.state.silences import parse_matchers
    from app.cli.alerts.planning import added
    from app.cli.alerts.tables import length_text, matcher_text
    from app.market.time import iso

    now = SystemClock().now()
    silence = planned_silence(
        parse_matchers(matchers or []), now, lasts, start, until, by=by or own_name(), comment=comment
    )
    number, matched = ask_records(lambda records: added(records, records.add_silence(silence, now), silence.matchers))
    say_line(
        f"silence {number}: {matcher_text(silence.matchers)} from {iso(silence.starts_at)} to {iso(silence.ends_at)} "
        f"({length_text(silence.ends_at - silence.starts_at)}); people are notified of what still fires then"
    )
    say_line(matched)
    return OK


def unsilence_command(
    silence_id: Annotated[
        int,
        typer.Argument(
            help="Number of the silence; `alerts silences` shows it.", metavar="ID", min=1, max=LARGEST_NUMBER
        ),
    ],
) -> int:
    """End a silence now."""
    ask_records(lambda records: records.end_silence(silence_id, SystemClock().now()))
    say_line(f"silence {silence_id} is over; people are notified within seconds of what it held back and still fires")
    return OK


def silences_command(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    as_json: AsJson = False,
) -> int:
    """List silences: from when to when, which alerts, who and why."""
    from app.alerting.schemas import SilenceResource
    from app.cli.alerts.tables import SILENCE_COLUMNS, silence_row

    now = SystemClock().now()
    since = datetime.min.replace(tzinfo=UTC) if everything else now
    silences = ask_records(lambda records: records.silences(since))
    if as_json:
        print_json([SilenceResource.of(silence, now) for silence in silences])
        return OK
    if silences:
        print_table(SILENCE_COLUMNS, [silence_row(silence, now) for silence in silences], right={"id"})
    say_line(f"{len(silences)} {'silence' if len(silences) == 1 else 'silences'}")
    return OK


def maintenance_command(
    matchers: Matchers = None,
    cron: Annotated[str | None, typer.Option("--cron", help="When it begins: '0 3 * * 0', Sundays at 03:00.")] = None,
    lasts: Annotated[str, typer.Option("--for", help="How long it lasts: 30m, 2h.")] = "1h",
    zone: Annotated[str, typer.Option("--zone", help="Time zone of --cron.")] = "Europe/Brussels",
    end: Annotated[
        int | None,
        typer.Option("--end", help="Let this window not come again.", metavar="ID", min=1, max=LARGEST_NUMBER),
    ] = None,
    by: By = None,
    comment: Comment = "",
    as_json: AsJson = False,
) -> int:
    """List maintenance windows, silences that come again; with matchers add one, with --end remove one.

    Example: gridkeeper alerts maintenance area=FR --cron "0 3 * * 0" --for 2h --comment "weekly patching"
    """
    from app.alerting.schemas import MaintenanceResource
    from app.cli.alerts.tables import WINDOW_COLUMNS, window_row

    now = SystemClock().now()
    if end is not None:
        ask_records(lambda records: records.end_window(end, now))
        say_line(f"maintenance {end} does not come again")
        return OK
    if matchers:
        return _add_window(matchers, cron, lasts, zone, by=by or own_name(), comment=comment, now=now)
    windows = ask_records(lambda records: records.windows())
    if as_json:
        print_json([MaintenanceResource.of(window, now) for window in windows])
        return OK
    if windows:
        print_table(WINDOW_COLUMNS, [window_row(window, now) for window in windows], right={"id"})
    say_line(f"{len(windows)} maintenance {'window' if len(windows) == 1 else 'windows'}")
    return OK


def _add_window(
    matchers: Sequence[str], cron: str | None, lasts: str, zone: str, *, by: str, comment: str, now: datetime
) -> int:
    from app.alerting.planned import planned_window
    from app.cli.alerts.planning import added, window_spans
    from app.cli.alerts.tables import length_text, matcher_text

    new, window = planned_window(matchers, cron, lasts, zone)
    number, matched = ask_records(
        lambda records: added(records, records.add_window(new, by, comment, now), new.matchers)
    )
    say_line(
        f"maintenance {number}: {matcher_text(new.matchers)} {window_spans(window, now)} ({length_text(new.duration)})"
    )
    say_line(matched)
    return OK
