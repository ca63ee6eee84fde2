from __future__ import annotations

import struct
import zipfile

import pytest

from app.errors import MalformedDocument
from app.sources.entsoe.parsing import zips
from app.sources.entsoe.parsing.parser import read_documents
from tests.support.documents_factory import acknowledgement, archive, document, period, points, series
from tests.support.memory import peak_bytes

GOOD = document(series(period(points({1: 1}))))


def test_each_member_is_a_document_with_its_name() -> None:
    found = read_documents(archive([("a.xml", GOOD), ("folder/", b""), ("folder/b.xml", acknowledgement("No data"))]))
    assert [entry.member for entry in found] == ["a.xml", "folder/b.xml"]
    assert len(found[0].curves[0].values) == 24
    assert found[1].acknowledgement is not None


def test_an_empty_archive_has_no_documents() -> None:
    assert read_documents(archive([])) == []


def test_a_malformed_member_is_reported_and_the_others_are_kept() -> None:
    good, bad = read_documents(archive([("a.xml", GOOD), ("b.xml", GOOD[:-20])]))
    assert good.curves
    assert not good.malformed
    assert "not well-formed XML" in bad.malformed
    assert [(rejection.where, rejection.reason) for rejection in bad.rejections] == [("member b.xml", bad.malformed)]


def test_an_archive_without_any_document_is_malformed() -> None:
    body = archive([("a.txt", b"hello"), ("b.xml", b"")])
    with pytest.raises(MalformedDocument, match=r"none of the 2 members.*a\.txt: the body is neither") as caught:
        read_documents(body)
    assert caught.value.body == body


def test_a_truncated_archive_is_malformed() -> None:
    body = archive([("a.xml", GOOD)])
    with pytest.raises(MalformedDocument, match="cut off"):
        read_documents(body[:-30])


def test_a_damaged_member_is_reported() -> None:
    body = bytearray(archive([("a.xml", GOOD), ("b.xml", GOOD)]))
    body[60:70] = b"\xff" * 10
    bad, good = read_documents(bytes(body))
    assert "cannot be unpacked" in bad.malformed
    assert good.curves


def test_an_archive_in_an_archive_is_refused() -> None:
    good, bad = read_documents(archive([("a.xml", GOOD), ("b.zip", archive([("c.xml", GOOD)]))]))
    assert good.curves
    assert bad.malformed == "the member is itself an archive"


def test_encrypted_and_unusually_packed_members_are_refused() -> None:
    body = archive([("a.xml", GOOD), ("b.xml", GOOD)], zipfile.ZIP_BZIP2)
    with pytest.raises(MalformedDocument, match="unknown method"):
        read_documents(body)
    encrypted = bytearray(archive([("a.xml", GOOD)]))
    encrypted[encrypted.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(MalformedDocument, match="encrypted"):
        read_documents(bytes(encrypted))


def test_too_many_members_are_refused() -> None:
    body = archive((f"{number}.xml", b"") for number in range(zips.MAX_MEMBERS + 1))
    with pytest.raises(MalformedDocument, match="1001 members"):
        read_documents(body)


def _peak(body: bytes) -> tuple[str, int]:
    def refused() -> None:
        with pytest.raises(MalformedDocument) as caught:
            read_documents(body)
        messages.append(str(caught.value))

    messages: list[str] = []
    peak = peak_bytes(refused)
    return messages[0], peak


def test_a_bomb_of_200_megabytes_is_refused_by_its_own_declaration() -> None:
    body = archive([("bomb.xml", b" " * 200_000_000)])
    message, peak = _peak(body)
    assert "would unpack to 200000000 bytes" in message
    assert peak < 5_000_000


def test_a_bomb_below_the_limit_is_refused_by_its_ratio_while_it_is_unpacked() -> None:
    message, peak = _peak(archive([("bomb.xml", b"<a>" + b" " * 100_000_000)]))
    assert "as archives made to do harm do" in message
    assert peak < 50_000_000


def test_a_bomb_that_declares_another_size_is_refused_too() -> None:
    body = bytearray(archive([("bomb.xml", b"<a>" + b" " * 100_000_000)]))
    directory = body.rindex(b"PK\x01\x02")
    body[directory + 24 : directory + 28] = struct.pack("<I", 1000)
    message, peak = _peak(bytes(body))
    assert "cannot be unpacked" in message
    assert peak < 50_000_000


def test_members_share_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "MAX_UNPACKED", 2 * len(GOOD))
    body = bytearray(archive([("a.xml", GOOD), ("b.xml", GOOD)]))
    assert all(entry.curves for entry in read_documents(bytes(body)))
    with pytest.raises(MalformedDocument, match="would unpack"):
        read_documents(archive([("a.xml", GOOD), ("b.xml", GOOD), ("c.xml", GOOD)]))


def test_a_large_member_is_read_only_where_it_is_not_packed_densely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "LARGE_MEMBER", 1_000)
    dense = document(series(*[period(points({1: 1}))] * 100))
    assert len(dense) > 10_000
    with pytest.raises(MalformedDocument, match="unpacks to more than"):
        read_documents(archive([("a.xml", dense)]))
    assert read_documents(archive([("a.xml", dense)], zipfile.ZIP_STORED))[0].curves
