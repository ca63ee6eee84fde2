"""The command line as a person uses it: arguments in, text and exit code out, on a real database and sandbox."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from app.cli import run
from app.settings import variables
from tests.support.store_factory import opened

ROOT = Path(__file__).parents[3]
PERIOD = ["--from", "2026-01-20", "--to", "2026-01-22"]
LOAD = ["--area", "DE_LU", "--item", "load_actual", *PERIOD]


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    structlog.reset_defaults()


@contextmanager
def sandbox() -> Iterator[str]:
    """The endpoint of a sandbox in a process of its own."""
    command = [sys.executable, "-m", "app", "sandbox", "--port", "0"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        found = next(match for line in process.stdout if (match := re.search(r"http://\S+/api", line)))
        try:
            yield found[0]
        finally:
            process.terminate()
            process.communicate()


@pytest.fixture
def store(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    return database_url


def collected(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["collect", "--sandbox", "--json", *arguments]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def exported(capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str) -> list[dict[str, str]]:
    target = tmp_path / "out.csv"
    assert run(["export", *arguments, "-o", str(target)]) == 0
    capsys.readouterr()
    return list(csv.DictReader(io.StringIO(target.read_text())))


def test_what_is_collected_is_given_back(store: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (row,) = collected(capsys, *LOAD)["summary"]
    assert (row["item"], row["area"], row["received"], row["new"], row["failed"]) == (
        "load_actual",
        "DE_LU",
        192,
        192,
        0,
    )
    rows = exported(capsys, tmp_path, *LOAD)
    assert len(rows) == 192
    assert (rows[0]["delivery_start"], rows[-1]["delivery_start"]) == ("2026-01-19T23:00:00Z", "2026-01-21T22:45:00Z")
    assert {(row["area"], row["out_area"], row["resolution"], row["unit"]) for row in rows} == {
        ("DE_LU", "10Y1001A1001A82H", "PT15M", "MAW")
    }


def test_collecting_again_writes_nothing_new(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    collected(capsys, *LOAD)
    (row,) = collected(capsys, *LOAD)["summary"]
    assert (row["new"], row["revised"], row["unchanged"]) == (0, 0, 192)


def test_as_of_a_moment_before_the_collection_nothing_was_known(
    store: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from pyarrow import parquet

    collected(capsys, *LOAD)
    assert exported(capsys, tmp_path, *LOAD, "--as-of", "2026-01-23T00:00:00Z") == []
    published = exported(capsys, tmp_path, *LOAD, "--as-of", "2026-01-21T00:00:00Z", "--assume-published")
    # Published an hour after delivery: at 00:00Z the quarter hours up to 22:45Z are known.
    assert published[-1]["delivery_start"] == "2026-01-20T22:45:00Z"
    learned = exported(capsys, tmp_path, *LOAD)
    assert exported(capsys, tmp_path, *LOAD, "--as-of", learned[0]["recorded_at"]) == learned
    target = tmp_path / "out.parquet"
    assert run(["export", *LOAD, "--as-of", "2999-01-01T00:00:00Z", "--format", "parquet", "-o", str(target)]) == 0
    said = capsys.readouterr().err.splitlines()[0].split(",")[0]
    assert said == f"as_of {parquet.read_schema(target).metadata[b'as_of'].decode()}"
    assert learned[0]["recorded_at"] < said.removeprefix("as_of ") < "2999"


def test_the_csv_has_exactly_the_promised_columns(
    store: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    collected(capsys, *LOAD)
    assert list(exported(capsys, tmp_path, *LOAD)[0]) == [
        "delivery_start",
        "resolution",
        "value",
        "filled",
        "item",
        "area",
        "in_area",
        "out_area",
        "direction",
        "psr_type",
        "business_type",
        "contract",
        "sequence",
        "flow_direction",
        "category",
        "unit_eic",
        "unit",
        "currency",
        "recorded_at",
        "origin",
    ]
    assert {row["origin"] for row in exported(capsys, tmp_path, *LOAD)} == {"SYNTHETIC"}
    assert {row["origin"] for row in exported(capsys, tmp_path, *LOAD, "--wide")} == {"SYNTHETIC"}
    assert run(["export", *LOAD, "-o", str(tmp_path / "again.csv")]) == 0
    assert "SYNTHETIC data" in capsys.readouterr().err
    asyncio.run(_of_the_platform(store))
    assert "origin" not in exported(capsys, tmp_path, *LOAD)[0]


async def _of_the_platform(url: str) -> None:
    async with opened(url) as database, database.connection() as connection:
        await connection.execute("update database_origin set origin = 'platform'")


def test_parquet_holds_the_same_values(store: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from pyarrow import parquet

    collected(capsys, *LOAD)
    rows = exported(capsys, tmp_path, *LOAD)
    assert run(["export", *LOAD, "--format", "parquet", "-o", str(tmp_path / "out.parquet")]) == 0
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table.column("value").to_pylist() == [float(row["value"]) for row in rows]
    assert table.column_names == list(rows[0])
    assert table.column("area").to_pylist() == [row["area"] for row in rows]
    assert [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in table.column("delivery_start").to_pylist()] == [
        row["delivery_start"] for row in rows
    ]


def test_a_border_is_exported_by_its_own_name(store: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    border = ["--area", "FR>DE_LU", "--item", "flow_physical", *PERIOD]
    collected(capsys, *border)
    rows = exported(capsys, tmp_path, *border)
    assert {(row["area"], row["out_area"], row["in_area"]) for row in rows} == {
        ("FR>DE_LU", "10YFR-RTE------C", "10Y1001A1001A82H")
    }


def test_an_export_without_data_is_a_header_and_a_hint(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", *LOAD, "-o", "none.csv"]) == 0
    assert "gridkeeper collect" in capsys.readouterr().err
    assert len(Path("none.csv").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["collect"], "--sandbox"),
        (["collect", "--sandbox", "--area", "DE_LX"], "did you mean DE_LU"),
        (["collect", "--sandbox", "--item", "lode_actual"], "did you mean load_actual"),
        (["collect", "--sandbox", "--from", "2024-02-01", "--to", "2024-01-01"], "is not before"),
        (["collect", "--sandbox", "--from", "yesteryear"], "--from 'yesteryear' is no moment"),
        (["collect", "--sandbox", "--area", "DE_50HZ", "--item", "price_day_ahead"], "DE_50HZ is CTA"),
        (["export", "--as-of", "then"], "--as-of 'then' is no moment"),
        (["export", "-o", "x.xlsx"], "the ending '.xlsx' names no form"),
        (["export", "-o", "load"], "the ending '' names no form"),
        (["export", "--tz", "Berlin"], "--tz 'Berlin' is no time zone"),
        (["export", "--aggregate", "mean"], "--aggregate needs --resolution"),
        (["export", "--resolution", "PT7M"], "--resolution: unknown resolution 'PT7M'"),
        (["report", "daily", "-o", "day.pdf"], "the ending '.pdf' names no form"),
        (["export", "--assume-published"], "needs --as-of"),
        (["export", "--format", "xlsx"], "xlsx"),
        (["export", "-o", "/nonexistent/x.csv"], "/nonexistent/x.csv"),
        (["frobnicate"], "frobnicate"),
        (["collect", "--sandbox", "--from", "0001-01-01"], "outside 1990-01-01"),
    ],
)
def test_wrong_usage_is_explained(
    store: str, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(arguments) == 2
    assert said in capsys.readouterr().err


def test_a_database_of_one_origin_refuses_the_other(
    store: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    collected(capsys, *LOAD)
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__TOKEN", "hunter2")
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__BASE_URL", "http://127.0.0.1:1/api")
    assert run(["collect", *LOAD]) == 1
    said = capsys.readouterr()
    assert "sandbox" in said.err
    assert "hunter2" not in said.err + said.out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["serve", "--profile", "foo"], ["--profile", "foo", "normal", "cautious"]),
        (["status", "5"], ["SECONDS", "--watch"]),
    ],
    ids=" ".join,
)
def test_a_wrong_word_names_the_option_and_what_it_takes(
    words: list[str], named: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    said = capsys.readouterr().err
    assert [word for word in named if word not in said] == []


def test_an_unmigrated_database_names_the_remedy(
    empty_database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", empty_database_url)
    assert run(["collect", "--sandbox", *LOAD]) == 1
    assert "gridkeeper migrate" in capsys.readouterr().err
    assert run(["migrate"]) == 0
    assert "migrated" in capsys.readouterr().out
    assert run(["migrate"]) == 0
    assert "already" in capsys.readouterr().out
    assert run(["collect", "--sandbox", "--quiet", *LOAD]) == 0


def test_a_database_that_is_down_is_named_without_its_password(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", "postgresql://user:hunter2@127.0.0.1:1/nowhere")
    assert run(["collect", "--sandbox", *LOAD]) == 1
    said = capsys.readouterr().err
    assert "127.0.0.1" in said
    assert "hunter2" not in said


def test_a_platform_that_is_gone_fails_windows_by_name(
    store: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__TOKEN", "hunter2")
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__BASE_URL", "http://127.0.0.1:1/api")
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__BACKOFF", "0.001")
    assert run(["collect", "--json", *LOAD]) == 3
    report = json.loads(capsys.readouterr().out)
    (failure,) = report["failures"]
    assert (failure["item"], failure["area"], failure["error"]) == ("load_actual", "DE_LU", "SourceUnavailable")
    assert report["summary"][0]["requests"] >= 6


def test_a_refused_token_ends_the_asking(
    store: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__CONCURRENCY", "1")
    with sandbox() as url:
        monkeypatch.setenv("GRIDKEEPER_ENTSOE__TOKEN", "hunter2")
        monkeypatch.setenv("GRIDKEEPER_ENTSOE__BASE_URL", url)
        assert run(["collect", "--json", "--item", "load_actual", *PERIOD]) == 3
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert {failure["error"] for failure in report["failures"]} == {"AccessDenied"}
    assert sum(row["requests"] for row in report["summary"]) == 1
    assert "hunter2" not in said.out + said.err


def test_what_was_skipped_is_in_the_json(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = collected(capsys, "--area", "DE_50HZ", "--area", "DE_LU", "--item", "price_day_ahead", *PERIOD)
    assert any("DE_50HZ is CTA" in reason for reason in report["skipped"])
    report = collected(capsys, "--area", "DE_AT_LU", "--item", "load_actual", *PERIOD)
    assert any("DE_AT_LU" in reason and "does not exist" in reason for reason in report["skipped"])


def test_a_full_disk_behind_the_output_is_said(store: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "app", "areas"], stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "gridkeeper: No space left on device\n"


@pytest.mark.long
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_output_takes_nothing_and_breaks_nothing(store: str, closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m app jobs list {closed}', sys.executable], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def test_an_interrupted_command_says_so(
    store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.cli.data.gaps.begin", interrupted)
    assert run(["gaps", "--fill"]) == 130
    assert capsys.readouterr().err == "gridkeeper: interrupted; what was stored stays\n"


def test_a_reader_that_has_gone_is_no_failure_of_ours() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "app", "areas", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.close()
        _, said = process.communicate()
    assert (process.returncode, said) == (141, "")


def test_an_export_into_a_closed_output_is_refused(store: str) -> None:
    done = subprocess.run(
        ["sh", "-c", '"$0" -m app export >&-', sys.executable], stderr=subprocess.PIPE, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, "standard output is closed" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("port", ["99999", "http"])
def test_a_database_address_is_checked_without_connecting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", f"postgresql://user:hunter2@db:{port}/x")
    assert run(["check-config"]) == 2
    said = capsys.readouterr().err
    assert "GRIDKEEPER_DATABASE__URL" in said
    assert "hunter2" not in said


def test_lists_are_complete_and_machine_readable(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["areas", "--json"]) == 0
    areas = json.loads(capsys.readouterr().out)
    assert {"code": "DE_LU", "eic": "10Y1001A1001A82H"}.items() <= next(
        a for a in areas if a["code"] == "DE_LU"
    ).items()
    assert run(["items"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 21
    assert any("price_day_ahead" in line and "A44" in line and "D-1 13:45 Brussels" in line for line in lines)


def test_the_configuration_is_shown_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__TOKEN", "hunter2")
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", "postgresql://user:hunter2@db/x")
    assert run(["check-config"]) == 0
    said = capsys.readouterr()
    assert "hunter2" not in said.out + said.err
    assert "GRIDKEEPER_COLLECTION__AREAS=DE_LU,FR,NL" in said.out
    monkeypatch.setenv("GRIDKEEPER_LOG__LEVEL", "loud")
    assert run(["check-config"]) == 2


@pytest.mark.parametrize(
    "command", ["collect", "export", "parse", "areas", "items", "migrate", "check-config", "sandbox"]
)
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert run([command, "--help"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("words", [["collect"], ["gaps", "--fill", "--from", "-400d"]], ids=["collect", "gaps --fill"])
def test_an_interrupted_command_that_asks_keeps_what_it_stored(
    database_url: str, tmp_path: Path, words: list[str], number: signal.Signals
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRIDKEEPER_")}
    environment |= {"GRIDKEEPER_DATABASE__URL": database_url, "GRIDKEEPER_ENTSOE__REQUESTS_PER_MINUTE": "60"}
    command = [sys.executable, "-m", "app", *words, "--sandbox", "--item", "load_actual", "--item", "flow_physical"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment | {"PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("[2/"):
            break
    process.send_signal(number)
    begun = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert time.monotonic() - begun < 30
    assert "interrupted after" in err
    assert ("load_actual" in out) == (words == ["collect"])
    assert "stored" in err
    assert "Traceback" not in err


def test_the_name_of_the_file_chooses_the_form(store: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from pyarrow import parquet

    collected(capsys, *LOAD)
    target = tmp_path / "load.parquet"
    assert run(["export", *LOAD, "--resolution", "PT60M", "--tz", "Europe/Berlin", "-o", str(target)]) == 0
    table = parquet.read_table(target)
    assert (table.num_rows, str(table.schema.field("delivery_start").type)) == (48, "timestamp[us, tz=Europe/Berlin]")
    assert set(table["coverage"].to_pylist()) == {1.0}
    wide = exported(capsys, tmp_path, *LOAD, "--wide")
    assert (len(wide), list(wide[0])) == (192, ["delivery_start", "load_actual DE_LU", "origin"])


def test_an_instant_at_which_nothing_was_known_says_what_is_stored(
    store: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    collected(capsys, *LOAD)
    assert run(["export", *LOAD, "--as-of", "2026-01-20", "-o", str(tmp_path / "x.csv")]) == 0
    said = capsys.readouterr().err
    assert "192 values stored, which were learned after that instant; --assume-published counts" in said


def test_the_next_step_repeats_the_range(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["collect", "--sandbox", *LOAD]) == 0
    said = capsys.readouterr().err
    assert "--item load_actual --from 2026-01-20 --to 2026-01-22 | head" in said


@pytest.mark.parametrize(
    "command",
    [("status",), ("gaps",), ("coverage",), ("export",), ("jobs", "list"), ("backfill", "status"), ("alerts", "list"),
     ("quality", "findings"), ("report", "daily")],
)  # fmt: skip
def test_whoever_looks_into_an_empty_folder_leaves_it_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    assert run(list(command)) == 1
    said = capsys.readouterr().err
    assert "there is no database below" in said
    assert "gridkeeper serve" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_a_terminal_without_an_encoding_for_all_shows_what_it_can() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    environment |= {"PYTHONPATH": str(ROOT), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for command in (["areas"], ["items"], ["--help"], ["serve", "--help"], ["collect", "--area", "Tromsø"]):
        done = subprocess.run(
            [sys.executable, "-m", "app", *command], capture_output=True, text=True, check=False, env=environment
        )
        assert "Traceback" not in done.stderr, command
        assert done.returncode == (2 if "collect" in command else 0)


def test_areas_of_an_option_may_stand_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["collect", "--sandbox", "--area", "FR, DE_LU;XQ", "--item", "load_actual"]) == 2
    assert "unknown area 'XQ'" in capsys.readouterr().err
