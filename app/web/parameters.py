"""What requests name: areas, items and moments, read as on the command line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Query

from app.access.models import Caller, NotAllowed
from app.collection.models import CollectionRequest
from app.collection.selection import select
from app.errors import ConfigurationError
from app.market.areas import Place, find_place
from app.market.moments import parse_interval
from app.market.series import DataItem, find_item
from app.market.text import listed
from app.market.time import Interval
from app.schemas import FieldProblemResource, RequestBody
from app.settings import Settings
from app.web.dependencies import Asking, CurrentSettings, Now
from app.web.problem_types import ApiError, ProblemType, for_programs, wrong_field
from app.wiring.catalog import CATALOG

AreaQuery = Annotated[
    list[str],
    Query(
        alias="area",
        description="Area by code or EIC, border as `FR>DE_LU`; several with commas, or repeat it. An area stands for "
        "all its borders where an item needs one.",
        examples=[["DE_LU"]],
    ),
]
ItemQuery = Annotated[
    list[str],
    Query(alias="item", description="Data item; several with commas, or repeat it.", examples=[["load_actual"]]),
]
FromQuery = Annotated[
    str,
    Query(
        alias="from",
        description="First moment: a date (midnight of the area), an instant, `-7d`, `-12h`, `today`.",
        examples=["2024-01-01"],
    ),
]
ToQuery = Annotated[
    str | None,
    Query(alias="to", description="First moment after; without it, the end of today in the area.", examples=["-1d"]),
]


_OFFSET_AFTER_SPACE = re.compile(r"T[0-9:.]+ [0-9]{2}:?[0-9]{2}'")
_FIELDED = re.compile(r"([a-z_]+)((?:\.[\w-]+)*): (.+)", re.DOTALL)
_LOST_PLUS = "; in a URL + is a space: write it as %2B, or the instant with Z"


@contextmanager
def named(
    field: str, kind: ProblemType = ProblemType.INVALID_REQUEST, *, location: str = "query", also: Sequence[str] = ()
) -> Iterator[None]:
    """What is wrong within is wrong with this parameter, or with the one of `also` with which the message begins."""
    try:
        yield
    except (ConfigurationError, ValueError) as error:
        detail = for_programs(str(error)) + (_LOST_PLUS if _OFFSET_AFTER_SPACE.search(str(error)) else "")
        found = next((name for name in also if detail.startswith(f"{name} ")), field)
        raise wrong_field(kind, found, detail, location=location) from None


@contextmanager
def in_body(model: type[RequestBody]) -> Iterator[None]:
    """What is wrong within is wrong with the field of the body whose name the message begins with, as `cron: …`."""
    try:
        yield
    except ConfigurationError as error:
        found = _FIELDED.fullmatch(str(error))
        if found is None or found[1] not in model.model_fields:
            raise
        raise wrong_field(
            ProblemType.INVALID_REQUEST, found[1] + found[2], for_programs(found[3]), location="body"
        ) from None


def named_places(texts: Sequence[str], *, field: str = "area", location: str = "query") -> list[Place]:
    """The areas and borders of these names, each once."""
    with named(field, ProblemType.UNKNOWN_NAME, location=location):
        found = [find_place(part) for part in name_parts(texts, field)]
    return list({place.eic: place for place in found}.values())


def named_items(texts: Sequence[str], *, field: str = "item", location: str = "query") -> list[DataItem]:
    with named(field, ProblemType.UNKNOWN_NAME, location=location):
        return list(dict.fromkeys(find_item(part) for part in name_parts(texts, field)))


def name_parts(texts: Sequence[str], field: str) -> list[str]:
    """The parameter given several times, each with one or several parts."""
    with named(field):
        parts = [part for text in texts for part in listed(text)]
    if texts and not parts:
        # An unset variable of a script must not ask for everything.
        raise wrong_field(ProblemType.INVALID_REQUEST, field, "it names nothing; name one, or leave the parameter out")
    return parts


def named_range(start: str, end: str | None, zone: ZoneInfo, now: datetime, *, location: str = "query") -> Interval:
    """The range between the two moments `from` and `to`."""
    with named("from", location=location, also=("to",)):
        return parse_interval(start, end, zone, now, names=("from", "to"))


def named_interval(
    start: str, end: str | None, place: Place, now: datetime, *, most: timedelta, location: str = "query"
) -> Interval:
    """The range between two moments for a place, no longer than one request may name."""
    interval = named_range(start, end, place.zone, now, location=location)
    if interval.duration > most:
        raise wrong_field(
            ProblemType.LIMIT_EXCEEDED,
            "from",
            f"the range is longer than {most.days} days (GRIDKEEPER_API__RANGE_DAYS); ask for less at a time",
            location=location,
        )
    return interval


@dataclass(frozen=True, slots=True)
class SelectedRequests:
    """What is asked for of which item and place, and which combinations the source does not have."""

    requests: tuple[CollectionRequest, ...]
    skipped: tuple[str, ...]


def selection(
    settings: Settings,
    caller: Caller,
    now: datetime,
    *,
    area: Sequence[str],
    item: Sequence[str],
    start: str,
    end: str | None,
    location: str = "query",
) -> SelectedRequests:
    """Without areas or items those of the settings; of a key that is limited, what is for it.

    What is named and not for the key is refused by name: an answer without it would look as if it had nothing.
    """
    own = caller.rights if caller.limited else None
    areas = name_parts(area, "area") or list(own.areas if own and own.areas else settings.collection.areas)
    items = name_parts(item, "item") or list(own.items if own and own.items else settings.collection.items)
    check_named(
        named_places(areas, location=location) if area else [],
        named_items(items, location=location) if item else [],
        caller,
        location=location,
    )
    limits = settings.api
    most = timedelta(days=limits.range_days)
    with named("area" if area else "item", location=location):
        found = select(
            areas,
            items,
            lambda place: named_interval(start, end, place, now, most=most, location=location),
            CATALOG.places,
        )
    if len(found.requests) > limits.places:
        raise wrong_field(
            ProblemType.LIMIT_EXCEEDED,
            "area",
            f"these are {len(found.requests)} combinations of item and place, and one request may name {limits.places} "
            "(GRIDKEEPER_API__PLACES)",
            location=location,
        )
    return SelectedRequests(allowed(found.requests, caller), found.skipped)


async def _selected(
    *,
    settings: CurrentSettings,
    caller: Asking,
    now: Now,
    area: AreaQuery = [],  # noqa: B006  FastAPI copies it
    item: ItemQuery = [],  # noqa: B006
    start: FromQuery = "-7d",
    end: ToQuery = None,
) -> SelectedRequests:
    return selection(settings, caller, now, area=area, item=item, start=start, end=end)


def check_named(places: Sequence[Place], items: Sequence[DataItem], caller: Caller, *, location: str = "query") -> None:
    """ApiError that names what a limited key is not for."""
    key = caller.rights
    if key is None:
        return
    wrong = {
        "area": [place.code for place in places if key.areas and not _any_of(place, key.areas)],
        "item": [item.value for item in items if key.items and item.value not in key.items],
    }
    errors = [
        FieldProblemResource(location=location, field=field, detail=f"the key is not for {', '.join(names)}")
        for field, names in wrong.items()
        if names
    ]
    if errors:
        said = ", ".join(name for names in wrong.values() for name in names)
        raise ApiError(
            ProblemType.NOT_ALLOWED,
            f"{caller.title} is not for {said}; GET /api/v1/keys/me says for what it is, and without `area` and "
            "`item` the answer is about that",
            errors=errors,
        )


def _any_of(place: Place, permitted: Sequence[str]) -> bool:
    """Whether the place is among them, or stands for a border that is."""
    return any(place.eic in (eic, *eic.split(">")) for eic in permitted)


def allowed(requests: Sequence[CollectionRequest], caller: Caller) -> tuple[CollectionRequest, ...]:
    """Those that the caller may read; NotAllowed where that is none."""
    found = tuple(one for one in requests if caller.may_read(one.item, one.place.eic))
    if requests and not found:
        raise NotAllowed(f"{caller.title} is for other areas or items; GET /api/v1/keys/me says for which")
    return found


def narrowed(areas: Sequence[str], items: Sequence[str], caller: Caller) -> tuple[list[str] | None, list[str] | None]:
    """The EICs and items that are named, of a limited key those that are for it; None means any."""
    places, wanted = named_places(areas), named_items(items)
    found = narrowed_to_key(
        [item.value for item in wanted] if items else None,
        [place.eic for place in places] if areas else None,
        places,
        wanted,
        caller,
    )
    return found[1], found[0]


def narrowed_to_key(
    items: Collection[str] | None,
    areas: Collection[str] | None,
    places: Sequence[Place],
    named_ones: Sequence[DataItem],
    caller: Caller,
) -> tuple[list[str] | None, list[str] | None]:
    """Of items and EICs those that the key is for; what is named and not for it is refused."""
    check_named(places, named_ones, caller)
    key = caller.rights
    return _common(items, key.items if key else ()), _common(areas, key.areas if key else ())


def _common(named_ones: Collection[str] | None, permitted: Sequence[str]) -> list[str] | None:
    if not permitted:
        return None if named_ones is None else list(named_ones)
    return list(permitted) if named_ones is None else [one for one in named_ones if one in permitted]


Selected = Annotated[SelectedRequests, Depends(_selected)]
"""The parameters `area`, `item`, `from` and `to`."""
