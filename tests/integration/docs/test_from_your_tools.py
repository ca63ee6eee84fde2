"""docs/from-your-tools.md: what it shows runs, against a served API and an embedded server on TCP."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
import pytest
import yaml

from app.access.models import AccessScope
from app.db.embedded import start_embedded, tcp_url
from app.db.embedded.tcp import admit_logins
from app.db.migrate import migrate
from app.market.series import SeriesKey
from app.settings import variables
from tests.conftest import THROW_AWAY, wait_until_stopped
from tests.support import grafana
from tests.support.api_factory import ServedApi, served_api
from tests.support.store_factory import FR, block, key
from tests.support.web_factory import free_port

pytestmark = pytest.mark.xdist_group("from your tools")  # one server for all of them

ROOT = Path(__file__).parents[3]
DOCUMENTS = {
    "tools": (ROOT / "docs" / "from-your-tools.md").read_text(encoding="utf-8"),
    "client": (ROOT / "clients" / "python" / "README.md").read_text(encoding="utf-8"),
}
API, SQL = "http://127.0.0.1:8080", "127.0.0.1:5433"
NOT_RUN = {"r", "powerquery", "yaml"}
"""No interpreter for them is here: tests below do what the tool does with the same addresses, columns and statements."""
NEEDS_MORE = "needs an extension"
"""What a block says in its first line that needs what this machine may not load; the statement in it runs elsewhere."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Snippet:
    """A block of code of a document."""

    section: str
    language: str
    text: str


def snippets(document: str) -> Iterator[Snippet]:
    for section in re.split(r"^## ", DOCUMENTS[document], flags=re.MULTILINE):
        name = section.partition("\n")[0].strip()
        for language, text in re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
            yield Snippet(name, language, text)


def only(section: str, language: str) -> str:
    [found] = [one.text for one in snippets("tools") if one.section == section and one.language == language]
    return found


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where what the document names is in this test."""

    api: ServedApi
    key: str
    reader_url: str
    environment: Mapping[str, str]

    def here(self, text: str) -> str:
        host = self.reader_url.rpartition("@")[2].partition("/")[0]
        return text.replace(API, self.api.url).replace(SQL, host).replace("gk_…", self.key)


def stocked(api: ServedApi) -> Any:
    """A week of hourly load of two areas and of prices, from 2024-01-01T00:00Z on."""
    hours = [100.0 + number % 24 for number in range(200)]
    price = SeriesKey("entsoe", "price_day_ahead", "10Y1001A1001A82H", currency="EUR", unit="MWH", sequence="1")
    blocks = [block(hours, key(unit="MAW")), block(hours, key(area=FR, unit="MAW")), block(hours, price)]
    return api.container.storage().time_series().store(blocks)


@contextmanager
def looping() -> Iterator[Callable[[Any], Any]]:
    """Runs coroutines on a loop in a thread, for as long as blocking programs ask what they serve."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def around(make_folder: Callable[[], Path]) -> Iterator[Surroundings]:
    folder, stack = make_folder(), AsyncExitStack()
    server = start_embedded(folder, tuning=THROW_AWAY, port=free_port())
    with ExitStack() as undo, looping() as run:
        undo.callback(wait_until_stopped, server)
        undo.callback(server.release)
        run(migrate(server.url))
        api = run(stack.enter_async_context(served_api(server.url, api={"open_reading": True})))
        try:
            run(_admitted(api, folder))
            run(stocked(api))
            token = run(api.key(AccessScope.READ))
            reader = tcp_url(folder, "gridkeeper_reader")
            assert reader
            kept = {name: value for name, value in os.environ.items() if name not in variables()}
            own = {
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "GRIDKEEPER_DATA_DIR": str(folder),
                "GRIDKEEPER_DATABASE__PORT": str(server.port),
            }
            yield Surroundings(api, token, reader, kept | own)
        finally:
            run(stack.aclose())


async def _admitted(api: ServedApi, folder: Path) -> None:
    async with api.container.database().connection() as connection:
        await admit_logins(connection, folder)


