from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from app.cli.files.parse import parse_files
from app.sources.entsoe.document_rows import COLUMNS, OutputFormat
from tests.support.documents_factory import acknowledgement, archive, document, period, point, points, series

HEADER = (
    "file,member,delivery_start,value,filled,resolution,curve_type,document_type,process_type,business_type,psr_type,"
    "in_domain,out_domain,contract,sequence,category,unit_eic,flow_direction,unit,currency,time_series,"
    "end,nominal_mw,unit_name,reason,doc_status,revision,measure\n"
)
GOOD = document(series(period(points({1: 3903, 2: "1e-05"}), end="2024-01-15T02:00Z")))


def run(*files: Path, output_format: OutputFormat = "csv") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = parse_files(files, output_format, out, err)
    return code, out.getvalue(), err.getvalue()


def written(folder: Path, body: bytes, name: str = "answer.xml") -> Path:
    path = folder / name
    path.write_bytes(body)
    return path


def test_a_document_becomes_rows_with_the_promised_columns(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    common = "PT60M,A03,A75,A16,A01,,10YNL----------L,,,,,,,MAW,,1,,,,,,,quantity"
    assert run(path) == (
        0,
        HEADER
        + f"{path},,2024-01-14T23:00:00Z,3903,0,{common}\n"
        + f"{path},,2024-01-15T00:00:00Z,0.00001,0,{common}\n"
        + f"{path},,2024-01-15T01:00:00Z,0.00001,1,{common}\n",
        "",
    )


def test_json_has_the_same_rows_with_numbers_as_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    code, out, _ = run(path, output_format="json")
    objects = json.loads(out)
    assert code == 0
    assert [tuple(entry) for entry in objects] == [COLUMNS] * 3
    assert [(entry["delivery_start"], entry["value"], entry["filled"]) for entry in objects] == [
        ("2024-01-14T23:00:00Z", 3903, 0),
        ("2024-01-15T00:00:00Z", 0.00001, 0),
        ("2024-01-15T01:00:00Z", 0.00001, 1),
    ]


def test_json_without_rows_is_an_empty_array(tmp_path: Path) -> None:
    code, out, _ = run(written(tmp_path, acknowledgement("No matching data found")), output_format="json")
    assert (code, json.loads(out)) == (0, [])


def test_rows_of_several_files_and_members_stand_in_one_array(tmp_path: Path) -> None:
    packed = written(tmp_path, archive([("a.xml", GOOD), ("b.xml", GOOD)]), "answer.zip")
    _, out, _ = run(packed, written(tmp_path, GOOD), output_format="json")
    assert [entry["member"] for entry in json.loads(out)] == ["a.xml"] * 3 + ["b.xml"] * 3 + [""] * 3


def test_odd_text_is_quoted(tmp_path: Path) -> None:
    body = document(series(period(points({1: 1}), end="2024-01-15T00:00Z"), mrid='1,"2"\n3'))
    code, out, _ = run(written(tmp_path, archive([("a,b.xml", body)]), 'odd "name", x.zip'))
    (row,) = csv.DictReader(io.StringIO(out))
    assert (code, row["member"], row["time_series"]) == (0, "a,b.xml", '1,"2"\n3')
    assert row["file"].endswith('odd "name", x.zip')


def test_no_matching_data_is_an_answer(tmp_path: Path) -> None:
    path = written(tmp_path, acknowledgement("No matching data found for Data item X"))
    code, out, err = run(path)
    assert (code, out) == (0, HEADER)
    assert err == f"{path}: acknowledgement 999: No matching data found for Data item X\n"


@pytest.mark.parametrize("body", [acknowledgement("Too much"), document(), archive([])])
def test_another_acknowledgement_or_no_series_is_code_3(tmp_path: Path, body: bytes) -> None:
    code, out, err = run(written(tmp_path, body))
    assert (code, out) == (3, HEADER)
    assert err.count("\n") == 1


@pytest.mark.parametrize("body", [b"", b"<html/>", GOOD[:-9], archive([("a.xml", GOOD)])[:-9]])
def test_what_is_malformed_is_code_4(tmp_path: Path, body: bytes) -> None:
    path = written(tmp_path, body)
    code, out, err = run(path)
    assert (code, out) == (4, HEADER)
    assert err.startswith(f"{path}: malformed: ")


def test_one_malformed_member_is_code_4_and_the_others_are_printed(tmp_path: Path) -> None:
    path = written(tmp_path, archive([("bad.xml", b"<a"), ("good.xml", GOOD)]))
    code, out, err = run(path)
    assert code == 4
    assert out.count("good.xml") == 3
    assert err.startswith(f"{path}!bad.xml: malformed: not well-formed XML")


def test_rejected_points_are_named_and_do_not_change_the_code(tmp_path: Path) -> None:
    inner = points({1: 1}) + point(2, "N/A") + point(9, 4)
    path = written(tmp_path, document(series(period(inner, end="2024-01-15T02:00Z"), curve_type="A01")))
    code, out, err = run(path)
    where = f"{path}: rejected: TimeSeries 1, Period 2024-01-14T23:00Z/2024-01-15T02:00Z, "
    assert (code, out.count("\n")) == (0, 2)
    assert err.splitlines() == [
        where + "position 2 (2024-01-15T00:00:00Z): 'N/A' the value is no finite number",
        where + "position 9 (2024-01-15T07:00:00Z): '4.0' the position lies outside the Period, which has 3",
    ]


def test_the_worst_of_several_files_decides_and_all_are_printed(tmp_path: Path) -> None:
    files = [written(tmp_path, b"", "bad.xml"), written(tmp_path, document(), "none.xml"), written(tmp_path, GOOD)]
    code, out, err = run(*files)
    assert (code, out.count(str(files[2])), err.count("\n")) == (4, 3, 2)


def test_a_missing_file_is_code_2_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "missing.xml"
    assert run(path) == (2, HEADER, f"{path}: cannot be read: No such file or directory; give the path of a document\n")


def test_text_of_a_document_cannot_command_a_terminal(tmp_path: Path) -> None:
    path = written(tmp_path, archive([("\x1b[2Ja.xml", acknowledgement("No matching data &#x9B;2J"))]))
    _, _, err = run(path)
    assert err == f"{path}!?[2Ja.xml: acknowledgement 999: No matching data ?2J\n"


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(GOOD)))
    code, out, _ = run(Path("-"))
    assert (code, out.count("\n-,,2024-01-1")) == (0, 3)


