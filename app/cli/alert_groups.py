"""The group of commands about alerts, declared: each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import LARGEST_NUMBER, AsJson, From, To

HELP = {"help_option_names": ["-h", "--help"]}

alerts = typer.Typer(
    no_args_is_help=True, context_settings=HELP, help="Alerts: rules, what fires, silences, channels and history."
)


@alerts.command("check")
def alerts_check(
    path: Annotated[
        Path | None, typer.Argument(help="A file, a pipe or a folder of rules; default: the configured one.")
    ] = None,
    syntax: Annotated[
        bool, typer.Option("--syntax", help="Check without the secrets that the rules refer to, as in CI.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read the rules and list every problem with file, line, field and remedy; starts nothing.

    Example: gridkeeper alerts check config/alerts

    Exit code: 0 all rules are valid, 1 there are problems.
    """
    from app.cli.alerts_rules import check_command

    raise typer.Exit(check_command(path, as_json=as_json, syntax=syntax))


@alerts.command("rules")
def alerts_rules(as_json: AsJson = False) -> None:
    """List the rule book: severity, schedule, next slot, where each rule stands."""
    from app.cli.alerts_rules import rules_command

    raise typer.Exit(rules_command(as_json=as_json))


@alerts.command("try")
def alerts_try(
    name: Annotated[str | None, typer.Argument(help="Name of a rule of the book; `alerts rules` lists them.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Try the rules of this file instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a rule once and show its rows, signals and verdict; writes nothing and tells nobody.

    Example: gridkeeper alerts try --file new-rule.yaml

    Exit code: 0 evaluated, whatever it found; 1 it failed; 2 there is no such rule or the file is wrong.
    """
    from app.cli.alerts_rules import try_command

    raise typer.Exit(try_command(name, file, as_json=as_json))


@alerts.command("run")
def alerts_run(
    name: Annotated[str, typer.Argument(help="Name of a rule of the book; `alerts rules` lists them.")],
    as_json: AsJson = False,
) -> None:
    """Evaluate a rule now as the service would: its alerts change and people are told.

    Exit code: 0 evaluated, whatever it found; 1 it failed; 2 there is no such rule.
    """
    from app.cli.alerts_rules import run_command

    raise typer.Exit(run_command(name, as_json=as_json))


By = Annotated[str | None, typer.Option("--by", help="Who does it; default: your user name.")]
Comment = Annotated[str, typer.Option("--comment", "-c", help="Why; people read it in the list and in the history.")]
Matchers = Annotated[
    list[str] | None,
    typer.Argument(
        help="label=value, !=, =~regex or !~regex; all must match. Labels of the alert, or rule, severity.",
        metavar="MATCHER...",
    ),
]
RuleName = Annotated[str, typer.Argument(help="Name of a rule; `alerts rules` lists them.", metavar="RULE")]


@alerts.command("list")
def alerts_list(
    firing: Annotated[bool, typer.Option("--firing", help="Only what fires.")] = False,
    pending: Annotated[bool, typer.Option("--pending", help="Only what waits for its hold to pass.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also what has ended.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many at most.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """List alerts, what fires first and the most urgent first.

    Example: gridkeeper alerts list --firing --json
    """
    from app.cli.alerts_state import list_command

    raise typer.Exit(list_command(firing=firing, pending=pending, everything=everything, limit=limit, as_json=as_json))


@alerts.command("history")
def alerts_history(
    rule: Annotated[str | None, typer.Option("--rule", help="Only this rule.")] = None,
    start: From = "-7d",
    end: To = None,
    summary: Annotated[bool, typer.Option("--summary", help="Sums by rule instead of events.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many events, the latest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show what happened to alerts; with --summary how often each rule was evaluated, fired, told and failed.

    Days are those of UTC. Evaluations that found nothing are kept for a few days only, so sums over longer count fewer.

    Example: gridkeeper alerts history --rule collection_failing --from -30d --summary
    """
    from app.cli.alerts_state import history_command

    raise typer.Exit(history_command(rule, start, end, summary=summary, limit=limit, as_json=as_json))


@alerts.command("ack")
def alerts_ack(
    alert_id: Annotated[
        int,
        typer.Argument(help="Number of the alert; `alerts list` shows it.", metavar="ID", min=1, max=LARGEST_NUMBER),
    ],
    by: By = None,
    comment: Comment = "",
) -> None:
    """Acknowledge an alert: no reminders until it ends or gets worse.

    Example: gridkeeper alerts ack 42 --comment "called the TSO"
    """
    from app.cli.alerts_state import ack_command

    raise typer.Exit(ack_command(alert_id, by=by, comment=comment))


@alerts.command("pause")
def alerts_pause(rule: RuleName, by: By = None) -> None:
    """Let a rule rest, over restarts: its alerts stay as they are, nothing is told of them."""
    from app.cli.alerts_state import pause_command

    raise typer.Exit(pause_command(rule, by=by))


@alerts.command("resume")
def alerts_resume(rule: RuleName) -> None:
    """Look at a paused rule again."""
    from app.cli.alerts_state import resume_command

    raise typer.Exit(resume_command(rule))


@alerts.command("silence")
def alerts_silence(
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
) -> None:
    """Tell nobody of alerts that match, for a while; what still fires afterwards is told then.

    Example: gridkeeper alerts silence area=FR rule=~collection_.* --for 2h --comment "maintenance at RTE"
    """
    from app.cli.alerts_state import silence_command

    raise typer.Exit(silence_command(matchers or [], lasts=lasts, start=start, until=until, by=by, comment=comment))


@alerts.command("unsilence")
def alerts_unsilence(
    silence_id: Annotated[
        int,
        typer.Argument(
            help="Number of the silence; `alerts silences` shows it.", metavar="ID", min=1, max=LARGEST_NUMBER
        ),
    ],
) -> None:
    """End a silence now."""
    from app.cli.alerts_state import unsilence_command

    raise typer.Exit(unsilence_command(silence_id))


@alerts.command("silences")
def alerts_silences(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    as_json: AsJson = False,
) -> None:
    """List silences: from when to when, which alerts, who and why."""
    from app.cli.alerts_state import silences_command

    raise typer.Exit(silences_command(everything=everything, as_json=as_json))


@alerts.command("maintenance")
def alerts_maintenance(
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
) -> None:
    """List maintenance windows, silences that come again; with matchers add one, with --end remove one.

    Example: gridkeeper alerts maintenance area=FR --cron "0 3 * * 0" --for 2h --comment "weekly patching"
    """
    from app.cli.alerts_state import maintenance_command

    raise typer.Exit(
        maintenance_command(
            matchers or [], cron=cron, lasts=lasts, zone=zone, end=end, by=by, comment=comment, as_json=as_json
        )
    )


ChannelName = Annotated[str, typer.Argument(help="Name of the channel; `alerts channels` shows it.", metavar="CHANNEL")]


@alerts.command("channels")
def alerts_channels(as_json: AsJson = False) -> None:
    """List the channels: where each sends to, whether it works, what waits for it."""
    from app.cli.alerts_channels import channels_command

    raise typer.Exit(channels_command(as_json=as_json))


@alerts.command("test")
def alerts_test(channel: ChannelName) -> None:
    """Send a test message over a channel at once, and show what was answered.

    Example: gridkeeper alerts test ops-mail

    Exit code: 0 it was taken, 1 it was not, with the reason; 2 there is no such channel.
    """
    from app.cli.alerts_channels import test_command

    raise typer.Exit(test_command(channel))


@alerts.command("notifications")
def alerts_notifications(
    failed: Annotated[bool, typer.Option("--failed", help="Only those that were given up.")] = False,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that are still to be sent.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many, the latest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List messages: channel, status, attempts, what they say, why they failed."""
    from app.cli.alerts_channels import notifications_command

    raise typer.Exit(notifications_command(failed=failed, waiting=waiting, limit=limit, as_json=as_json))


@alerts.command("retry")
def alerts_retry(
    notification_id: Annotated[
        int,
        typer.Argument(help="Number of the message; `alerts notifications` shows it.", min=1, max=LARGEST_NUMBER),
    ],
) -> None:
    """Try a message again now that failed or waits; it keeps its key."""
    from app.cli.alerts_channels import retry_command

    raise typer.Exit(retry_command(notification_id))


@alerts.command("enable")
def alerts_enable(channel: ChannelName) -> None:
    """Use a channel again that was disabled because it refused everything."""
    from app.cli.alerts_channels import enable_command

    raise typer.Exit(enable_command(channel))
