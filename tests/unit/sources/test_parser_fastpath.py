from __future__ import annotations

import pytest

from app.sources.entsoe.parsing import fastpath
from app.sources.entsoe.parsing.fastpath import decode_run, run_end
from tests.support.documents_factory import point, points

USUAL = points({position: f"{position}.25" for position in range(1, 101)})


def decode(text: str) -> tuple[list[int], list[float]] | None:
    found = decode_run(text.encode(), 0, len(text.encode()))
    return None if found is None else (found[0].tolist(), found[1].tolist())


def test_a_usual_run_is_decoded() -> None:
    assert decode(USUAL + "\n") == (list(range(1, 101)), [position + 0.25 for position in range(1, 101)])


def test_a_run_is_decoded_alike_in_pieces_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = decode(USUAL + "  ")
    for size in range(70, 400, 7):
        monkeypatch.setattr(fastpath, "_CHUNK", size)
        assert decode(USUAL + "  ") == whole


def test_a_point_longer_than_a_piece_is_left_to_the_xml_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fastpath, "_CHUNK", 20)
    assert decode(USUAL) is None


def test_blanks_after_the_last_piece_are_accounted_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fastpath, "_CHUNK", len(USUAL))
    assert decode(USUAL + " \r\n\t") is not None
    assert decode(USUAL + "text") is None


@pytest.mark.parametrize(
    "odd",
    [
        "text",
        "<Reason/>",
        point(1, ""),
        point("", 1),
        point(12345678, 1),
        point("x", 1),
        point(1, "1.2.3"),
        point(1, ".5"),
        point(1, "5."),
        point(1, "-"),
        point(1, "+1"),
        point(1, "1e5"),
        point(1, " 1"),
        point(1, "1234567890123456"),
        point(1, "0.00000000000000001"),
        point(1, 1, name="secondaryQuantity"),
        point(1, 1, name="price.amount"),
        point(1, 1, name="quantitz"),
        point(1, 1).replace("<Point>", "<Point >"),
        point(1, 1, extra="<a></a>"),
        point(1, ">"),
        "<Point><quantity>1</quantity><position>1</position></Point>",
    ],
)
def test_whatever_is_unusual_is_left_to_the_xml_parser(odd: str) -> None:
    assert decode(USUAL + odd + USUAL) is None
    assert decode(odd + USUAL) is None


def test_a_short_run_is_left_to_the_xml_parser() -> None:
    assert decode(point(1, 1)) is None


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("<Point></Period>", 7),
        ("<Point></Available_Period>", 7),
        ("<Point></WindPowerFeedin_Period></Period>", 7),
        ("<Point></Other_Period></Period>", -1),
        ("<Point></x:Period>", -1),
        ("<Point>Period>", -1),
        ("<Point></Point>", -1),
    ],
)
def test_a_run_ends_at_the_end_tag_of_its_period(text: str, end: int) -> None:
    assert run_end(text.encode(), 0) == end
