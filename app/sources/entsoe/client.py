"""Asks the platform: parameters, period and pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
from pydantic import SecretStr

from app.entsoe.items import ItemSpec
from app.errors import ConfigurationError, NoMatchingData, RequestTooLarge
from app.market.areas import Place
from app.market.time import Interval
from app.net.transports import METER
from app.settings import EntsoeSettings
from app.sources.entsoe.responses import ACCESS_REMEDY
from app.sources.source import FetchStatistics

TOKEN_HEADER = "SECURITY_TOKEN"  # noqa: S105  the name, not the value
MOST_PAGES = 100
MOST_BYTES = 64 * 1024 * 1024
"""Of all pages of an answer, which are held together; a page of 100 TimeSeries has a megabyte."""
_TIME_SERIES = re.compile(rb"<(?:[\w.-]+:)?TimeSeries[\s>]")


@dataclass(frozen=True, slots=True)
class Pages:
    """The whole answer to one query; no bodies means that no data match."""

    bodies: tuple[bytes, ...]


def secret_headers(settings: EntsoeSettings) -> dict[str, SecretStr]:
    """The token as it goes over the wire, and only there; ConfigurationError with the remedy where none is set."""
    if settings.token is None:
        raise ConfigurationError(f"no token is set: {ACCESS_REMEDY}")
    return {TOKEN_HEADER: settings.token}


def query_parameters(spec: ItemSpec, place: Place, window: Interval) -> dict[str, str]:
    """The parameters of a request; a window that cuts a minute is widened to whole minutes."""
    end = window.end + timedelta(minutes=1) - timedelta(microseconds=1)
    return spec.request_parameters(place) | {"periodStart": _minute(window.start), "periodEnd": _minute(end)}


def _minute(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y%m%d%H%M")


class EntsoeClient:
    """Queries of the platform's endpoint over a client from `app.net.client.build_client`."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = url

    async def query(self, spec: ItemSpec, place: Place, window: Interval, statistics: FetchStatistics) -> Pages:
        """Every page of the answer; raises the SourceError that the judge found."""
        parameters = query_parameters(spec, place, window)
        statistics.question = None
        if spec.pages and spec.max_series:
            return await self._paged(parameters, spec.max_series, statistics)
        body = await self._get(parameters, statistics)
        return Pages(() if body is None else (body,))

    async def _paged(self, parameters: Mapping[str, str], size: int, statistics: FetchStatistics) -> Pages:
        """Pages end with a short one or with "no matching data"; the documented last offset is not the last one."""
        bodies: list[bytes] = []
        for number in range(MOST_PAGES):
            offset = {"offset": str(number * size)} if number else {}
            body = await self._get({**parameters, **offset}, statistics)
            if body is None:
                return Pages(tuple(bodies))
            if bodies and _same_series(body, bodies[-1]):
                raise RequestTooLarge(
                    f"the answer is cut: offset {number * size} brought the page before once more; ask for a shorter period"
                )
            bodies.append(body)
            if sum(map(len, bodies)) > MOST_BYTES:
                raise RequestTooLarge(f"the pages of the answer exceed {MOST_BYTES:,} bytes: ask for a shorter period")
            if sum(1 for _ in _TIME_SERIES.finditer(body)) < size:
                return Pages(tuple(bodies))
        raise RequestTooLarge(
            f"the answer has more than {MOST_PAGES} pages of {size} TimeSeries: ask for a shorter period"
        )

    async def _get(self, parameters: Mapping[str, str], statistics: FetchStatistics) -> bytes | None:
        """One page; None where no data match.

        All pages count as asked when the first one was: what is older is believed less, never more.
        """
        first, statistics.question = statistics.question, None
        try:
            response = await self._http.get(self._url, params=parameters, extensions={METER: statistics})
            body = response.content
        except NoMatchingData:
            body = None
        if first is not None:
            statistics.question = first
        return body


def _same_series(body: bytes, before: bytes) -> bool:
    """Whether two answers differ at most in their heads, which carry a random mRID and the time of the answer."""
    return _series_part(body) == _series_part(before)


def _series_part(body: bytes) -> memoryview:
    first = _TIME_SERIES.search(body)
    return memoryview(body)[first.start() if first else 0 :]
