"""What people do with websites: add, change, pause, delete, and look at what the checks have shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.clock import Clock
from app.errors import ConfigurationError, Conflict, NotFound
from app.probes.checking.addresses import AddressPolicy, refused_literal
from app.probes.evidence import sql as evidence
from app.probes.maintenance.service import MaintenanceService
from app.probes.regions.models import RegionView
from app.probes.remarks import PARENT, remarks_on_website
from app.probes.rollups import sql as rollups
from app.probes.sharing import sql as sharing
from app.probes.websites import sql
from app.probes.websites.addresses import origin, shown_proxy, url_key
from app.probes.websites.availability import Availability, availability_of, since_known
from app.probes.websites.checks import check_conditions, request_of
from app.probes.websites.models import (
    HIDDEN,
    SECRETS,
    CheckRecord,
    StatusWindow,
    Website,
    WebsiteDraft,
    WindowKind,
    with_secrets,
)
from app.probes.websites.repository import WebsiteRepository
from app.settings import ProbeSettings

Edit = Callable[[WebsiteDraft], WebsiteDraft]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of a list of websites."""

    added: int
    changed: int
    same: int


@dataclass(frozen=True, slots=True)
class FollowResult:
    """What became of the websites of a file."""

    added: int
    changed: int
    released: int