def test_every_snippet_is_run_or_said_to_be_not_run() -> None:
    assert {one.language for one in snippets("tools")} == {"sh", "python", "sql", "text"} | NOT_RUN
    needing = [one for one in snippets("tools") if NEEDS_MORE in one.text.partition("\n")[0]]
    assert {one.section for one in needing} == {"DuckDB"}
    assert len(needing) == 2


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_runs(document: str, around: Surroundings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for library in ("pandas", "polars", "duckdb"):
        pytest.importorskip(library, reason=f"{library} is not installed")
    monkeypatch.chdir(tmp_path)
    for name, value in around.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GRIDKEEPER_CLIENT__KEY", around.key)
    monkeypatch.setenv("READER_URL", around.reader_url)
    (tmp_path / ".gridkeeper").symlink_to(around.environment["GRIDKEEPER_DATA_DIR"])
    names: dict[str, Any] = {}
    section = ""
    for one in snippets(document):
        if one.language != "python":
            continue
        # A notebook for each tool; the page of the client is one.
        if document == "tools" and one.section != section:
            names = {}
        section = one.section
        with redirect_stdout(io.StringIO()):
            exec(compile(around.here(one.text), f"{document}, {section}", "exec"), names)


def test_shell_runs(around: Surroundings, tmp_path: Path) -> None:
    for one in snippets("tools"):
        if one.language == "sh":
            command = ["bash", "-euo", "pipefail", "-c", around.here(one.text)]
            done = subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                cwd=tmp_path,
                env={**around.environment},
                timeout=120,
            )
            assert done.returncode == 0, (one.section, done.stderr)
    with (tmp_path / "load.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["area"] for row in rows} == {"DE_LU", "FR"}
    assert (tmp_path / "load.parquet").read_bytes()[:4] == b"PAR1"
    assert (tmp_path / "known.ndjson").read_bytes() == b"", "nothing was known at that day"


def test_sql_runs(around: Surroundings) -> None:
    """Each statement as the reader; those for DuckDB without what only DuckDB knows."""
    view = grafana.View(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 8, tzinfo=UTC), "1h", {})
    counts = {}
    with psycopg.connect(around.reader_url) as connection:
        for one in snippets("tools"):
            if one.language != "sql" or "httpfs" in one.text:
                continue
            statement = one.text.rpartition("attach")[2].partition("\n")[2] if NEEDS_MORE in one.text else one.text
            text = grafana.expand(statement.replace("gk.", ""), view)
            counts[one.section] = len(connection.execute(text.encode()).fetchall())
    assert counts["DuckDB"] == 1
    assert counts["psql"] == 9
    assert counts["Grafana"] > 100


# What the tools do that are not here


def columns_of(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    reader = csv.DictReader(io.StringIO(answer.text))
    assert len(list(reader)) > 100
    return list(reader.fieldnames or ())


def test_what_r_and_duckdb_ask_over_http_has_an_answer(around: Surroundings) -> None:
    """R reads CSV; DuckDB asks for the length of a Parquet file, then for its end and for the columns that it needs."""
    r, duckdb = only("R", "r"), next(one.text for one in snippets("tools") if "httpfs" in one.text)
    url = "".join(re.findall(r'"([^"]+)"', r.partition("load <-")[0]))
    assert url == f"{API}/api/v1/observations?item=load_actual&area=FR&from=2024-01-01&to=2024-01-08&format=csv"
    with httpx.Client(headers={"Authorization": f"Bearer {around.key}"}) as client:
        assert {"delivery_start", "value"} <= set(columns_of(client.get(around.here(url))))
        [file] = re.findall(r"'(http[^']+)'", duckdb)
        assert file == url.replace("csv", "parquet")
        length = int(client.head(around.here(file)).headers["content-length"])
        end = client.get(around.here(file), headers={"Range": f"bytes={length - 8}-{length - 1}"})
        assert (end.status_code, end.content[4:]) == (206, b"PAR1")


def test_what_excel_asks_has_the_columns_that_it_names(around: Surroundings) -> None:
    query = only("Excel", "powerquery")
    [url] = re.findall(r'Web.Contents\("([^"]+)"', query)
    parameters = dict(re.findall(r'(\w+) = "([^"]+)"', query.partition("Query = [")[2].partition("]")[0]))
    signed = base64.b64encode(f"any:{around.key}".encode()).decode()
    answer = httpx.get(around.here(url), params=parameters, headers={"Authorization": f"Basic {signed}"})
    named = re.findall(r'\{"([^"]+)", type', query)
    assert columns_of(answer)[: len(named)] == named


def test_the_parts_of_the_address_lead_there(around: Surroundings) -> None:
    """DBeaver, R and Grafana take them one by one."""
    table = dict(re.findall(r"^(\w+) +(\S+)$", only("DBeaver", "text"), re.MULTILINE))
    assert re.search(
        r"^JDBC URL +jdbc:postgresql://127\.0\.0\.1:5433/gridkeeper$", only("DBeaver", "text"), re.MULTILINE
    )
    r = dict(re.findall(r'(host|port|dbname|user) = "?([\w.]+)"?', only("R", "r")))
    assert r == {"host": table["host"], "port": table["port"], "dbname": table["database"], "user": table["user"]}
    [source] = yaml.safe_load(only("Grafana", "yaml"))["datasources"]
    assert (source["url"], source["user"]) == (SQL, table["user"])
    assert source["jsonData"]["database"] == table["database"]
    password, _, port = re.findall(r":([^@:]+)@([\d.]+):(\d+)/", around.reader_url)[0]
    assert table["port"] == SQL.partition(":")[2]
    with psycopg.connect(
        host=table["host"],
        port=port,
        dbname=table["database"],
        user=table["user"],
        password=password,
        sslmode="disable",
    ) as connection:
        assert connection.execute("select count(*) > 0 from v_prices where area = 'DE_LU'").fetchone() == (True,)
