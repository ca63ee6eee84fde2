"""`gridkeeper quality findings`: what is wrong with stored values, and what people say about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.lazy_group import Lazy, lazy_typer
from app.cli.options import LARGEST_NUMBER, AreaOption, AsJson, From, ItemOption, To
from app.cli.output import print_json, say
from app.cli.session import ask, begin, own_name
from app.cli.tables import print_table
from app.clock import SystemClock
from app.errors import ConfigurationError

if TYPE_CHECKING:
    from app.market.time import Interval
    from app.quality.findings import State
    from app.quality.listing import ListedFinding
    from app.wiring.container import Container

FINDING_COLUMNS = (
    "id", "item", "area", "series", "rule", "from", "to", "values", "score", "severity", "state", "note"
)  # fmt: skip

FindingNumber = Annotated[
    int, typer.Argument(help="Number of the finding; `quality findings` lists them.", min=1, max=LARGEST_NUMBER)
]
Numbers = Annotated[
    list[int] | None,
    typer.Argument(help="Numbers of findings; default: all that stand.", min=1, max=LARGEST_NUMBER),
]
Note = Annotated[str, typer.Option("--note", help="Why the values are right.")]


TABLE = {
    "accept": Lazy(
        "app.cli.quality.findings:accept_command",
        "Say that the values of a finding are right: they count as sound, and the finding is not raised again.",
    ),
    "recheck": Lazy(
        "app.cli.quality.findings:recheck_command",
        "Look again at the stored values of findings, and say how many are in which state now.",
    ),
}

findings = lazy_typer(TABLE, invoke_without_command=True)


@findings.callback()
def findings_command(
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
    if context.invoked_subcommand is not None:
        return
    from app.quality.assessment.day_range import DayRange
    from app.quality.schemas import FindingResource

    settings, now = begin(), SystemClock().now()
    states = _states(state) if state else None
    interval = DayRange(start, end, now).hull
    found = ask(settings, lambda wiring: _findings(wiring, area, item, interval, states))
    if as_json:
        print_json([FindingResource.of(finding) for finding in found])
    elif found:
        print_table(FINDING_COLUMNS, [_finding_row(finding) for finding in found], right={"id", "values", "score"})
    else:
        say("no findings; `gridkeeper quality scan` looks for some")


def _states(states: Sequence[str]) -> list[State]:
    from app.mistakes import choice_of
    from app.quality.findings import State

    try:
        return [choice_of(State, state.lower()) for state in states]
    except ConfigurationError as error:
        raise ConfigurationError(f"--state: {error}") from None


async def _findings(
    wiring: Container,
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    interval: Interval,
    states: list[State] | None,
) -> list[ListedFinding]:
    wanted = await wiring.quality().service().wanted(areas, items)
    repository = wiring.quality().rows()
    return await repository.findings(items=wanted.items, areas=wanted.areas, interval=interval, states=states)


def accept_command(number: FindingNumber, note: Note, as_json: AsJson = False) -> int:
    """Say that the values of a finding are right: they count as sound, and the finding is not raised again."""
    from app.quality.schemas import FindingResource

    note = note.strip()
    if not note:
        raise ConfigurationError("--note is empty; say why the values are right")
    settings, now, who = begin(), SystemClock().now(), own_name()
    finding = ask(settings, lambda wiring: wiring.quality().service().accept(number, note=note, by=who, now=now))
    if as_json:
        print_json(FindingResource.of(finding))
    else:
        say(f"finding {number} is accepted; its {finding.affected} values count as sound in the scores")
    return OK


def recheck_command(numbers: Numbers = None, as_json: AsJson = False) -> int:
    """Look again at the stored values of findings, and say how many are in which state now."""
    from app.quality.schemas import FindingCounts

    settings, now = begin(), SystemClock().now()
    states = ask(settings, lambda wiring: wiring.quality().service().recheck(numbers or None, now)).states
    if as_json:
        print_json(FindingCounts(states), indent=None)
    else:
        say(", ".join(f"{number} {state}" for state, number in states.items()) or "there is no finding to look at")
    return OK


def _finding_row(finding: ListedFinding) -> tuple[str, ...]:
    from app.market.time import iso

    return (
        str(finding.finding_id), finding.item, finding.area, finding.name or "-", finding.rule,
        iso(finding.interval_start), iso(finding.interval_end), str(finding.affected), f"{finding.score:.2f}",
        finding.severity, finding.state, finding.note,
    )  # fmt: skip
