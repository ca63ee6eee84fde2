"""Nineteen real documents, where they are at hand, have the counts of their manifest."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from app.probes.scanning.scanner import InterfaceScanner
from app.probes.scanning.selection import ProbeRules, choose_probes

DOCUMENTS = Path(__file__).parents[4] / "shared" / "probes" / "openapi"
MANIFEST = DOCUMENTS / "manifest.csv"


@pytest.mark.skipif(not MANIFEST.is_file(), reason="the real documents are not here")
def test_they_have_the_counts_of_their_manifest() -> None:
    with MANIFEST.open(encoding="utf-8") as lines:
        expected = {
            row["file"]: (
                row["version"],
                int(row["operations"]),
                int(row["get_operations"]),
                row["get_without_required_params"],
            )
            for row in csv.DictReader(lines)
        }
    found = {}
    for document in InterfaceScanner().scan([str(DOCUMENTS)]):
        gets = [operation for operation in document.operations if operation.method == "GET"]
        free = [one for one in gets if not any(parameter.required for parameter in one.parameters)]
        name = Path(document.file).name
        found[name] = (document.version, len(document.operations), len(gets), str(len(free)))
        selection = choose_probes(document, ProbeRules(base_url="https://x.example"))
        assert len(selection.probed) + len(selection.skipped) == len(document.operations)
        assert len(selection.probed) >= len(free)
        assert document.complete
        assert bool(document.defects) == name.startswith("broken")
    assert len(found) == 19
    assert found == expected
