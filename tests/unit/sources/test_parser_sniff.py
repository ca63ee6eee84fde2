from __future__ import annotations

import pytest

from app.sources.entsoe.parsing.sniff import BodyKind, declares_doctype, sniff
from tests.support.documents_factory import archive, document, series


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", BodyKind.EMPTY),
        (b"\xef\xbb\xbf \n", BodyKind.EMPTY),
        (b"404 page not found", BodyKind.OTHER),
        (b'{"a": 1}', BodyKind.OTHER),
        (b"<!DOCTYPE html><p>", BodyKind.HTML),
        (b"\n <!doctype HTML>", BodyKind.HTML),
        (b"<!-- c --><HTML lang='en'>", BodyKind.HTML),
        (b"<?xml version='1.0'?><html/>", BodyKind.HTML),
        (document(), BodyKind.XML),
        (b"\xef\xbb\xbf" + document(), BodyKind.XML),
        (document().decode().encode("utf-16"), BodyKind.XML),
        (archive([]), BodyKind.ZIP),
        (archive([("a", b"b")]), BodyKind.ZIP),
    ],
)
def test_the_kind_is_told_by_the_first_bytes(body: bytes, kind: BodyKind) -> None:
    assert sniff(body).kind is kind


def test_a_document_cut_anywhere_after_its_root_opens_is_incomplete() -> None:
    body = document(series())
    assert sniff(body).complete
    assert sniff(body + b"\n<!-- end -->\n").complete
    assert sniff(body.decode().encode("utf-16")).complete
    assert not any(sniff(body[:length]).complete for length in range(len(body)))


def test_an_archive_without_its_whole_directory_is_incomplete() -> None:
    body = archive([("a.xml", document(series()))])
    assert sniff(body).complete
    assert not any(sniff(body[:length]).complete for length in range(5, len(body)))


def test_an_empty_root_element_is_complete() -> None:
    assert sniff(b'<?xml version="1.0"?><A x=">"/>').complete
    assert not sniff(b'<?xml version="1.0"?><A x="/>').complete


def test_a_doctype_is_seen_in_the_prolog_only() -> None:
    assert declares_doctype(b"<?xml version='1.0'?><!-- x --><!DOCTYPE a [<!ENTITY b 'c'>]><a/>")
    assert declares_doctype(b"<!doctype a [ never closed")
    assert not declares_doctype(b"<a><![CDATA[<!DOCTYPE b>]]></a>")
