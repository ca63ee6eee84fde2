"""A token that the platform refuses is seen wherever people look, and the service stays."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
from pydantic import SecretStr

from app.clock import SystemClock
from app.lifecycle import serve
from app.monitoring.status import read_status
from app.sandbox.server import SandboxServer
from app.sandbox.settings import SandboxSettings
from app.settings import DatabaseSettings, EntsoeSettings, SchedulerSettings, Settings, WebSettings
from app.web.app import http_side
from app.wiring.catalog import CATALOG
from tests.support.store_factory import opened
from tests.support.web_factory import answered, free_port

WRONG = "a-token-nobody-knows"


async def test_a_refused_token_is_seen_in_ready_in_metrics_and_in_status(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("areas: [FR]\nitems: [load_actual]\njobs: {}\n")
    port, stop = free_port(), asyncio.Event()
    async with SandboxServer(SandboxSettings()) as platform, httpx.AsyncClient() as client:
        settings = Settings(
            sandbox=True,
            entsoe=EntsoeSettings.model_validate({"base_url": platform.url, "token": SecretStr(WRONG)}),
            database=DatabaseSettings(url=SecretStr(database_url)),
            scheduler=SchedulerSettings(plan_file=tmp_path / "plan.yaml", tick=0.2),
            web=WebSettings(port=port),
        )
        running = asyncio.create_task(serve(settings, lambda _text: None, stop, (http_side,)))
        address = f"http://127.0.0.1:{port}"
        ready = await answered(client, f"{address}/health/ready", lambda found: "refused_token" in found.text)
        metrics = await client.get(f"{address}/metrics")
        stop.set()
        await running
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert "GRIDKEEPER_ENTSOE__TOKEN" in ready.json()["warnings"][0]
    assert ready.json()["platform"]["checked_at"]
    assert 'gridkeeper_platform_state{state="refused_token"} 1.0' in metrics.text
    async with opened(database_url) as database:
        found = await read_status(database, CATALOG.publication, SystemClock().now())
    assert (found.platform.condition, found.platform.error_class) == ("refused_token", "AccessDenied")
    assert WRONG not in ready.text + metrics.text + found.platform.error
