"""The client of clients/python against the served API, and against a database without a server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import gridkeeper_client as gk
from app.access.models import AccessScope
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import claim_origin, migrate
from app.settings import DatabaseSettings, Origin
from app.timeseries.repository import TimeSeriesRepository
from gridkeeper_client import frames
from tests.conftest import THROW_AWAY, wait_until_stopped
from tests.support.api_factory import ServedApi, served_api
from tests.support.store_factory import FR, LEARNED, T0, block, hour, key

pd = pytest.importorskip("pandas", reason="pandas is not installed")
pl = pytest.importorskip("polars", reason="polars is not installed")

LOAD = ("load_actual", "DE_LU", "2024-01-01", "2024-01-03")
in_thread = asyncio.to_thread


def values(client: gk.Gridkeeper, *asked: Any, **options: Any) -> Any:
    return client.observations(*asked, **options)


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    """Two days of load of two areas, of which the first value of DE_LU was corrected."""
    async with served_api(database_url, sandbox=False) as served:
        store = served.container.storage().time_series()
        await store.store([block([100.0 + number for number in range(48)], key(unit="MAW"))], learned_at=LEARNED)
        await store.store([block([50.0] * 48, key(area=FR, unit="MAW"))], learned_at=LEARNED)
        await store.store([block({0: 1.5}, key(unit="MAW"))], learned_at=datetime(2024, 3, 1, tzinfo=UTC))
        yield served


async def test_values_come_as_frames_with_an_index_that_knows_its_zone(
    api: ServedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = gk.Gridkeeper(api.url)
    frame = await in_thread(values, client, *LOAD)
    assert (frame.index.name, str(frame.index.tz), len(frame)) == ("delivery_start", "UTC", 47)
    assert frame["value"].iloc[0] == 1.5
    assert frame["item"].unique().tolist() == ["load_actual"]
    assert str(frame["recorded_at"].dtype) == "datetime64[us, UTC]"

    # As of an instant, in a zone, without Arrow: the same frame by another way.
    asked: dict[str, Any] = {"as_of": "2024-02-15T00:00:00Z", "tz": "Europe/Berlin"}
    known = await in_thread(values, client, *LOAD, **asked)
    assert (known["value"].iloc[0], str(known.index.tz)) == (100.0, "Europe/Berlin")
    assert known.index[0] == pd.Timestamp("2024-01-01T01:00", tz="Europe/Berlin")
    assert known.attrs == {"as_of": "2024-02-15T00:00:00.000000Z"}
    with monkeypatch.context() as patch:
        patch.setattr(frames, "installed", lambda package: package == "pandas")
        plain = await in_thread(values, client, *LOAD, **asked)
        few = await in_thread(values, client, *LOAD, fields="value,filled")
        wide = await in_thread(values, client, "load_actual", ["DE_LU", "FR"], "2024-01-01", "2024-01-03", shape="wide")
    assert plain.attrs == known.attrs
    assert (few.columns.tolist(), few["filled"].dtype) == (["value", "filled"], bool)
    narrow = await in_thread(values, client, *LOAD, fields=["value"], frame="arrow")
    assert narrow.column_names == ["delivery_start", "value"]
    assert plain.dtypes.to_dict() == known.dtypes.to_dict()
    pd.testing.assert_frame_equal(plain, known)
    assert wide.columns.tolist() == ["load_actual DE_LU", "load_actual FR"]
    assert wide.to_numpy()[0].tolist() == [1.5, 50.0]
    assert str(wide.index.tz) == "UTC"


async def test_values_come_in_every_kind_of_frame(api: ServedApi) -> None:
    client = gk.Gridkeeper(api.url)
    table = await in_thread(values, client, *LOAD, frame="arrow", as_of=LEARNED)
    assert isinstance(table, pa.Table)
    assert table.schema.metadata[b"as_of"] == b"2024-02-01T12:00:00.000000Z"
    polars = await in_thread(values, client, *LOAD, frame="polars", tz="Europe/Berlin")
    assert polars.schema["delivery_start"] == pl.Datetime("us", "Europe/Berlin")
    rows = await in_thread(values, client, *LOAD, frame="rows", tz="Europe/Berlin")
    assert rows[0]["delivery_start"] == hour(0)
    assert rows[0]["delivery_start"].utcoffset().total_seconds() == 3600
    told = [row["value"] for row in rows]
    assert polars["value"].to_list() == told
    assert [row["value"] for row in table.to_pylist()] == [100.0 + number for number in range(48)][: len(table)]
    hourly = await in_thread(
        values, client, "load_actual", ["DE_LU", "FR"], T0, hour(24), resolution="P1D", aggregate="sum", frame="rows",
        min_coverage=0.5,
    )  # fmt: skip
    assert [row["resolution"] for row in hourly] == ["P1D"] * len(hourly)


async def test_errors_are_those_of_the_service(api: ServedApi) -> None:
    client = gk.Gridkeeper(api.url, frame="rows")
    with pytest.raises(gk.UnknownName, match="FRX") as caught:
        await in_thread(values, client, "load_actual", "FRX", "2024-01-01")
    assert caught.value.errors[0].field == "area"
    assert caught.value.type == "/api/v1/problems/unknown-name"
    with pytest.raises(gk.NotAuthenticated):
        await in_thread(gk.Gridkeeper(api.url, key="gk_wrong").areas)
    with pytest.raises(gk.ServiceNotReached, match="see that `gridkeeper serve` runs there"):
        await in_thread(gk.Gridkeeper("http://127.0.0.1:1", attempts=1).areas)


async def test_lists_are_read_whole_and_changes_are_made(api: ServedApi) -> None:
    client = gk.Gridkeeper(api.url, key=await api.key(AccessScope.OPERATE))
    areas, borders, items = [await in_thread(call) for call in (client.areas, client.borders, client.items)]
    assert {"DE_LU", "FR"} <= {row["code"] for row in areas}
    assert len(borders) > 100
    assert "price_day_ahead" in {row["item"] for row in items}
    [series] = await in_thread(client.series, "load_actual", "FR")
    assert (series["unit"], series["latest"]["value"]) == ("MAW", 50.0)
    [newest] = await in_thread(client.latest, "load_actual", "FR")
    assert (newest["series_id"], newest["value"]) == (series["id"], 50.0)
    [other] = await in_thread(client.series, "load_actual", "DE_LU")
    beliefs = await in_thread(client.revisions, other["id"], T0, hour(1))
    assert [belief["value"] for belief in beliefs] == [100.0, 1.5]
    [gap] = await in_thread(client.gaps, "load_actual", "FR", "2024-01-01", "2024-01-02")
    assert (gap["from"], gap["to"]) == ("2023-12-31T23:00:00Z", "2024-01-01T00:00:00Z")
    paused = await in_thread(client.post, "/silences", {"matchers": ["area=FR"], "comment": "x", "for": "2h"})
    assert paused["id"]
    await in_thread(client.delete, f"/silences/{paused['id']}")
    assert (await in_thread(client.get, "/keys/me"))["scope"] == "operate"


async def test_changes_are_followed_behind_a_cursor(api: ServedApi) -> None:
    with gk.Gridkeeper(api.url) as client:
        seen = [change for batch in await in_thread(lambda: list(client.changes(limit=10, wait=0))) for change in batch]
        assert [change.kind for change in seen].count("new") == 96
        revised = seen[-1]
        assert (revised.kind, revised.area, revised.delivery_start) == ("revised", "DE_LU", T0)
        assert (revised.value, revised.previous, revised.resolution) == (1.5, 100.0, "PT60M")

        def next_batch(feed: Iterator[gk.ChangeBatch]) -> gk.ChangeBatch:
            return next(feed)

        feed = client.changes("now", area="FR", item="load_actual")
        now = await in_thread(next_batch, feed)
        assert (len(now), bool(now.cursor)) == (0, True)
        waiting = asyncio.create_task(in_thread(next_batch, feed))
        await api.container.storage().time_series().store([block({5: 3.0}, key(area=FR, unit="MAW"))])
        [change] = await waiting
        assert (change.kind, change.value, change.previous) == ("revised", 3.0, 50.0)
        again = await in_thread(next_batch, client.changes(now.cursor, area="FR", item="load_actual", wait=0))
        assert list(again) == [change]
        assert again.series[change.series]["unit"] == "MAW"


@pytest.fixture
async def data_dir(make_folder: Callable[[], Path]) -> Path:
    """The data directory of a service that has stopped: a day of synthetic load."""
    folder = make_folder()
    server = await in_thread(start_embedded, folder, tuning=THROW_AWAY)
    database = Database(DatabaseSettings(), server.url)
    await migrate(database)
    async with database.transaction() as connection:
        await claim_origin(connection, Origin.SANDBOX)
    await TimeSeriesRepository(database).store([block([7.0] * 24, key(area=FR))])
    await database.close()
    server.release()
    await in_thread(wait_until_stopped, server)
    return folder


async def test_a_data_directory_is_read_without_a_server(
    data_dir: Path, make_folder: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", "postgresql://elsewhere/x")
    monkeypatch.setenv("GRIDKEEPER_CLIENT__KEY", "gk_of_another_service")

    def look() -> None:
        with gk.Gridkeeper.local(data_dir) as local:
            frame = local.observations("load_actual", "FR", "2024-01-01", "2024-01-02", as_of="now")
            assert frame["value"].tolist() == [7.0] * 23
            assert frame.attrs["origin"] == "SYNTHETIC"
            assert [row["area"] for row in local.series()] == ["FR"]
            with pytest.raises(gk.NotAuthenticated):
                local.post("/jobs/housekeeping/run")
            with pytest.raises(gk.UnknownName):
                local.observations("load_actual", "FRX", "2024-01-01")
        with pytest.raises(gk.ServiceNotReached, match="there is no database below"):
            gk.Gridkeeper.local(make_folder())

    await in_thread(look)
    server = await in_thread(start_embedded, data_dir, tuning=THROW_AWAY)
    try:
        database = Database(DatabaseSettings(), server.url, readonly=True)
        async with database.connection() as connection:
            assert await connection.fetchval("show transaction_read_only") == "on"
        await database.close()
    finally:
        server.release()
        await in_thread(wait_until_stopped, server)


def test_without_the_service_local_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "app.web.api.in_process", None)
    with pytest.raises(gk.MissingPackage, match=r"pip install '\.\[embedded\]'"):
        gk.Gridkeeper.local("/nowhere")
