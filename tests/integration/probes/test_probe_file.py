"""The file of websites while it is edited: the database follows, and a slip changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.clock import SystemClock
from app.errors import Conflict
from app.kit import watched_file
from app.probes.configured.watching import ProbeFile
from app.probes.maintenance.repository import MaintenanceRepository
from app.probes.maintenance.service import MaintenanceService
from app.probes.vault import Vault
from app.probes.websites.models import WebsiteDraft
from app.probes.websites.repository import WebsiteRepository
from app.probes.websites.service import WebsiteService
from app.settings import ProbeSettings
from tests.support.store_factory import opened

TWO = 'websites: {A: {url: "https://a.example", headers: {X-Key: "${A_KEY}"}}, B: {url: "https://b.example"}}\n'


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_file, "SETTLED_SECONDS", 0.0)


async def test_a_file_owns_its_websites_and_a_slip_changes_nothing(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "s3cret")
    path, applies = tmp_path / "probes.yaml", [False]
    async with opened(database_url) as database:
        rows = WebsiteRepository(database, Vault.of(SecretStr("a key of sixteen"), tmp_path))
        service = WebsiteService(
            rows,
            MaintenanceService(MaintenanceRepository(database), SystemClock()),
            SystemClock(),
            settings=ProbeSettings(),
        )
        file = ProbeFile(path, service, lambda: applies[0], required=False)

        async def said(text: str | None) -> dict[str, tuple[str, bool, str]]:
            path.write_text(text) if text is not None else path.unlink(missing_ok=True)
            for _ in range(2):
                await file.look()
            return {
                one.draft.name: (one.draft.url, one.draft.enabled, "file" if one.managed_by else "")
                for one in await service.all()
            }

        assert (await said(None), file.problems) == ({}, ())
        await rows.add(WebsiteDraft("https://b.example", "of people"), SystemClock().now())
        assert list(await said(TWO)) == ["of people"]  # another process holds the first shard
        applies[0] = True
        both = await said(TWO)
        assert both == {"B": ("https://b.example", True, "file"), "A": ("https://a.example", True, "file")}
        [_, first] = await service.all()
        assert first.draft.headers == {"X-Key": "s3cret"}
        async with database.connection() as connection:
            assert "s3cret" not in str(await connection.fetch("select * from websites"))
        for act in (service.enable(first.website_id, enabled=False), service.delete(first.website_id)):
            with pytest.raises(Conflict, match=r"probes\.yaml"):
                await act
        for slip in ("websites: {A: {}}", "", None):
            assert await said(slip) == both
            assert len(file.problems) == 1
        moved = await said('websites: {A: {url: "https://moved.example"}}')
        assert moved == {"B": ("https://b.example", False, ""), "A": ("https://moved.example", True, "file")}
        assert ([one.website_id for one in await service.all()], file.problems) == ([1, 2], ())
        assert {owner for _, _, owner in (await said("websites: {}")).values()} == {""}
        await service.delete(first.website_id)
