"""`gridkeeper gaps`: what is missing and why; with --fill it is asked for."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from app.cli.exit_codes import FAILED, INTERRUPTED, OK
from app.cli.options import AreaOption, AsJson, From, ItemOption, Sandbox, To
from app.cli.output import print_json
from app.cli.session import ask, begin
from app.errors import ConfigurationError


class GapReason(StrEnum):
    """Why a value is missing, as `app.collection.gaps.classification` has it."""

    LATE = "late"
    MISSING_AT_SOURCE = "missing_at_source"
    OURS = "ours"
    NOT_DUE = "not_due"


def gaps_command(
    area: AreaOption = None,
    item: ItemOption = None,
    start: From = "-7d",
    end: To = None,
    fill: Annotated[bool, typer.Option("--fill", help="Ask for what is late or was never asked for.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --fill: also for what the source lacked so far.")
    ] = False,
    reason: Annotated[
        list[GapReason] | None, typer.Option("--reason", help="Only gaps of this reason; repeat for several.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what is not due yet, which is no news.")] = False,
    sandbox: Sandbox = False,
    as_json: AsJson = False,
) -> int:
    """List the gaps with their reason: late, missing_at_source or ours; with --all also not_due.

    not_due: the source need not have published it yet. late: its deadline has passed, it is asked for again.
    missing_at_source: asked for often enough after the deadline, the source has nothing. ours: never asked for, or
    asked without success. Without --fill nothing is asked for.

    Example: gridkeeper gaps --area DE_LU --item load_actual --from -30d --fill

    Exit code: 0 shown, or every window answered; 3 with --fill some windows failed, each named.
    """
    from app.cli.data.gap_report import Filling, filled, print_gaps, tell_hidden
    from app.cli.progress import run_interruptibly
    from app.cli.selection import chosen
    from app.collection.gaps.schemas import GapsResource
    from app.collection.models import Outcome
    from app.lifecycle import require_token

    if force and not fill:
        raise ConfigurationError("--force says what --fill asks for: add --fill")
    settings = begin(sandbox=sandbox)
    requests, now = chosen(settings, area, item, start, end)
    filling = Filling()
    try:
        if fill:
            require_token(settings)
            gaps = run_interruptibly(filled(settings, requests, now, filling, force=force))
        else:
            gaps = ask(settings, lambda wiring: wiring.collection().gaps().analyse(requests, now, adding=False))
    except KeyboardInterrupt:
        if not fill:
            raise
        filling.interrupted(as_json=as_json)
        return INTERRUPTED
    known = set(GapReason) if every or as_json else set(GapReason) - {GapReason.NOT_DUE}
    shown = frozenset(reason or known)
    wanted = [gap for gap in gaps if gap.reason.value in shown]
    if as_json:
        print_json(GapsResource.of(wanted, filling.runs))
    else:
        print_gaps(wanted)
        tell_hidden([gap for gap in gaps if gap.reason.value not in shown])
    return FAILED if any(run.outcome is Outcome.FAILED for run in filling.runs) else OK
