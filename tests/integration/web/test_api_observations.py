"""Values over the REST API: equal to what the command line exports, in every format, for readers of every kind."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from pyarrow import parquet

from app.access.models import AccessScope
from app.cli.data.export import AggregationOption, ExportFormat, export_command
from app.settings import Origin
from app.web.problem_types import ProblemType
from tests.support.api_factory import ServedApi, served_api
from tests.support.store_factory import DE_LU, FR, block, key

PATH = "/observations"
TWO_DAYS = {"area": "DE_LU", "item": "load_actual", "from": "2024-01-01", "to": "2024-01-03"}
HOLE = range(10, 14)


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    """Two days of load of two areas from 2024-01-01T00:00Z on: of DE_LU hours 10 to 13 are missing."""
    async with served_api(database_url, sandbox=False) as served:
        store = served.container.storage().time_series()
        await store.store([block({hour: 100.5 + hour for hour in range(48) if hour not in HOLE})])
        await store.store([block([50.0] * 48, key(area=FR))])
        yield served


async def exported(api: ServedApi, folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> bytes:
    """What the command line exports of the same database."""
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", api.container.database().address.dsn)
    written = folder / "exported"
    form = options.pop("output_format", ExportFormat.CSV)
    command = partial(
        export_command, ["DE_LU", "FR"], ["load_actual"], "2024-01-01", "2024-01-03",
        output_format=form, output=written, **options,
    )  # fmt: skip
    assert await asyncio.to_thread(command) == 0
    return written.read_bytes()


BOTH = TWO_DAYS | {"area": "DE_LU,FR"}


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({}, {}),
        ({"wide": True, "tz": "Europe/Berlin"}, {"shape": "wide", "tz": "Europe/Berlin"}),
        (
            {"resolution": "P1D", "aggregate": AggregationOption.SUM},
            {"resolution": "P1D", "aggregate": "sum"},
        ),
    ],
)
async def test_values_as_csv_are_byte_for_byte_what_the_command_line_exports(
    api: ServedApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    parameters: dict[str, str],
) -> None:
    async with api.client() as client:
        answer = await client.get(PATH, params=BOTH | {"format": "csv"} | parameters)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content == await exported(api, tmp_path, monkeypatch, **options)


async def test_parquet_is_byte_for_byte_what_the_command_line_exports(
    api: ServedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with api.client() as client:
        answer = await client.get(PATH, params=BOTH, headers={"Accept": "application/vnd.apache.parquet"})
    assert answer.content == await exported(api, tmp_path, monkeypatch, output_format=ExportFormat.PARQUET)


async def test_every_format_holds_the_same_rows(api: ServedApi) -> None:
    async with api.client() as client:
        answers = {
            form: await client.get(PATH, params=BOTH | {"format": form})
            for form in ("json", "ndjson", "parquet", "arrow")
        }
    rows = answers["json"].json()["data"]
    # The day of the market ends an hour before that of UTC.
    assert len(rows) == 47 + 47 - len(HOLE)
    assert rows[0] | {"recorded_at": ""} == {
        "delivery_start": "2024-01-01T00:00:00Z", "resolution": "PT60M", "value": 100.5, "filled": False,
        "item": "load_actual", "area": "DE_LU", "in_area": "", "out_area": "", "direction": "", "psr_type": "",
        "business_type": "", "contract": "", "sequence": "", "flow_direction": "", "category": "", "unit_eic": "",
        "unit": "", "currency": "", "recorded_at": "",
    }  # fmt: skip
    assert [httpx.Response(200, content=line).json() for line in answers["ndjson"].text.splitlines()] == rows
    for table in (
        parquet.read_table(io.BytesIO(answers["parquet"].content)),
        pa.ipc.open_stream(answers["arrow"].content).read_all(),
    ):
        assert table["value"].to_pylist() == [row["value"] for row in rows]
        assert table["area"].to_pylist() == [row["area"] for row in rows]
        assert str(table.schema.field("delivery_start").type) == "timestamp[us, tz=UTC]"


async def test_an_hour_with_a_hole_has_a_value_only_where_enough_of_it_is_asked_to_be_enough(api: ServedApi) -> None:
    days = TWO_DAYS | {"resolution": "P1D", "tz": "UTC"}
    async with api.client() as client:
        whole = (await client.get(PATH, params=days)).json()["data"]
        half = (await client.get(PATH, params=days | {"min_coverage": 0.5})).json()["data"]
    holed = next(index for index, row in enumerate(whole) if row["coverage"] < 1 and row["value"] is None)
    assert half[holed]["value"] is not None
    assert half[holed]["coverage"] == whole[holed]["coverage"]


async def test_what_was_known_then_is_told_with_the_instant_that_was_read(api: ServedApi) -> None:
    async with api.client() as client:
        before = await client.get(PATH, params=TWO_DAYS | {"as_of": "2024-01-01T00:00:00Z"})
        now = await client.get(PATH, params=TWO_DAYS | {"as_of": "2999-01-01T00:00:00Z"})
    assert before.json() == {"as_of": "2024-01-01T00:00:00.000000Z", "data": []}
    assert before.headers["gridkeeper-as-of"] == "2024-01-01T00:00:00.000000Z"
    assert len(now.json()["data"]) == 43
    assert now.json()["as_of"] == now.headers["gridkeeper-as-of"] < "2999"


async def test_rows_of_a_wide_answer_have_a_member_for_each_series(api: ServedApi) -> None:
    async with api.client() as client:
        rows = (await client.get(PATH, params=BOTH | {"shape": "wide"})).json()["data"]
        lines = (await client.get(PATH, params=BOTH | {"shape": "wide", "format": "ndjson"})).text.splitlines()
        arrow = (await client.get(PATH, params=BOTH | {"shape": "wide", "format": "arrow"})).content
    assert len(rows) == len(lines) == 47
    names = [name for name in rows[0] if name != "delivery_start"]
    assert len(names) == 2
    assert sum(row[name] is None for row in rows for name in names) == len(HOLE)
    assert pa.ipc.open_stream(arrow).read_all().column_names == ["delivery_start", *names]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/*", "text/csv; charset=utf-8"),
        ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("application/json;q=0, text/csv", "text/csv; charset=utf-8"),
        ("text/html, */*;q=0.1", "application/json"),
    ],
)
async def test_without_a_format_the_most_wanted_type_is_written(api: ServedApi, accept: str, kind: str) -> None:
    async with api.client() as client:
        answer = await client.get(PATH, params=TWO_DAYS, headers={"Accept": accept})
    assert answer.headers["content-type"] == kind


@pytest.mark.parametrize(
    ("parameters", "headers", "kind", "field"),
    [
        ({"format": "xlsx"}, {}, ProblemType.INVALID_REQUEST, "format"),
        ({}, {"Accept": "text/html;q=x, image/png"}, ProblemType.NOT_ACCEPTABLE, ""),
        ({"area": ""}, {}, ProblemType.INVALID_REQUEST, "area"),
        ({"item": ","}, {}, ProblemType.INVALID_REQUEST, "item"),
        ({"tz": "Mars"}, {}, ProblemType.INVALID_REQUEST, "tz"),
        ({"as_of": "then"}, {}, ProblemType.INVALID_REQUEST, "as_of"),
        ({"resolution": "an hour"}, {}, ProblemType.INVALID_REQUEST, "resolution"),
        ({"resolution": "PT5M"}, {}, ProblemType.INVALID_REQUEST, "resolution"),
        ({"aggregate": "sum"}, {}, ProblemType.INVALID_REQUEST, "aggregate"),
        ({"min_coverage": "0.5"}, {}, ProblemType.INVALID_REQUEST, "min_coverage"),
        ({"resolution": "P1D", "min_coverage": "2"}, {}, ProblemType.INVALID_REQUEST, "min_coverage"),
        ({"resolution": "P1D", "min_coverage": "nan"}, {}, ProblemType.INVALID_REQUEST, "min_coverage"),
        ({"continuous": "perhaps"}, {}, ProblemType.INVALID_REQUEST, "continuous"),
        ({"assume_published": "true"}, {}, ProblemType.INVALID_REQUEST, "assume_published"),
        ({"area": "DE_TENNET", "item": "price_day_ahead"}, {}, ProblemType.INVALID_REQUEST, "area"),
    ],
)
async def test_what_is_wrong_is_named(
    api: ServedApi, parameters: dict[str, str], headers: dict[str, str], kind: ProblemType, field: str
) -> None:
    async with api.client() as client:
        answer = await client.get(PATH, params=TWO_DAYS | parameters, headers=headers)
    content: dict[str, Any] = answer.json()
    assert content["type"] == kind.uri, content
    assert [error["field"] for error in content["errors"]] == ([field] if field else [])
    assert "--" not in content["detail"]
    if field == "continuous":
        assert "write true or false" in content["detail"]


async def test_a_limited_key_gets_what_is_for_it(api: ServedApi) -> None:
    token = await api.key(AccessScope.READ, areas=(FR,))
    async with api.client(token) as client:
        rows = (await client.get(PATH, params={**BOTH, "area": "FR"})).json()["data"]
        refused = await client.get(PATH, params=BOTH)
    assert {row["area"] for row in rows} == {"FR"}
    assert refused.json()["type"] == ProblemType.NOT_ALLOWED.uri
    assert "is not for DE_LU;" in refused.json()["detail"]


async def test_a_limited_key_gets_no_history_of_a_zone_that_is_not_for_it(api: ServedApi) -> None:
    token = await api.key(AccessScope.READ, areas=(DE_LU,))
    asked = {"area": "DE_LU", "item": "price_day_ahead", "from": "2018-09-01", "to": "2018-11-01"}
    async with api.client(token) as client:
        assert (await client.get(PATH, params=asked)).status_code == 200
        refused = await client.get(PATH, params=asked | {"continuous": "true"})
    assert (refused.status_code, "DE_AT_LU" in refused.json()["detail"]) == (403, True)


async def test_synthetic_values_say_so(database_url: str) -> None:
    async with served_api(database_url) as served:
        await served.container.storage().time_series().store([block([1.0])])
        assert served.container.settings().origin is Origin.SANDBOX
        async with served.client() as client:
            answer = await client.get(PATH, params=TWO_DAYS)
            csv = await client.get(PATH, params=TWO_DAYS | {"format": "csv"})
    assert answer.headers["gridkeeper-origin"] == "SYNTHETIC"
    assert {row["origin"] for row in answer.json()["data"]} == {"SYNTHETIC"}
    assert csv.text.splitlines()[1].endswith(",SYNTHETIC")