class WebsiteService:
    """The websites of one database."""

    def __init__(
        self, repository: WebsiteRepository, maintenance: MaintenanceService, clock: Clock, *, settings: ProbeSettings
    ) -> None:
        self._repository = repository
        self._maintenance = maintenance
        self._clock = clock
        self._policy = AddressPolicy.of(settings)
        self._kept = {
            sql.CHECKS: timedelta(days=settings.checks_days),
            rollups.HOURS: timedelta(days=settings.hourly_days),
            rollups.DAYS: timedelta(days=settings.daily_days),
            rollups.REGION_DAYS: timedelta(days=60),
            evidence.CONNECTIONS: timedelta(days=settings.checks_days),
            evidence.CERTIFICATES: timedelta(days=1),
        }

    async def page(self, after: int, limit: int) -> list[Website]:
        return await self._repository.page(after, limit)

    async def all(self) -> list[Website]:
        return await self._repository.all()

    async def read(self, website_id: int) -> Website:
        return await self._repository.read(website_id)

    async def find(self, text: str) -> Website:
        """The website of a number or a name; NotFound, or ConfigurationError where the text means several."""
        found = await self._repository.named(text)
        if text.isascii() and text.isdigit() and len(text) < 19:
            other = next((one for one in found if one.website_id != int(text)), None)
            if other is None:
                return await self._repository.read(int(text))
            numbered = await self._repository.read_many([int(text)])
            if numbered:
                raise ConfigurationError(
                    f"{text} is the number of {numbered[0].draft.name!r} and the name of website {other.website_id}; say "
                    "the name of the one or the number of the other"
                )
        if not found:
            raise NotFound(f"there is no website {text!r}; `gridkeeper websites list` shows them all")
        if len(found) > 1:
            numbers = ", ".join(str(one.website_id) for one in found)
            raise ConfigurationError(f"several websites have the name {text!r}; take a number: {numbers}")
        return found[0]

    async def add(self, draft: WebsiteDraft) -> Website:
        _check_new(draft)
        self._check_addresses(draft)
        return await self._repository.add(draft, self._clock.now())

    async def remarks(self, website: Website) -> tuple[str, ...]:
        """What people may not have meant with a website, in sentences."""
        draft, parent = website.draft, website.draft.labels.get(PARENT, "")
        same = await self._repository.named(draft.name)
        parents = await self._repository.named(parent) if parent else []
        return remarks_on_website(
            draft, *({one.website_id for one in found} - {website.website_id} for found in (same, parents))
        )

    async def edit(self, website_id: int, change: Edit) -> Website:
        """The website after a change of what is shown of it; what is hidden there stays as it was."""
        before = (await self.changeable(website_id)).draft
        draft = change(masked(before))
        kept = kept_secrets(draft, before)
        _check_change(kept, before)
        if (kept.url, kept.proxy) != (before.url, before.proxy):
            self._check_addresses(kept)
        return await self._repository.change(website_id, kept, self._clock.now())

    def _check_addresses(self, draft: WebsiteDraft) -> None:
        """ConfigurationError where one is an address that no check connects to; names are looked up with each check."""
        for name, url in (("url", draft.url), ("proxy", draft.proxy)):
            if (refusal := refused_literal(url, self._policy)) is not None:
                raise ConfigurationError(
                    f"{name}: {refusal}, so that its checks would never leave; if it is meant, allow its network by "
                    "GRIDKEEPER_PROBES__ALLOWED_NETWORKS"
                )

    async def availabilities(
        self, website_ids: Sequence[int] | None, start: datetime, end: datetime
    ) -> list[tuple[Website, Availability]]:
        """How available websites (None: all) were in a range; it begins when a website was added, and ends now."""
        now = self._clock.now()
        return [
            (one, availability_of(windows, max(start, one.created_at), min(end, now)))
            for one, windows in await self.with_windows(website_ids, start, end)
        ]

    async def with_windows(
        self, website_ids: Sequence[int] | None, start: datetime, end: datetime
    ) -> list[tuple[Website, list[StatusWindow]]]:
        """Websites (None: all) with the windows of all kinds that reach into a range."""
        now = self._clock.now()
        websites = (
            await self._repository.all() if website_ids is None else await self._repository.read_many(website_ids)
        )
        windows = await self._repository.windows_within(website_ids, start, end)
        planned = await self._maintenance.windows(websites, start, end)
        return [
            (
                one,
                [*windows.get(one.website_id, ()), *planned.get(one.website_id, ()), *since_known(one, now)],
            )
            for one in websites
        ]

    async def take(self, drafts: Sequence[WebsiteDraft], *, dry_run: bool = False) -> ImportResult:
        """Change the websites whose address is known, add the others; what is hidden stays as it was."""
        known = {url_key(one.draft.url): one for one in await self._repository.all()}
        added = changed = same = 0
        for draft in drafts:
            other = known.get(url_key(draft.url))
            if other is not None and other.managed_by and kept_secrets(draft, other.draft) != other.draft:
                raise Conflict(f"the website {other.website_id} belongs to {other.managed_by}; change it in that file")
            if other is None:
                _check_new(draft)
            else:
                _check_change(kept_secrets(draft, other.draft), other.draft)
        for draft in drafts:
            before = known.get(url_key(draft.url))
            if before is None:
                self._check_addresses(draft)
                added += 1
                if not dry_run:
                    known[url_key(draft.url)] = await self.add(draft)
            elif kept_secrets(draft, before.draft) == before.draft:
                same += 1
            else:
                changed += 1
                if not dry_run:
                    known[url_key(draft.url)] = await self.edit(before.website_id, lambda _, draft=draft: draft)  # type: ignore[misc]
        return ImportResult(added, changed, same)

    async def enable(self, website_id: int, *, enabled: bool) -> Website:
        """Resumed, or paused; a website that is so already stays as it is."""
        found = await self._repository.read(website_id)
        if found.draft.enabled == enabled:
            return found
        return await self.edit(website_id, lambda draft: replace(draft, enabled=enabled))

    async def changeable(self, website_id: int) -> Website:
        """The website, which no file owns; Conflict that names the file where one does."""
        found = await self._repository.read(website_id)
        if found.managed_by:
            raise Conflict(f"the website {website_id} belongs to {found.managed_by}; change it in that file")
        return found

    async def follow(self, file: str, drafts: Sequence[WebsiteDraft]) -> FollowResult:
        """Let the websites of a file be as it says; one that it names no more is paused, and is anybody's again."""
        now, every = self._clock.now(), await self._repository.all()
        by_key = {url_key(one.draft.url): one for one in every}
        own = {one.draft.name: one for one in every if one.managed_by == file}
        kept = {by_key[key].website_id for draft in drafts if (key := url_key(draft.url)) in by_key}
        added = changed = 0
        for draft in drafts:
            before = by_key.get(url_key(draft.url))
            if before is None and (named := own.get(draft.name)) is not None and named.website_id not in kept:
                before = named  # it moved to another address
                kept.add(named.website_id)
            if before is None:
                await self._repository.add(draft, now, managed_by=file)
                added += 1
            elif (before.draft, before.managed_by) != (draft, file):
                await self._repository.change(before.website_id, draft, now, managed_by=file)
                changed += 1
        released = [one for one in every if one.managed_by == file and one.website_id not in kept]
        for one in released:
            await self._repository.change(one.website_id, replace(one.draft, enabled=False), now, managed_by="")
        return FollowResult(added, changed, len(released))

    async def regions(self, website_id: int) -> list[RegionView]:
        """How each of its regions sees a website; NotFound where there is no such website."""
        await self._repository.read(website_id)
        return await self._repository.regions(website_id)

    async def check_now(self, website_id: int) -> Website:
        """The website, due at once, also while its checks pause after failures."""
        return await self._repository.ask_now(website_id, self._clock.now())

    async def delete(self, website_id: int) -> None:
        await self.changeable(website_id)
        await self._repository.delete(website_id, self._clock.now())

    async def checks(
        self, website_id: int, *, before: datetime | None, limit: int, failed: bool = False
    ) -> list[CheckRecord]:
        """Results or those that failed, the newest first; NotFound where there is no such website."""
        await self._repository.read(website_id)
        return await self._repository.checks(website_id, before=before, limit=limit, failed=failed)

    async def windows(
        self, website_id: int, kind: WindowKind, *, before: tuple[datetime, int] | None, limit: int
    ) -> Sequence[StatusWindow]:
        """Windows of a kind, the newest first; NotFound where there is no such website."""
        await self._repository.read(website_id)
        if kind is WindowKind.MAINTENANCE:
            return await self._maintenance.windows_of(website_id, before=before, limit=limit)
        return await self._repository.windows(website_id, kind, before=before, limit=limit)

    async def annotate(
        self,
        website_id: int,
        window_id: int | None,
        by: str,
        *,
        acknowledged: bool | None = None,
        note: str | None = None,
    ) -> StatusWindow:
        """A downtime (without a number the last one) that somebody looks after, or says something of; what is None stays."""
        await self._repository.read(website_id)
        return await self._repository.annotate(
            website_id, window_id, by, self._clock.now(), acknowledged=acknowledged, note=note
        )

    async def downtime(self, website_id: int, window_id: int) -> StatusWindow:
        """A downtime of a website; NotFound where it has none of this number."""
        return await self._repository.downtime(website_id, window_id)

    async def tidy(self, now: datetime) -> str:
        """Erase old results, and what is left of deleted websites; in words."""
        gone = sum([await self._repository.erase_old(kept, now - age) for kept, age in self._kept.items()])
        gone += await self._repository.erase_deleted(now)
        await self._maintenance.extend()
        await self._repository.erase_old(sharing.HOLDERS, now - timedelta(hours=1))
        return f"{gone} rows of old checks and deleted websites erased" if gone else ""


