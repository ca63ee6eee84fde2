"""`gridkeeper coverage`: how complete the store is."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.options import AreaOption, AsJson, From, ItemOption, Sandbox, To
from app.cli.output import print_json
from app.cli.session import ask, begin


def coverage_command(
    area: AreaOption = None,
    item: ItemOption = None,
    start: From = "-365d",
    end: To = None,
    every: Annotated[bool, typer.Option("--all", help="Also lines in which nothing was expected.")] = False,
    sandbox: Sandbox = False,
    as_json: AsJson = False,
) -> int:
    """Show which share of the expected values is stored, in percent, by item, area and month; by day for one of them.

    A "-" says that nothing was expected: before the first stored value of a series, and what is not public yet. Days
    and months are those of UTC.

    Example: gridkeeper coverage --area DE_LU --from 2020-01-01
    """
    from app.cli.data.coverage_table import covered, print_matrix
    from app.cli.selection import chosen
    from app.collection.gaps.coverage import hours_missing
    from app.collection.gaps.schemas import CoverageResource

    settings = begin(sandbox=sandbox)
    requests, now = chosen(settings, area, item, start, end)
    by_day = len(requests) == 1
    cells, gaps = ask(settings, lambda wiring: covered(wiring, requests, now, by_day=by_day))
    if as_json:
        print_json([CoverageResource.of(cell, gaps, by_day=by_day) for cell in cells])
    else:
        lacking = [hours_missing(cell, gaps, by_day=by_day, expected=False) for cell in cells]
        print_matrix(cells, lacking, every=every, by_day=by_day)
    return OK
