"""Websites of every state with the results of their checks, as a running service would have left them; texts are hostile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from app.probes.maintenance.models import MaintenanceDraft
from app.probes.regions.repository import RecordedCheck
from app.probes.websites.models import OURS, CheckRecord, WebsiteDraft
from app.probes.websites.state import CheckPolicy, after_check
from tests.support.api_factory import ServedApi
from tests.support.page_factory import HOSTILE

MINUTE = timedelta(minutes=1)
SECRET = "hunter2-secret"
POLICY = CheckPolicy(5 * MINUTE, timedelta(seconds=30), 2, 2, timedelta(seconds=20), 0.5)
GOOD, BAD = "", "timeout"
STATES: dict[str, Sequence[str]] = {
    "down": (*[GOOD] * 4, *[BAD] * 6),
    "failing": (*[GOOD] * 5, BAD),
    "ours": (GOOD, GOOD, OURS),
    "moved": (GOOD, BAD, BAD),
    "up": (*[GOOD] * 3, BAD, *[GOOD] * 96),
    "paused": (GOOD, GOOD),
}
"""By the name of a website the reasons of its checks, the oldest first; the last one was just now."""


async def keep_website(api: ServedApi, draft: WebsiteDraft, reasons: Sequence[str]) -> int:
    """A website with results, a minute apart; its number."""
    rows, now = api.container.probes().website_rows(), api.container.clock().now()
    found = await rows.add(draft, now - (len(reasons) + 1) * MINUTE)
    for place, reason in enumerate(reasons):
        await keep_result(api, found.website_id, reason, place, now - (len(reasons) - place - 1) * MINUTE)
    return found.website_id


async def keep_result(api: ServedApi, website_id: int, reason: str, place: int = 0, at: datetime | None = None) -> None:
    """One more result of a website, of now unless said otherwise."""
    rows, now = api.container.probes().website_rows(), api.container.clock().now()
    at, found = at or now, await rows.read(website_id)
    step = after_check(found.state, POLICY, at, reason, now=at)
    record = CheckRecord(
        step.state.latest_at, not reason, reason, status=None if reason else 200, dns_ms=2, connect_ms=10,
        tls_ms=20, first_byte_ms=30 + place, total_ms=70 + place, bytes=1000, attempts=3 if reason else 1,
        address="192.0.2.1", http_version="1.1", final_url=found.draft.url, certificate_ends_at=now + timedelta(days=9),
        message=HOSTILE if reason else "", excerpt=HOSTILE if reason else "",
    )  # fmt: skip
    assert await rows.record([RecordedCheck(website_id, record, step)])


async def keep_websites(api: ServedApi) -> dict[str, int]:
    """One website of every state and their numbers by name; the one that is up has a hostile name and a secret header."""
    found = {}
    for name, reasons in STATES.items():
        draft = WebsiteDraft(f"https://{name}.example/", name, labels={"group": "shop"})
        if name == "up":
            draft = replace(
                draft, name=HOSTILE, headers={"X-Key": SECRET}, labels={"group": HOSTILE, "team": HOSTILE}, note=HOSTILE
            )
        found[name] = await keep_website(api, draft, reasons)
    services = api.container.probes()
    await services.websites().enable(found["paused"], enabled=False)
    await services.websites().annotate(found["down"], None, HOSTILE, acknowledged=True, note=HOSTILE)
    now = api.container.clock().now()
    plan = MaintenanceDraft(HOSTILE, timedelta(hours=2), website_id=found["moved"], starts_at=now - timedelta(hours=1))
    await services.maintenance().add(plan, HOSTILE)
    return found


async def keep_regions(api: ServedApi) -> int:
    """A website of three regions, one of which says down; its number."""
    rows, now = api.container.probes().website_rows(), api.container.clock().now()
    found = await rows.add(WebsiteDraft("https://regions.example/", "regions", regions=("eu", "us", "ap")), now)
    async with api.container.database().connection() as connection:
        await connection.execute("""
            update website_region_states
            set status = 'down', unknown = false, known_until = now() + interval '1 h', reason = 'refused', checked_at = now()
            where region = 'us'
        """)
    return found.website_id


SHOWN: Mapping[str, tuple[str, Sequence[str]]] = {
    "Shop": ("shop", (*[GOOD] * 40, BAD, *[GOOD] * 49)),
    "Checkout": ("shop", (*[GOOD] * 80, *["status"] * 9)),
    "Catalogue": ("shop", (*[GOOD] * 86, "refused", "refused")),
    "Login": ("platform", (*[GOOD] * 90,)),
    "Mail API": ("platform", (*[GOOD] * 60, "timeout", *[GOOD] * 28, "timeout")),
    "Docs": ("platform", (*[GOOD] * 90,)),
}
"""As SHOWN in pictures of the docs: the group of each website and the reasons of its checks."""


async def keep_shown(api: ServedApi) -> None:
    """Websites for a picture of the docs; a service that runs beside it checks none of them."""
    numbers = {}
    for name, (group, reasons) in SHOWN.items():
        host = name.lower().replace(" ", "-")
        draft = WebsiteDraft(f"https://{host}.example/", name, check_interval=3600, labels={"group": group})
        numbers[name] = await keep_website(api, draft, reasons)
    services = api.container.probes()
    await services.websites().annotate(numbers["Checkout"], None, "anna", acknowledged=True, note="provider informed")
    now = api.container.clock().now()
    move = MaintenanceDraft(
        "Move", timedelta(hours=4), website_id=numbers["Catalogue"], starts_at=now - timedelta(hours=1)
    )
    await services.maintenance().add(move, "anna")
    async with api.container.database().connection() as connection:
        later = now + timedelta(hours=1)
        await connection.execute("update website_states set due_at = $1, known_until = $1, break_until = null", later)