def masked(draft: WebsiteDraft) -> WebsiteDraft:
    """A website without values that may be secret."""
    shown = with_secrets(draft, lambda _: HIDDEN)
    return replace(shown, proxy=shown_proxy(draft.proxy, HIDDEN)) if draft.proxy else shown


def _check_new(draft: WebsiteDraft) -> None:
    """ConfigurationError where a website cannot be checked as it is said, or where a value of it is hidden."""
    kept_secrets(draft, WebsiteDraft(draft.url, ""))
    check_conditions(request_of(draft))


def _check_change(draft: WebsiteDraft, before: WebsiteDraft) -> None:
    """The same of a website that is known; conditions that were taken once stay while nothing about them changes."""
    request = request_of(draft)
    if any(
        getattr(draft, name) != getattr(before, name) for name in ("conditions", "url", "timeout", "follow_redirects")
    ):
        check_conditions(request)


def kept_secrets(draft: WebsiteDraft, before: WebsiteDraft) -> WebsiteDraft:
    """The draft with the values that are hidden in it; they are sent nowhere but where they were sent before."""
    headers = [name for name, value in draft.headers.items() if value == HIDDEN]
    whole = [name for name in SECRETS if getattr(draft, name) == HIDDEN]
    hidden = [*(f"headers.{name}" for name in headers), *whole]
    if hidden and origin(draft.url) != origin(before.url):
        raise ConfigurationError(f"{hidden[0]}: say its value again, because the address leads to another server now")
    known = {name.lower(): value for name, value in before.headers.items()}
    for name in headers:
        if name.lower() not in known:
            raise _nothing_kept(f"headers.{name}")
    for name in whole:
        if not getattr(before, name):
            raise _nothing_kept(name)
    kept: dict[str, Any] = {name: getattr(before, name) for name in whole}
    return replace(
        draft,
        headers={name: known[name.lower()] if value == HIDDEN else value for name, value in draft.headers.items()},
        **{"proxy": _kept_proxy(draft.proxy, before.proxy), **kept},
    )


def _kept_proxy(said: str, before: str) -> str:
    """The proxy with the login that is hidden in it, which goes to no other proxy."""
    if f"//{HIDDEN}@" not in said:
        return said
    if not before:
        raise _nothing_kept("proxy")
    if said.rstrip("/").lower() != shown_proxy(before, HIDDEN).rstrip("/").lower():
        raise ConfigurationError("proxy: say its user and password again, because it is another proxy")
    return before


def _nothing_kept(field: str) -> ConfigurationError:
    return ConfigurationError(f"{field}: {HIDDEN} stands for a value that is kept, and there is none")
