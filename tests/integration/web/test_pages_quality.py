"""The pages of quality: scores, findings with filters, a finding with its evidence, and what can be done about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from app.access.models import AccessScope
from tests.support.api_factory import ServedApi, served_api
from tests.support.page_factory import HOSTILE, keep_finding
from tests.support.page_person import page_person
from tests.support.quality_series import load
from tests.support.quality_world import QualityWorld, at

DAYS = 60
END = int(datetime.now(UTC).timestamp()) // 86_400 * 86_400


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    """A load with one negative value that was scanned, and a finding whose texts are hostile."""
    series = replace(load(DAYS), start=END - DAYS * 86_400)
    series.values[-50] = -5.0
    async with served_api(database_url) as served:
        await QualityWorld(served.container.database()).store(series, learned=at(END))
        await served.container.quality().service().scan_recent(DAYS, datetime.now(UTC))
        await keep_finding(served, at(END) - timedelta(days=20))
        yield served


async def test_scores_lead_to_findings_and_each_finding_shows_its_evidence(api: ServedApi) -> None:
    async with page_person(api, AccessScope.READ) as person:
        scores = await person.page("/quality")
        assert 'href="quality?item=load_actual&area=">load actual</a>' in scores
        assert "1 open" in scores
        assert scores.count('<svg class="spark"') >= 6
        assert "No day has been scored" in await person.page("/quality?area=NL")
        for query, found in (
            ("", 2), ("?state=open", 1), ("?rule=stuck&severity=warning", 1), ("?area=FR&item=load_actual&from=-4d", 1),
            ("?before=2", 1), ("?to=-30d", 0), ("?item=price_day_ahead", 0),
        ):  # fmt: skip
            page = await person.page(f"/quality/findings{query}")
            assert page.count('<th scope="row"') == found, query
        for wrong in ("rule=x", "severity=x", "state=x", "from=x", "before=0", "area=x", "colour=x"):
            await person.page(f"/quality/findings?{wrong}", 422)
        finding = await person.page("/quality/findings/1")
        assert "<polyline" in finding
        assert "Accept the values" not in finding
        assert "with scope <strong>operate" in finding
        hostile = await person._client.get("/quality/findings/2")
        assert "<img src=x" not in hostile.text
        assert hostile.text.count("&lt;img src=x") >= 4
        await person.page("/quality/findings/99", 404)
        await person.page(f"/quality/findings?state={quote(HOSTILE)}", 422)
        assert (await person.send("/quality", "/quality/findings/1/accept", note="x")).status_code == 403
    async with page_person(api, None) as person:
        await person.sign_in(await api.key(name="prices", items=("price_day_ahead",)))
        assert "No day has been scored" in await person.page("/quality")
        assert "No finding is like that" in await person.page("/quality/findings")
        await person.page("/quality/findings/1", 404)


async def test_findings_are_accepted_and_looked_at_again_by_who_may(api: ServedApi) -> None:
    async with page_person(api, AccessScope.OPERATE) as person:
        path = "/quality/findings/1"
        assert "the finding is open" in await person.do(path, f"{path}/recheck")
        assert (await person.send(path, f"{path}/accept", note=" ")).status_code == 422
        page = await person.do(path, f"{path}/accept", note=HOSTILE)
        assert "Accepted by operate" in page
        assert HOSTILE in page
        assert (await person.send(path, "/quality/findings/99/accept", note="x")).status_code == 404
    [finding] = await api.container.quality().rows().findings(ids=[1])
    assert (finding.state, finding.note) == ("accepted", HOSTILE)
    actions = [one.action for one in await api.access.audit(before=None, actor=None, limit=9)]
    assert actions.count("accept_finding") == 3
    assert actions.count("recheck_finding") == 1
