"""`quality detect` and `quality structure`: files in, rows and figures out, exit codes."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.cli.quality.detect import detect_files
from app.cli.quality.structure import structure_file
from app.errors import ConfigurationError
from app.timeseries.rolling import Values
from tests.support.quality_series import START, load


def stamp(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")


def write(path: Path, values: Values, step: int = 3600) -> Path:
    rows = [f"{stamp(START + step * place)},{value}" for place, value in enumerate(values.tolist())]
    path.write_text("\n".join(["timestamp,value", *rows]) + "\n")
    return path


def spoiled(days: int = 70, place: int = 1500) -> Values:
    values = load(days).values.copy()
    values[place] *= 4
    return values


class Run:
    """One call of `detect_files` with what it wrote."""

    def __init__(
        self,
        files: Sequence[Path],
        kind: str = "load",
        *,
        peers: Sequence[str] = (),
        to: Path | None = None,
        tz: str = "",
    ) -> None:
        out, err = io.StringIO(), io.StringIO()
        self.code = detect_files(files, kind, peers, to, out, err, tz=tz)
        self.out, self.err = out.getvalue(), err.getvalue()

    @property
    def flagged(self) -> list[list[str]]:
        rows = [line.split(",") for line in self.out.splitlines()[1:]]
        return [row for row in rows if row[1] == "1"]


def test_each_row_of_the_file_gets_one_in_its_order(tmp_path: Path) -> None:
    run = Run([write(tmp_path / "a.csv", spoiled())])

    assert run.code == 0
    assert run.out.splitlines()[0] == "timestamp,flag,rule,score"
    assert len(run.out.splitlines()) == 1 + 70 * 24
    assert stamp(START + 1500 * 3600) in [row[0] for row in run.flagged]


def test_results_of_several_files_go_to_files_of_the_same_name(tmp_path: Path) -> None:
    files = [write(tmp_path / name, spoiled(5, 50)) for name in ("a.csv", "b.csv")]

    assert Run(files, to=tmp_path / "results").code == 0
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["a.csv", "b.csv"]


def test_several_files_need_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--output"):
        Run([tmp_path / "a.csv", tmp_path / "b.csv"])


def test_a_result_never_overwrites_its_input(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="would overwrite"):
        Run([write(tmp_path / "a.csv", spoiled(5, 50))], to=tmp_path)


def test_files_of_one_name_would_overwrite_each_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"two files are called a\.csv"):
        Run([tmp_path / "x" / "a.csv", tmp_path / "y" / "a.csv"], to=tmp_path / "results")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", spoiled(5, 50))

    with pytest.raises(ConfigurationError, match="--output"):
        Run([file], to=file / "results")


def test_a_result_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "results" / "a.csv").mkdir(parents=True)
    run = Run([write(tmp_path / "a.csv", spoiled(5, 50))], to=tmp_path / "results")

    assert run.code == 2
    assert "--output" in run.err


def test_a_file_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("timestamp,value\n2024-01-01,x\n")
    run = Run([bad, write(tmp_path / "good.csv", spoiled(5, 50))], to=tmp_path / "results")

    assert run.code == 2
    assert "bad.csv, line 2, field 'value'" in run.err
    assert (tmp_path / "results" / "good.csv").exists()


def test_an_unknown_kind_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="load, price, generation"):
        Run([tmp_path / "a.csv"], "coal")


def test_a_forecast_from_another_file_helps(tmp_path: Path) -> None:
    values = load(120).values.copy()
    values[2400:2500] = values[2399:2499]
    write(tmp_path / "forecast.csv", load(120).values * 1.01)
    run = Run([write(tmp_path / "a.csv", values)], peers=[f"forecast={tmp_path / 'forecast.csv'}"])

    assert "peer_time_shift" in {row[2] for row in run.flagged}


def test_a_coarser_peer_holds_for_its_step(tmp_path: Path) -> None:
    quarters = load(3, 900).values
    write(tmp_path / "capacity.csv", np.full(72, quarters.mean()))
    run = Run([write(tmp_path / "a.csv", quarters, 900)], "wind", peers=[f"capacity={tmp_path / 'capacity.csv'}"])

    assert len(run.flagged) == (quarters > 1.05 * quarters.mean()).sum()


def test_a_peer_without_rows_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("timestamp,value\n")
    file = write(tmp_path / "a.csv", spoiled())

    assert Run([file], peers=[f"forecast={tmp_path / 'empty.csv'}"]).out == Run([file]).out


def test_columns_of_text_are_no_peers_and_are_named(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.csv", spoiled())
    header, *rows = plain.read_text().splitlines()
    exported = tmp_path / "b.csv"
    exported.write_text("\n".join([f"{header},unit,area", *[f"{row},,FR" for row in rows]]))
    run = Run([exported])

    assert (run.code, run.out) == (0, Run([plain]).out)
    assert "columns of text are not used as peers: area" in run.err


@pytest.mark.parametrize("peer", ["forecast", "=a.csv", "forecast="])
def test_a_peer_needs_a_name_and_a_file(tmp_path: Path, peer: str) -> None:
    with pytest.raises(ConfigurationError, match="NAME=FILE"):
        Run([tmp_path / "a.csv"], peers=[peer])


def test_a_row_with_a_bad_stamp_is_named_and_the_others_are_judged(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.csv", spoiled())
    lines = plain.read_text().splitlines()
    lines[10:10] = ["2024-02-30 00:00:00,5"]
    slip = tmp_path / "b.csv"
    slip.write_text("\n".join(lines) + "\n")
    run = Run([slip])

    assert (run.code, run.out.splitlines()[10]) == (0, "2024-02-30 00:00:00,1,off_grid,10.000")
    assert [row for row in run.out.splitlines() if "02-30" not in row] == Run([plain]).out.splitlines()
    assert "line 11, field 'timestamp': '2024-02-30 00:00:00'" in run.err


def by_the_clock(days: int = 150) -> Values:
    """Load of people who get up by their clocks, by the hour of UTC."""
    hours = np.arange(24 * days)
    local = hours + np.where(hours >= 24 * 90 + 1, 2, 1)
    shape = 50_000 + 9000 * np.sin(2 * np.pi * (local - 9) / 24) + 2500 * np.sin(4 * np.pi * (local - 7) / 24)
    values: Values = shape + np.random.default_rng(3).normal(0, 150, len(hours))
    return values


def test_a_change_of_the_clocks_is_said_once_and_is_no_shift(tmp_path: Path) -> None:
    run = Run([write(tmp_path / "a.csv", by_the_clock())])
    assert run.flagged == []
    assert run.err.count("clocks change") == 1
    assert "--tz" in run.err

    told = Run([write(tmp_path / "a.csv", by_the_clock())], tz="UTC")
    assert (told.flagged, told.err) == ([], "")


def test_stamps_of_a_local_clock_are_instants_where_it_is_known(tmp_path: Path) -> None:
    values = by_the_clock()
    zone, file = ZoneInfo("Europe/Paris"), tmp_path / "a.csv"
    instants = [datetime.fromtimestamp(START + 3600 * place, UTC) for place in range(len(values))]
    numbers = [f"{value:.1f}".replace(".", ",") for value in values.tolist()]
    rows = [f"{one.astimezone(zone):%d.%m.%Y %H:%M};{text}" for one, text in zip(instants, numbers, strict=True)]
    file.write_text("\n".join(["timestamp;value", *rows]))
    run = Run([file], tz="Europe/Paris")

    assert (run.code, run.flagged, run.err) == (0, [], "")
    assert len(run.out.splitlines()) == len(values) + 1


def test_an_hour_that_clocks_skip_and_an_unknown_zone_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("timestamp,value\n2024-03-31 02:30,1\n")
    run = Run([file], tz="Europe/Paris")
    assert (run.code, "2024-03-31 02:30" in run.err) == (2, True)
    with pytest.raises(ConfigurationError, match="--tz 'Paris'"):
        Run([file], tz="Paris")


@pytest.mark.parametrize("kind", ["nuclear", "plateau", "reservoir", "imbalance", "imbalance_price", "gen", "Flow"])
def test_every_kind_is_offered(tmp_path: Path, kind: str) -> None:
    assert Run([write(tmp_path / "a.csv", load(30).values)], kind).code == 0


def test_the_opposite_direction_is_a_companion(tmp_path: Path) -> None:
    net = np.round(load(90).values - 50_000)
    write(tmp_path / "back.csv", np.fmax(-net, 0.0))
    run = Run([write(tmp_path / "a.csv", np.fmax(net, 0.0))], "flow", peers=[f"opposite={tmp_path / 'back.csv'}"])
    assert run.flagged == []


def test_hard_rules_of_load_speak_in_files_too(tmp_path: Path) -> None:
    values = load(70).values.copy()
    values[1500], values[1600] = -values[1500], 2.1 * values[1600]
    rules = {row[0]: row[2] for row in Run([write(tmp_path / "a.csv", values)]).flagged}
    assert rules[stamp(START + 3600 * 1500)] == "impossible_sign"
    assert rules[stamp(START + 3600 * 1600)] == "seasonal_bounds"


def test_a_peer_on_another_clock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "forecast.csv").write_text("timestamp,value\n2024-01-01T00:00Z,1\n")
    run = Run([write(tmp_path / "a.csv", spoiled(5, 50))], peers=[f"forecast={tmp_path / 'forecast.csv'}"])

    assert (run.code, "must both carry an offset" in run.err) == (2, True)


def structure(file: Path, start: str, end: str, resolution: str, *, as_json: bool = True) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = structure_file(file, start, end, resolution, as_json=as_json, out=out, err=err)
    return code, out.getvalue(), err.getvalue()


def stamps(path: Path, *texts: str) -> Path:
    path.write_text("\n".join(["timestamp,value", *[f"{text},1" for text in texts]]) + "\n")
    return path


def test_structure_counts_and_names_the_gaps_as_the_file_writes_stamps(tmp_path: Path) -> None:
    file = stamps(tmp_path / "a.csv", "2024-01-01 00:00:00+00:00", "2024-01-01 03:00:00+00:00")
    code, out, _ = structure(file, "2024-01-01", "2024-01-01T03:00", "PT60M")

    assert code == 0
    assert json.loads(out) == {
        "n_expected": 4,
        "n_missing": 2,
        "n_duplicates": 0,
        "n_offgrid": 0,
        "n_outside": 0,
        "n_unsorted": 0,
        "gaps": [["2024-01-01 01:00:00+00:00", 2]],
    }


@pytest.mark.parametrize(
    ("written", "missing"),
    [
        ("2024-01-01T00:00Z", "2024-01-01T01:00:00Z"),
        ("2024-01-01T01:00+01:00", "2024-01-01T01:00:00+00:00"),
        ("2024-01-01 00:00", "2024-01-01 01:00:00"),
    ],
)
def test_gaps_are_written_in_the_form_of_the_file(tmp_path: Path, written: str, missing: str) -> None:
    _, out, _ = structure(stamps(tmp_path / "a.csv", written), "2024-01-01", "2024-01-01T01:00", "PT1H")

    assert json.loads(out)["gaps"] == [[missing, 1]]


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [("PT15M", 97), ("15min", 97), ("PT1H", 25), ("1h", 25), ("P1D", 2), ("PT1H30M", 17), ("P1W", 1), ("P1M", 1)],
)
def test_resolutions_have_many_spellings(tmp_path: Path, resolution: str, expected: int) -> None:
    _, out, _ = structure(stamps(tmp_path / "a.csv"), "2024-01-01", "2024-01-02", resolution)

    assert json.loads(out)["n_expected"] == expected


def test_structure_needs_stamps_only(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("timestamp\n2024-01-01\n2024-01-03\n")
    _, out, _ = structure(file, "2024-01-01", "2024-01-03", "P1D")
    assert json.loads(out)["n_missing"] == 1

    file.write_text("timestamp,state,\n2024-01-01,good,\n2024-01-03,bad,\n")
    assert structure(file, "2024-01-01", "2024-01-03", "P1D")[1] == out


def test_the_text_lists_the_first_gaps_and_says_how_many_more(tmp_path: Path) -> None:
    every_other = [f"2024-01-{day:02d}T{hour:02d}:00Z" for day in (1, 2) for hour in range(0, 24, 2)]
    file = stamps(tmp_path / "a.csv", *every_other)
    _, out, _ = structure(file, "2024-01-01", "2024-01-02T23:00", "PT1H", as_json=False)

    assert "missing    24" in out
    assert out.endswith("and 4 gaps more; --json lists all\n")


def test_the_text_of_a_sound_series_has_no_gaps(tmp_path: Path) -> None:
    _, out, _ = structure(stamps(tmp_path / "a.csv", "2024-01-01"), "2024-01-01", "2024-01-01", "P1D", as_json=False)

    assert out.splitlines() == [
        "expected   1",
        "missing    0",
        "duplicates 0",
        "offgrid    0",
        "outside    0",
        "unsorted   0",
    ]


@pytest.mark.parametrize(
    ("start", "end", "resolution", "message"),
    [
        ("soon", "2024-01-02", "PT1H", "--start 'soon'"),
        ("0001-01-01", "2024-01-02", "PT1H", "--start '0001-01-01' lies outside"),
        ("2024-01-02", "2024-01-01", "PT1H", "--end lies before --start"),
        ("2024-01-01", "2024-01-02", "PT0S", "no length"),
        ("2024-01-01", "2024-01-02", "fortnight", "unknown resolution"),
        ("1900-01-01", "2199-01-01", "PT1S", "more than"),
    ],
)
def test_wrong_usage_of_structure_is_code_2(
    tmp_path: Path, start: str, end: str, resolution: str, message: str
) -> None:
    code, _, err = structure(stamps(tmp_path / "a.csv", "2024-01-01"), start, end, resolution)

    assert (code, message in err) == (2, True)
