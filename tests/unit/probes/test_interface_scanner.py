"""Files, folders and patterns are scanned; nothing beyond their folder is read, and nothing twice without need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.kit.files import read_bytes
from app.probes.scanning import finding, source_files
from app.probes.scanning.models import DocumentScan
from app.probes.scanning.scanner import InterfaceScanner
from tests.support.interface_documents import HEAD, reasons

SIMPLE = HEAD + "paths: {/a: {get: {}}}\n"
LONG_AGO = 1_700_000_000


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def scan(*names: Path | str, root: Path | None = None) -> tuple[DocumentScan, ...]:
    return InterfaceScanner(root).scan([str(name) for name in names])


def test_a_folder_is_scanned_with_all_below_it_and_parts_are_no_documents(tmp_path: Path) -> None:
    write(tmp_path / "a/api.yaml", HEAD + "paths: {/a: {$ref: '../parts/a.yaml'}}")
    write(tmp_path / "parts/a.yaml", "get: {parameters: [{$ref: '../a/api.yaml#/components/parameters/p'}]}")
    write(tmp_path / "other.json", "{}")
    write(tmp_path / ".hidden/x.yaml", SIMPLE)
    write(tmp_path / "node_modules/x.yaml", SIMPLE)
    write(tmp_path / "notes.txt", SIMPLE)
    found = {document.file.removeprefix(f"{tmp_path}/"): document for document in scan(tmp_path)}
    assert list(found) == ["a/api.yaml", "other.json"]
    [operation] = found["a/api.yaml"].operations
    assert operation.place.file == f"{tmp_path}/parts/a.yaml"
    assert len(reasons(found["a/api.yaml"])) == 1
    assert found["other.json"].kind is None


def test_patterns_and_names_stand_for_each_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "x/one.yaml", SIMPLE)
    write(tmp_path / "x/y/two.yml", SIMPLE)
    write(tmp_path / "[odd].yaml", SIMPLE)
    monkeypatch.chdir(tmp_path)
    assert [document.file for document in scan("x/**/*.y*ml", "x/one.yaml", "[odd].yaml")] == [
        "x/one.yaml", "x/y/two.yml", "[odd].yaml",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone.yaml", "there is no such file or folder"),
        ("*.nothing", "no file matches"),
        ("**x/*.yaml", "is no pattern"),
        ("https://x.example/openapi.json", "documents are read from files"),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=reason):
        scan(name)


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(5):
        write(tmp_path / f"{place}.yaml", SIMPLE)
    monkeypatch.setattr(finding, "MOST_FOUND", 3)
    with pytest.raises(ConfigurationError, match="more than 3 files"):
        scan(tmp_path)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("../secret.yaml", "this leads out of {docs}; give a wider --root to allow it"),
        ("/etc/passwd", "this leads out of {docs}; give a wider --root to allow it"),
        ("link.yaml", "this leads out of {docs}; give a wider --root to allow it"),
        ("%2e%2e/secret.yaml", "this leads out of {docs}; give a wider --root to allow it"),
        ("https://x.example/a.yaml", "references to other hosts are not fetched; save the file beside the document"),
        ("//x.example/a.yaml", "references to other hosts are not fetched; save the file beside the document"),
        ("file:///etc/passwd", "references to other hosts are not fetched; save the file beside the document"),
        ("a%00b", "this leads to no file: embedded null byte"),
        ("//[x", "this leads to no file: Invalid IPv6 URL"),
        ("gone.yaml", "{docs}/gone.yaml cannot be read: No such file or directory"),
        ("folder", "{docs}/folder is a folder and no file; put a file in its place"),
    ],
)
def test_references_stay_in_the_folder_of_the_document(tmp_path: Path, reference: str, reason: str) -> None:
    docs = tmp_path / "docs"
    write(tmp_path / "secret.yaml", "get: {}")
    (docs / "folder").mkdir(parents=True)
    (docs / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    [document] = scan(write(docs / "api.yaml", HEAD + f"paths: {{/a: {{$ref: '{reference}'}}}}"))
    assert document.operations == ()
    assert reasons(document) == [f"$ref {reference}: {reason.format(docs=docs)}"]


def test_a_wider_root_allows_more(tmp_path: Path) -> None:
    write(tmp_path / "shared/a.yaml", "get: {}")
    api = write(tmp_path / "docs/api.yaml", HEAD + "paths: {/a: {$ref: ../shared/a.yaml}}")
    [document] = scan(api, root=tmp_path)
    assert [operation.name for operation in document.operations] == ["GET /a"]


def test_a_document_of_a_folder_that_leads_out_of_it_is_not_read(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside.yaml", SIMPLE)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/link.yaml").symlink_to(outside)
    [document] = scan(tmp_path / "docs")
    assert (document.kind, document.complete) == (None, False)
    [by_name] = scan(tmp_path / "docs/link.yaml")
    assert len(by_name.operations) == 1


def test_links_in_a_circle_and_files_that_are_too_large_are_defects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    with pytest.raises(ConfigurationError, match=r"loop.yaml"):
        scan(tmp_path)
    monkeypatch.setattr(source_files, "LARGEST_DOCUMENT", 10)
    [document] = scan(write(tmp_path / "api.yaml", SIMPLE))
    assert "is larger than 10 bytes" in reasons(document)[0]


def test_parts_are_read_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = ", ".join(f"/{place}: {{$ref: {place}.yaml}}" for place in range(4))
    for place in range(4):
        write(tmp_path / f"{place}.yaml", "get: {}")
    monkeypatch.setattr(source_files, "MOST_PARTS", 2)
    [document] = scan(write(tmp_path / "api.yaml", f"{HEAD}paths: {{{paths}}}"))
    assert len(document.operations) == 2
    assert {reason.partition(": ")[2] for reason in reasons(document)} == {
        "the documents refer to more files than are read at once"
    }


def test_what_has_not_changed_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "api.yaml", HEAD + "paths: {/a: {$ref: part.yaml}, /b: {$ref: later.yaml}, /c: {$ref: part.yaml}}")
    part = write(tmp_path / "part.yaml", "get: {}")
    scanner, names = InterfaceScanner(), [str(tmp_path / "api.yaml")]
    read: list[str] = []

    def counted(path: Path, *, most: int) -> bytes:
        read.append(path.name)
        return read_bytes(path, most=most)

    monkeypatch.setattr(source_files, "read_bytes", counted)
    monkeypatch.setattr(source_files, "FRESH_SECONDS", -1.0)
    [first] = scanner.scan(names)
    assert read == ["api.yaml", "part.yaml", "later.yaml"]
    assert scanner.scan(names) == (first,)
    assert len(read) == 3
    # The same content under a new time is read and not parsed.
    os.utime(part, (LONG_AGO + 60, LONG_AGO + 60))
    assert scanner.scan(names)[0] is first
    assert read[3:] == ["part.yaml"]
    write(part, "put: {}")
    [changed] = scanner.scan(names)
    assert [operation.name for operation in changed.operations] == ["PUT /a", "PUT /c"]
    # A file that was missing comes, and one that was there goes.
    write(tmp_path / "later.yaml", "get: {}")
    assert len(scanner.scan(names)[0].operations) == 3
    part.unlink()
    assert len(scanner.scan(names)[0].operations) == 1


def test_a_file_that_was_just_written_is_compared_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = tmp_path / "api.yaml"
    api.write_text(SIMPLE)
    scanner = InterfaceScanner()
    scanner.scan([str(api)])
    about = source_files.stat_of(api)
    monkeypatch.setattr(source_files, "stat_of", lambda _: about)
    api.write_text(SIMPLE.replace("/a", "/b"))
    [document] = scanner.scan([str(api)])
    assert document.operations[0].path == "/b"


def test_a_document_that_becomes_a_folder_is_read_anew(tmp_path: Path) -> None:
    api = write(tmp_path / "docs/api.yaml", HEAD + "paths: {/a: {$ref: part.yaml}}")
    part = write(tmp_path / "docs/part.yaml", "get: {}")
    scanner = InterfaceScanner()
    assert len(scanner.scan([str(api)])[0].operations) == 1
    part.unlink()
    part.mkdir()
    assert scanner.scan([str(api)])[0].operations == ()
