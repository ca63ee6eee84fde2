"""The browser libraries in the package are what the lock file gave, with their licences."""

from __future__ import annotations

from scripts.assets import DIGESTS, FILES, VENDOR, problems


def test_vendored_files_have_their_digests_and_licences() -> None:
    assert problems() == []
    for package, files in FILES.items():
        assert any(file.startswith("LICENSE") for file in files)
        assert {path.name for path in (VENDOR / package).iterdir()} == {file.rpartition("/")[2] for file in files}
    assert not DIGESTS.read_text().startswith(" ")
