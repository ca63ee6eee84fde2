"""`gridkeeper embeds`: charts and badges for other sites."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.options import AsJson
from app.cli.output import print_json, say
from app.cli.session import ask, begin, person
from app.cli.tables import print_table

COLUMNS = ("name", "shows", "of", "address begins", "since", "by", "state")


class KindChoice(StrEnum):
    """What a picture shows, as `app.access.released.models` has it."""

    CHART = "chart"
    VALUE = "value"
    FRESHNESS = "freshness"
    STATUS = "status"


def release_command(
    kind: Annotated[KindChoice, typer.Argument(help="What the picture shows.")],
    name: Annotated[str, typer.Argument(help="Name by which it is listed and revoked.")],
    series: Annotated[int | None, typer.Option(help="Number of the series, of a chart or a value.")] = None,
    item: Annotated[str, typer.Option(help="Data item, of freshness.")] = "",
    area: Annotated[str, typer.Option(help="Area, or border as 'FR>DE_LU', of freshness.")] = "",
    days: Annotated[int, typer.Option(help="Days of a chart.")] = 7,
    as_json: AsJson = False,
) -> int:
    """Release a chart or a badge and print its address: this is the only time, because only a digest of it is stored.

    Whoever has the address sees the picture, on any site, without signing in, until it is revoked.

    Example: gridkeeper embeds release chart load-of-france --series 12

    Exit code: 0 released, 1 there is one of this name, or no such series.
    """
    from app.access.released.models import ViewKind, ViewRequest
    from app.access.released.schemas import NewReleasedViewResource
    from app.market.areas import find_place
    from app.market.series import find_item

    settings = begin()
    request = ViewRequest(
        name,
        ViewKind(kind),
        series,
        find_item(item).value if item else "",
        find_place(area).eic if area else "",
        days,
    ).checked()
    view, token = ask(settings, lambda wiring: wiring.access().released().release(request, person()))
    address = f"{settings.url or 'http://ADDRESS'}/embed/{token}{request.kind.ending}"
    if as_json:
        print_json(NewReleasedViewResource.with_address(view, address))
    else:
        typer.echo(address)
        say(f"{name} is released: anybody sees it who has this address, which is shown this once")
    return OK


def list_command(as_json: AsJson = False) -> int:
    """List what is released, and what was."""
    from app.access.released.schemas import ReleasedViewResource
    from app.market.time import iso

    found = [ReleasedViewResource.of(one) for one in ask(begin(), lambda wiring: wiring.access().released().views())]
    if as_json:
        print_json(found)
        return OK
    rows = [
        (
            one.name,
            one.kind.value,
            f"series {one.series_id}" if one.series_id else f"{one.item} {one.area}".strip() or "everything",
            one.hint,
            iso(one.created_at),
            one.created_by,
            "revoked" if one.revoked_at else "released",
        )
        for one in found
    ]
    print_table(COLUMNS, rows)
    return OK


def revoke_command(name: Annotated[str, typer.Argument(help="Name of the picture; `embeds list` shows them.")]) -> int:
    """Take a picture back; caches of browsers show it for another minute at most.

    Exit code: 0 done, 1 nothing is released under this name.
    """
    view = ask(begin(), lambda wiring: wiring.access().released().revoke(name, person()))
    say(f"{view.request.name} is revoked")
    return OK
