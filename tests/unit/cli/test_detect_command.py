"""`gridkeeper detect`: any CSV in, timestamp and score out."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from app.cli.files.detect import score_files
from app.cli.files.series_csv import read_series_file
from app.errors import ConfigurationError

START = 1_700_000_000


def run(*files: Path, kind: str = "metric", to: Path | None = None) -> tuple[int, list[list[str]], str]:
    out, err = io.StringIO(), io.StringIO()
    code = score_files(files, kind, to, out, err)
    return code, [line.split(",") for line in out.getvalue().splitlines()], err.getvalue()


def written(path: Path, rows: list[tuple[int, float]]) -> Path:
    path.write_text("timestamp,value\n" + "".join(f"{stamp},{value}\n" for stamp, value in rows))
    return path


def rows(count: int = 400, spike: int = 300) -> list[tuple[int, float]]:
    return [(START + 300 * place, 90.0 if place == spike else 10.0 + place % 3) for place in range(count)]


def test_each_row_gets_its_score_and_the_outlier_the_highest(tmp_path: Path) -> None:
    code, (header, *scored), err = run(written(tmp_path / "latency.csv", rows()))
    assert (code, header, err) == (0, ["timestamp", "score"], "")
    assert [row[0] for row in scored] == [str(stamp) for stamp, _ in rows()]
    assert max(scored, key=lambda row: float(row[1]))[0] == str(START + 300 * 300)


def test_rows_are_judged_in_the_order_of_time_and_told_in_that_of_the_file(tmp_path: Path) -> None:
    _, (_, *sorted_rows), _ = run(written(tmp_path / "a.csv", rows()))
    _, (_, *reversed_rows), _ = run(written(tmp_path / "b.csv", rows()[::-1]))
    assert reversed_rows == sorted_rows[::-1]


@pytest.mark.parametrize(
    "content", ["timestamp,value\n", "timestamp,value\n2026-01-01T00:00:00Z,1\n2026-01-01T00:00:00Z,2\n"]
)
def test_a_file_with_hardly_a_row_is_scored_too(tmp_path: Path, content: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(content)
    code, scored, _ = run(file)
    assert code == 0
    assert len(scored) == content.count("\n")


@pytest.mark.parametrize("header", ["ds,y", "date,count", "created_at,latency_ms,host", ",value", "Date,Close"])
def test_columns_may_be_called_anything(tmp_path: Path, header: str) -> None:
    file = tmp_path / "a.csv"
    further = ",web-1" if header.count(",") > 1 else ""
    file.write_text(f"{header}\n" + "".join(f"{stamp},{value}{further}\n" for stamp, value in rows()))
    code, (_, *scored), err = run(file)
    assert (code, err) == (0, "")
    assert max(scored, key=lambda row: float(row[1]))[0] == str(START + 300 * 300)


@pytest.mark.parametrize(
    "stamp",
    [
        "1704067200.25",
        "1704067200000000",
        "1704067200000000000",
        "2024-01-01T00:00:00.123456Z",
        "2024-01-01 00:00:00,5",
    ],
)
def test_stamps_may_have_fractions_of_a_second_and_are_written_as_they_are(tmp_path: Path, stamp: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f'timestamp,value\n"{stamp}",1\n')
    table = read_series_file(file, of_metric=True)
    assert (table.stamps.tolist(), list(table.written)) == ([1704067200], [stamp])


def test_a_running_number_counts_hours(tmp_path: Path) -> None:
    numbered = [(place, value) for place, (_, value) in enumerate(rows())]
    hourly = [(START + 3600 * place, value) for place, value in numbered]
    _, (_, *by_number), _ = run(written(tmp_path / "a.csv", numbered))
    _, (_, *by_hour), _ = run(written(tmp_path / "b.csv", hourly))
    assert [row[1] for row in by_number] == [row[1] for row in by_hour]
    assert [row[0] for row in by_number[:2]] == ["0", "1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2024-01-01,5\n2024-01-02,6\n", "line 1: '2024-01-01,5' is no header"),
        ("ds\n2024-01-01\n", "expected timestamp,value"),
    ],
)
def test_a_file_without_header_or_value_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(text)
    code, _, err = run(file)
    assert code == 2
    assert said in err


@pytest.mark.filterwarnings("error")
def test_values_at_the_end_of_all_numbers_are_scored_without_a_word(tmp_path: Path) -> None:
    huge = [(stamp, 1.7e308 if value > 50 else value) for stamp, value in rows()] + [(START + 120_300, -1.7e308)]
    code, (_, *scored), _ = run(written(tmp_path / "a.csv", huge))
    assert code == 0
    assert float(scored[300][1]) > 2


def test_several_files_go_to_a_folder_and_one_that_is_none_stops_no_other(tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("timestamp,value\nyesterday,1\n")
    code, printed, err = run(broken, written(tmp_path / "a.csv", rows()), to=tmp_path / "out")
    assert (code, printed) == (2, [])
    assert "broken.csv, line 2, field 'timestamp': 'yesterday' is no ISO 8601 stamp" in err
    assert (tmp_path / "out" / "a.csv").read_text().count("\n") == 401


def test_another_kind_names_the_command_that_has_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="gridkeeper quality detect --kind load"):
        run(tmp_path / "a.csv", kind="load")
