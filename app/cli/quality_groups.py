"""The commands on the quality of stored series, declared: each imports what it needs when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.groups import HELP, quality
from app.cli.options import LARGEST_NUMBER, AreaOption, AsJson, From, ItemOption, To

findings = typer.Typer(
    context_settings=HELP, help="List findings (without a command), accept them, look at them again."
)
quality.add_typer(findings, name="findings", invoke_without_command=True)


@quality.command("scan")
def quality_scan(
    area: AreaOption = None,
    item: ItemOption = None,
    start: Annotated[str | None, typer.Option("--from", help="First moment; default: -60d.")] = None,
    end: To = None,
    nightly: Annotated[
        bool, typer.Option("--nightly", help="All series over the set days, in the background, with their trends.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score stored series and find what is wrong with them; only what has changed is looked at.

    Without --area and --item all stored series. Can be killed at any time: the next scan goes on.

    Example: gridkeeper quality scan --area DE_LU --item load_actual --from -30d
    """
    from app.cli.quality_store import scan_command

    raise typer.Exit(scan_command(area, item, start, end, nightly=nightly, as_json=as_json))


@quality.command("score")
def quality_score(
    area: AreaOption = None, item: ItemOption = None, start: From = "-7d", end: To = None, as_json: AsJson = False
) -> None:
    """Show completeness, timeliness, validity, accuracy and the overall score of each series and day, 0 to 100.

    A dimension that examined nothing is absent. --json has the counts behind each.

    Example: gridkeeper quality score --area DE_LU --from -30d
    """
    from app.cli.quality_store import score_command

    raise typer.Exit(score_command(area, item, start, end, as_json=as_json))


@findings.callback()
def quality_findings(
    context: typer.Context,
    area: AreaOption = None,
    item: ItemOption = None,
    start: From = "-60d",
    end: To = None,
    state: Annotated[
        list[str] | None,
        typer.Option(help="open, accepted, repaired, confirmed, unrepairable or withdrawn; repeat for several."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what is wrong with stored values: rule, interval, evidence, severity and what became of it.

    Example: gridkeeper quality findings --state open --area FR
    """
    from app.cli.quality_store import findings_command

    if context.invoked_subcommand is None:
        raise typer.Exit(findings_command(area, item, start, end, states=state, as_json=as_json))


FindingNumber = Annotated[
    int, typer.Argument(help="Number of the finding; `quality findings` lists them.", min=1, max=LARGEST_NUMBER)
]
Numbers = Annotated[
    list[int] | None,
    typer.Argument(help="Numbers of findings; default: all that stand.", min=1, max=LARGEST_NUMBER),
]
Note = Annotated[str, typer.Option("--note", help="Why the values are right.")]


@quality.command("accept", hidden=True)
@findings.command("accept")
def findings_accept(number: FindingNumber, note: Note, as_json: AsJson = False) -> None:
    """Say that the values of a finding are right: they count as sound, and the finding is not raised again."""
    from app.cli.quality_store import accept_command

    raise typer.Exit(accept_command(number, note, as_json=as_json))


@quality.command("recheck", hidden=True)
@findings.command("recheck")
def findings_recheck(numbers: Numbers = None, as_json: AsJson = False) -> None:
    """Look again at the stored values of findings, and say how many are in which state now."""
    from app.cli.quality_store import recheck_command

    raise typer.Exit(recheck_command(numbers, as_json=as_json))
