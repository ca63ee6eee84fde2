"""The pages of settings, keys and reports: what each scope is shown, a key that is made and ended, reports by date."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from app.access.models import AccessScope
from app.kit.yaml.tree import Problem
from app.market.time import MARKET_ZONE, local_day
from tests.support.api_factory import ServedApi, served_api
from tests.support.page_factory import HOSTILE
from tests.support.page_person import AFAR, page_person

TOKEN = "a-secret-that-nobody-may-see"


@pytest.fixture
async def api(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServedApi]:
    monkeypatch.setenv("GRIDKEEPER_WEB__PORT", "0")
    async with served_api(database_url, entsoe={"token": SecretStr(TOKEN)}, instance=HOSTILE) as served:
        yield served


async def test_settings_say_what_is_in_force_to_who_administers_and_what_is_wrong_to_all(api: ServedApi) -> None:
    board = api.container.replica().problem_board()
    await board._write([("rules", Problem("rules/own.yaml", 7, HOSTILE, f"mend {HOSTILE}"))])
    async with page_person(api, AccessScope.READ) as reader, page_person(api, AccessScope.ADMIN) as admin:
        page = await reader.page("/settings")
        assert "rules/own.yaml" in page
        assert f"mend {HOSTILE}" in page
        assert "gridkeeper_collection_runs" in page
        assert "are for keys of scope <strong>admin" in page
        assert "GRIDKEEPER_WEB__PORT" not in page
        await reader.page("/settings/keys", 403)
        page = await admin.page("/settings")
        assert TOKEN not in page
        rows = dict(re.findall(r"<code>(GRIDKEEPER_\w+)</code></th>.*?</td><td>(.*?)</td>", page))
        assert rows["GRIDKEEPER_WEB__PORT"] == "<strong>environment</strong>"
        assert rows["GRIDKEEPER_WEB__HOST"] == '<span class="quiet">default</span>'
        assert rows["GRIDKEEPER_INSTANCE"] == "<strong>command line</strong>"
        assert "<img src=x" not in (await admin._client.get("/settings")).text


async def test_a_key_is_made_shown_once_used_and_ended(api: ServedApi) -> None:
    async with page_person(api, AccessScope.ADMIN) as admin:
        fields = {"name": "notebook", "scope": "read", "areas": "FR, NL", "items": "load_actual", "expires": "90d"}
        made = await admin.send("/settings/keys", "/settings/keys", **fields)
        assert (made.status_code, made.headers["cache-control"]) == (200, "no-store")
        token = re.search(r'<code id="token">(gk_[\w-]{43})</code>', made.text)
        assert token
        page = await admin.page("/settings/keys")
        assert token[1] not in page
        assert "FR, NL, load_actual" in page
        async with httpx.AsyncClient(base_url=api.url, headers=AFAR) as client:
            assert (await client.get("/coverage", auth=("any", token[1]))).status_code == 200
        for wrong, label in (
            ({"name": "a b"}, "Name of the person or program"), ({"name": "notebook"}, ""), ({"scope": "operate"}, "Scope"),
            ({"areas": "XX"}, "Areas it may read"), ({"items": "x"}, "Items it may read"), ({"expires": "soon"}, "Ends"),
            ({"expires": "2020-01-01"}, "Ends"), ({"expires": "9999d"}, "Ends"), ({"scope": "all"}, "Scope"),
        ):  # fmt: skip
            answer = await admin.send("/settings/keys", "/settings/keys", **(fields | {"name": "other"} | wrong))
            assert answer.status_code == 422, wrong
            assert f'name="name" value="{wrong.get("name", "other")}"' in answer.text, "what was typed stays"
            assert f'role="alert">{label}' in answer.text, wrong
        await admin.page("/settings/keys/nobody/revoke", 404)
        assert "Revoke the key notebook?" in await admin.page("/settings/keys/notebook/revoke")
        page = await admin.do("/settings/keys/notebook/revoke", "/settings/keys/notebook/revoke")
        assert "The key notebook is revoked" in page
        assert (await admin.send("/settings/keys", "/settings/keys/nobody/revoke")).status_code == 404
        # Keys and who did what with them are in the record of changes, the key itself is not.
        entries = await api.access.audit(before=None, actor=None, limit=20)
        assert [one.action for one in entries][:2] == ["revoke_key", "revoke_key"]
        assert entries[-2].details["scope"] == "read"
        assert token[1] not in str(entries)
    async with page_person(api, AccessScope.OPERATE) as operator:
        assert (await operator.send("/alerts", "/settings/keys", name="x", scope="admin")).status_code == 403
        assert (await operator.send("/alerts", "/settings/keys/admin-0/revoke")).status_code == 403


async def test_reports_are_made_for_any_day_with_their_text_as_it_was_sent(api: ServedApi) -> None:
    yesterday = local_day(datetime.now(UTC), MARKET_ZONE) - timedelta(days=1)
    async with api.container.database().connection() as connection:
        for status in ("sent", "failed"):
            await connection.execute(
                "insert into notifications (channel, group_key, recipients, status, content, created_at, not_before, error) "
                "values ($1, $2, $3, $4, $5, $6, $6, $7)",
                f"mail-{status}", f"message:report:daily:{yesterday}:people", ["people"], status,
                json.dumps({"subject": HOSTILE, "text": f"# Report\n{HOSTILE}", "html": "<p>"}), datetime.now(UTC),
                HOSTILE if status == "failed" else "",
            )  # fmt: skip
    async with page_person(api, AccessScope.READ) as person:
        page = await person.page("/reports")
        assert f'value="{yesterday}"' in page
        assert "mail-sent to people" in page
        assert page.count(f"# Report\n{HOSTILE}") == 2
        assert "<img src=x" not in (await person._client.get("/reports")).text
        assert ("The one after" in page, "SYNTHETIC" in page) == (True, True)
        weekly = await person.page("/reports?kind=weekly&day=2024-W07")
        assert "2024-W06" in weekly
        assert "kept as it was sent" in weekly
        quality = await person.page(f"/reports?kind=quality&day={yesterday}")
        assert f"api/v1/reports/quality?from={yesterday}" in quality
        for link in re.findall(r'href="(api/v1/reports[^"]+)"', page + weekly + quality):
            await person.page(f"/{link}")
        for wrong in ("day=2099-01-01", "day=soon", "kind=yearly", "kind=weekly&day=2024-W99"):
            await person.page(f"/reports?{wrong}", 422)
        limited = await api.key(name="limited", items=("load_actual",))
        await person.sign_in(limited)
        await person.page("/reports", 403)
