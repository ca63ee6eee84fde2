"""Services of interfaces on the pages: how they stand, what is hostile in their documents, and a cycle now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.access.models import AccessScope
from tests.support.api_factory import ServedApi, served_api
from tests.support.interface_factory import CONFIG, keep_service, keep_suite
from tests.support.page_factory import HOSTILE
from tests.support.page_person import page_person


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[ServedApi]:
    file = tmp_path / "interfaces.yaml"
    file.write_bytes(CONFIG)
    async with served_api(database_url, probes={"interfaces_file": file}) as served:
        yield served


async def test_a_service_tells_which_operations_fail_and_what_is_not_probed(api: ServedApi) -> None:
    async with page_person(api, None) as somebody:
        assert "No service is probed yet" in await somebody.page("/monitors/services")
    number, down = await keep_service(api)
    async with page_person(api, AccessScope.READ) as person:
        page = await person.page("/monitors/services")
        assert "1 of 1 service needs somebody" in page
        assert 'aria-label="The last 90 cycles: 1 partly failed, 1 failed, 88 without a check"' in page
        assert f"documents: {HOSTILE}" in page
        assert "No service is like that." in await person.page("/monitors/services?q=nothing&state=up")
        page = await person.page("/monitors/services/shop")
        assert page.count('<tr data-key="operation-') == 3
        assert page.index(f"operation-{down}") < page.index("GET /b<")
        assert f"status: {HOSTILE}" in page
        assert "66.67 %" in page
        assert f"{HOSTILE}, 3 ms" in page
        assert page.count('<tr data-key="change-') == 1
        assert "Run now</button>" not in page
        assert (await person.page("/monitors/services/shop?status=down")).count('<tr data-key="operation-') == 1
        page = await person.page("/monitors/services/shop?view=documents")
        assert "Not probed: 1" in page
        assert "POST may change something; allow it by name to probe it" in page
        assert f"{HOSTILE}, line 7" in page
        assert "Defects: 1" in page
        page = await person.page(f"/monitors/operations/{down}")
        assert f'<div class="text">{HOSTILE}' in page
        assert 'id="suites"' not in await person.page("/monitors/services/shop")
        suite = await keep_suite(api, number)
        for path in ("services/shop", f"operations/{suite}"):
            text = (await person.page(f"/monitors/{path}")).partition("Steps of ")[2].partition("</table>")[0]
            login, order, pay, cleanup = text.partition("<tbody>")[2].split("<tr>")[1:]
            assert ("POST /login" in login, "12 ms" in login, ">good<" in login) == (True, True, True)
            assert (">condition<" in order, HOSTILE in order, "201" in order) == (True, True, True)
            assert (">not sent<" in pay, "a step before it failed" in pay) == (True, True)
            assert "cleaning up" in cleanup
        for path, status in (("services/none", 404), ("operations/99", 404), ("services/shop?status=x", 422)):
            await person.page(f"/monitors/{path}", status)
        assert (await person.send("/sign-in", f"/monitors/services/{number}/run")).status_code == 403
    async with page_person(api, AccessScope.OPERATE) as person:
        page = await person.do("/monitors/services/shop", f"/monitors/services/{number}/run")
        assert "A cycle of shop begins within a second." in page
    assert [one[0] for one in await api.container.probes().interface_rows().requested()] == ["shop"]