def test_long_curves_are_written_in_pieces_without_loss(tmp_path: Path) -> None:
    body = document(
        series(period(points({1: 1}), start="2020-01-01T00:00Z", end="2021-01-01T00:00Z", resolution="PT15M"))
    )
    _, out, _ = run(written(tmp_path, body))
    starts = [line.split(",")[2] for line in out.splitlines()[1:]]
    assert len(set(starts)) == len(starts) == 366 * 96
    assert (starts[0], starts[-1]) == ("2020-01-01T00:00:00Z", "2020-12-31T23:45:00Z")


MINUTES = period(points({1: 0}), start="2024-01-03T05:00Z", end="2024-01-03T15:50Z", resolution="PT1M")
CANCELLED = "<mRID>n-1</mRID><revisionNumber>3</revisionNumber><docStatus><value>A09</value></docStatus>"


def notice(unit_name: str = "UNIT 1") -> bytes:
    name = "production_RegisteredResource.pSRType.powerSystemResources"
    extra = f"<{name}.name>{unit_name}</{name}.name><{name}.nominalP>485</{name}.nominalP>"
    return document(CANCELLED, series(MINUTES, extra=extra), root="Unavailability_MarketDocument")


def test_a_notice_in_minutes_is_a_row_with_its_end_power_and_status(tmp_path: Path) -> None:
    code, out, err = run(written(tmp_path, notice()))
    (row,) = csv.DictReader(io.StringIO(out))
    shown = ("delivery_start", "end", "value", "nominal_mw", "unit_name", "doc_status", "revision", "measure")
    assert (code, err) == (0, "")
    assert [row[name] for name in shown] == [
        "2024-01-03T05:00:00Z", "2024-01-03T15:50:00Z", "0", "485", "UNIT 1", "A09", "3", "quantity",
    ]  # fmt: skip


def test_outages_alone_are_rows_of_intervals_that_say_which_are_cancelled(tmp_path: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    files = [written(tmp_path, notice()), written(tmp_path, GOOD, "load.xml")]
    assert parse_files(files, "csv", out, err, outages=True) == 0
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert (row["start"], row["end"], row["available_mw"], row["state"]) == (
        "2024-01-03T05:00:00Z", "2024-01-03T15:50:00Z", "0", "cancelled",
    )  # fmt: skip
    out = io.StringIO()
    parse_files(files, "json", out, err, outages=True)
    assert [(entry["available_mw"], entry["notice"]) for entry in json.loads(out.getvalue())] == [(0.0, "d")]


def test_a_document_whose_points_are_all_refused_ends_with_three(tmp_path: Path) -> None:
    body = document(series(period("<Point><position>1</position></Point>", end="2024-01-15T00:00Z")))
    code, out, err = run(written(tmp_path, body))
    assert (code, out) == (3, HEADER)
    assert "nothing of the document could be taken" in err


def test_an_ampersand_that_nobody_escaped_is_text_and_said_once(tmp_path: Path) -> None:
    bad = notice("Smith & Sons &amp; Co, R&D, a&b")
    code, out, err = run(written(tmp_path, archive([("a.xml", bad), ("b.xml", bad)]), "answer.zip"))
    assert code == 0
    assert [row["unit_name"] for row in csv.DictReader(io.StringIO(out))] == ["Smith & Sons & Co, R&D, a&b"] * 2
    assert err.count("note: an & that begins no entity is read as text") == 1


def test_ampersands_in_comments_and_cdata_stay_what_they_are(tmp_path: Path) -> None:
    bad = notice("<!-- & --><![CDATA[a & b &amp; c]]> & d")
    _, out, _ = run(written(tmp_path, bad))
    (row,) = csv.DictReader(io.StringIO(out))
    assert row["unit_name"] == "a & b &amp; c & d"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_cell_is_a_formula(tmp_path: Path, text: str) -> None:
    body = document(series(period(points({1: -5}), end="2024-01-15T00:00Z"), mrid=f"<![CDATA[{text}]]>"))
    _, out, _ = run(written(tmp_path, archive([(f"{text}.xml", body)]), "answer.zip"))
    (row,) = csv.DictReader(io.StringIO(out))
    assert row["member"] == f"'{text}.xml"
    assert row["time_series"] == f"'{text.strip()}"
    assert row["value"] == "-5"


def test_nothing_that_commands_a_terminal_is_printed(tmp_path: Path) -> None:
    body = document(series(period(points({1: 1, 2: "x"}), end="2024-01-15T01:00Z"), mrid="a\x9b31m\u202eb"))
    _, out, err = run(written(tmp_path, archive([("m\x1b[2J.xml", body)]), "answer.zip"))
    (row, *_) = csv.DictReader(io.StringIO(out))
    assert (row["member"], row["time_series"]) == ("m?[2J.xml", "a?31m?b")
    assert all(character.isprintable() or character == "\n" for character in out + err)
