"""Recorded answers are given verbatim to the requests that they answered."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.sandbox.replay import Replay

LOAD = "documentType=A65&processType=A16&outBiddingZone_Domain=NL&periodStart=202409012200&periodEnd=202409022200"
GENERATION = "documentType=A75&processType=A16&in_Domain=NL&periodStart=202409012200&periodEnd=202409022200"


def parameters(query: str) -> dict[str, str]:
    return dict(part.split("=") for part in query.split("&"))


def recordings(folder: Path, rows: list[tuple[str, str, str, str]]) -> Path:
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "source", "http_status", "content_type", "request"))
        for name, status, kind, query in rows:
            writer.writerow((name, "somewhere", status, kind, f"/api?{query}" if query else ""))
            (folder / name).write_bytes(name.encode())
    return folder


def found(replay: Replay, query: str) -> bytes | None:
    given = replay.find(parameters(query))
    return given.body if given else None


def test_a_recording_answers_its_own_request_whatever_the_case_and_order(tmp_path: Path) -> None:
    replay = Replay(recordings(tmp_path, [("load.xml", "200", "text/xml", LOAD), ("none.xml", "400", "text/xml", "")]))
    assert found(replay, LOAD) == b"load.xml"
    assert found(replay, "&".join(reversed(LOAD.split("&")))) == b"load.xml"
    assert found(replay, LOAD.replace("documentType", "DocumentType")) == b"load.xml"
    assert found(replay, LOAD + "&securityToken=abc") == b"load.xml"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("documentType", "A75"),
        ("processType", "A01"),
        ("outBiddingZone_Domain", "FR"),
        ("periodEnd", "202409032200"),
        ("in_Domain", "NL"),
    ],
)
def test_another_document_process_area_or_period_is_another_request(tmp_path: Path, name: str, value: str) -> None:
    replay = Replay(recordings(tmp_path, [("load.xml", "200", "text/xml", LOAD)]))
    assert replay.find(parameters(LOAD) | {name: value}) is None


def test_other_parameters_only_decide_between_several_recordings(tmp_path: Path) -> None:
    rows = [
        ("solar.xml", "200", "text/xml", GENERATION + "&PsrType=B16"),
        ("wind.xml", "200", "text/xml", GENERATION + "&PsrType=B19"),
        ("all.xml", "200", "text/xml", GENERATION),
    ]
    replay = Replay(recordings(tmp_path, rows))
    assert found(replay, GENERATION) == b"all.xml"
    assert found(replay, GENERATION + "&psrType=B19") == b"wind.xml"
    assert found(replay, GENERATION + "&psrType=B01") == b"all.xml"


def test_a_filter_of_one_side_alone_is_ignored_without_a_better_match(tmp_path: Path) -> None:
    replay = Replay(recordings(tmp_path, [("solar.xml", "200", "text/xml", GENERATION + "&PsrType=B16")]))
    assert found(replay, GENERATION) == b"solar.xml"
    assert found(replay, GENERATION + "&contract_MarketAgreement.type=A01") == b"solar.xml"


def test_status_and_type_are_the_recorded_ones(tmp_path: Path) -> None:
    replay = Replay(recordings(tmp_path, [("page.html", "503", "text/html", LOAD)]))
    given = replay.find(parameters(LOAD))
    assert given is not None
    assert (given.status, given.content_type, given.file_name) == (503, "text/html", "page.html")


def test_one_file_answers_every_request_as_the_manifest_beside_it_says(tmp_path: Path) -> None:
    folder = recordings(tmp_path, [("refused.xml", "400", "text/xml", "")])
    given = Replay(folder / "refused.xml").find(parameters(LOAD))
    assert given is not None
    assert (given.status, given.body) == (400, b"refused.xml")


@pytest.mark.parametrize(
    ("name", "kind"), [("a.xml", "text/xml"), ("a.zip", "application/zip"), ("a.html", "text/html")]
)
def test_one_file_without_a_manifest_is_a_200_of_its_kind(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).write_bytes(b"body")
    given = Replay(tmp_path / name).find({})
    assert given is not None
    assert (given.status, given.content_type, given.body) == (200, kind, b"body")


def test_a_folder_without_a_manifest_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"has no manifest\.csv"):
        Replay(tmp_path)
    with pytest.raises(ConfigurationError, match="neither a folder nor a file"):
        Replay(tmp_path / "absent.xml")
