"""Websites of one database with what their checks have shown."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from asyncpg import UniqueViolationError

from app.db.feed.notices import RESULTS, WEBSITES, notices_of
from app.db.retention import Retention, erase
from app.errors import Conflict, NotFound
from app.probes.evidence import sql as evidence
from app.probes.evidence.check_rows import check_values, checked_row
from app.probes.evidence.models import NotedConnection
from app.probes.evidence.rows import certificate_lists, connection_lists
from app.probes.regions import repository as regions
from app.probes.regions.models import RegionView
from app.probes.regions.repository import RecordedCheck
from app.probes.regions.shares import split
from app.probes.rollups import sql as rollups
from app.probes.sharing.shares import SHARDS
from app.probes.vault import Vault
from app.probes.websites import sql, state
from app.probes.websites.addresses import url_key
from app.probes.websites.models import (
    CheckRecord,
    StatusWindow,
    Website,
    WebsiteDraft,
    WindowChange,
    WindowKind,
    with_secrets,
)
from app.probes.websites.state_rows import state_lists, state_of, state_values

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Connection, Database

ERASED_AT_ONCE = 10_000
"""Results of a deleted website that go in one statement."""


class WebsiteRepository:
    """Every public method is one transaction, but those that erase in parts."""

    def __init__(self, database: Database, vault: Vault | None = None, *, region: str = "") -> None:
        """Secrets are sealed by the vault; without one they stand as they are. The region is that of this process."""
        self._database = database
        self._vault = vault
        self._region = region

    def _of(self, row: Record) -> Website:
        found = _website(row)
        return found if self._vault is None else replace(found, draft=with_secrets(found.draft, self._vault.open))

    def _columns(self, draft: WebsiteDraft) -> tuple[Any, ...]:
        kept = draft if self._vault is None else with_secrets(draft, self._vault.seal)
        values = [getattr(kept, field.name) for field in fields(kept)]
        return tuple(_stored(value) for value in values)

    async def page(self, after: int, limit: int) -> list[Website]:
        """The websites behind a number, in the order of their numbers."""
        async with self._database.connection() as connection:
            return [self._of(row) for row in await connection.fetch(sql.PAGE, after, limit)]

    async def all(self) -> list[Website]:
        async with self._database.connection() as connection:
            return [self._of(row) for row in await connection.fetch(sql.ALL)]

    async def of_shards(self, shards: Collection[int]) -> list[Website]:
        """Those of some of the shards; of a website that names regions, as that of this process knows it."""
        common, regional = split(shards)
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.OF_SHARDS, common, SHARDS) if common else []
            if regional:
                rows = [*rows, *await connection.fetch(sql.OF_SHARDS_OF_REGION, self._region, regional, SHARDS)]
            return [self._of(row) for row in rows]

    async def read_checked(self, website_ids: Sequence[int]) -> list[Website]:
        """Those that may be checked here: that name no region, or that of this process, as this region knows them."""
        numbers = list(website_ids)
        async with self._database.connection() as connection:
            found = [self._of(row) for row in await connection.fetch(sql.READ, numbers)]
            own = {row["website_id"]: row for row in await connection.fetch(sql.READ_OF_REGION, self._region, numbers)}
        common = [one for one in found if not one.draft.regions]
        return [*common, *(self._of(row) for row in own.values())]

    async def regions(self, website_id: int) -> list[RegionView]:
        """What each region knows of the website."""
        async with self._database.connection() as connection:
            return await regions.views_of(connection, website_id)

    async def read(self, website_id: int) -> Website:
        """NotFound where there is none."""
        found = await self.read_many([website_id])
        if not found:
            raise _absent(website_id)
        return found[0]

    async def read_many(self, website_ids: Sequence[int]) -> list[Website]:
        """Those that are there."""
        async with self._database.connection() as connection:
            return [self._of(row) for row in await connection.fetch(sql.READ, list(website_ids))]

    async def named(self, name: str) -> list[Website]:
        async with self._database.connection() as connection:
            return [self._of(row) for row in await connection.fetch(sql.NAMED, name)]

    async def add(self, draft: WebsiteDraft, now: datetime, *, managed_by: str = "") -> Website:
        """The new website, of a file where one is named; Conflict that names the other where its address is checked already."""
        key = url_key(draft.url)
        async with self._database.transaction() as connection:
            website_id = await connection.fetchval(sql.ADD, *self._columns(draft), key, now, managed_by)
            if website_id is None:
                raise await _taken(connection, key)
            step = state.begun(now, enabled=draft.enabled)
            await connection.execute(sql.ADD_STATE, website_id, *state_values(step.state))
            await _apply(connection, website_id, step.changes)
            await regions.follow_draft(connection, website_id, None, draft, now)
            await connection.execute(sql.TELL, WEBSITES, str(website_id))
        return Website(website_id, draft, now, now, step.state, managed_by)

    async def change(
        self, website_id: int, draft: WebsiteDraft, now: datetime, *, managed_by: str | None = None
    ) -> Website:
        """The website as it is to be from now on; NotFound, or Conflict that names the other with this address.

        `managed_by` names the file that owns it from now on, or none; None: as before.
        """
        try:
            return await self._changed(website_id, draft, now, managed_by)
        except UniqueViolationError:
            async with self._database.connection() as connection:
                raise await _taken(connection, url_key(draft.url)) from None

    async def _changed(self, website_id: int, draft: WebsiteDraft, now: datetime, managed_by: str | None) -> Website:
        async with self._database.transaction() as connection:
            before = self._of(await _locked(connection, website_id))
            await connection.execute(sql.CHANGE, *self._columns(draft), url_key(draft.url), now, website_id, managed_by)
            step = state.edited(before.state, before.draft, draft, now)
            await connection.execute(sql.WRITE_STATE, website_id, *state_values(step.state))
            await _apply(connection, website_id, step.changes)
            await regions.follow_draft(connection, website_id, before.draft, draft, now)
            await connection.execute(sql.TELL, WEBSITES, str(website_id))
        owner = before.managed_by if managed_by is None else managed_by
        return Website(website_id, draft, before.created_at, now, step.state, owner)

    async def ask_now(self, website_id: int, now: datetime) -> Website:
        """The website, due at once whatever its checks pause for."""
        async with self._database.transaction() as connection:
            before = self._of(await _locked(connection, website_id))
            if not before.draft.enabled:
                raise Conflict(f"the checks of the website {website_id} are paused; resume them first")
            due = replace(before.state, due_at=now, version=before.state.version + 1)
            await connection.execute(sql.WRITE_STATE, website_id, *state_values(due))
            await regions.due_now(connection, website_id, now)
            await connection.execute(sql.TELL, WEBSITES, str(website_id))
        return replace(before, state=due)

    async def delete(self, website_id: int, now: datetime) -> None:
        """Nobody sees it any more; its results go now or, where they are many, in parts later (`erase_deleted`)."""
        async with self._database.transaction() as connection:
            if await connection.fetchval(sql.DELETE, website_id, now) is None:
                raise _absent(website_id)
            await connection.execute(sql.DELETE_STATE, website_id)
            await connection.execute(sql.DELETE_REGION_STATES, website_id)
            await connection.execute(sql.DELETE_WINDOWS, website_id)
            await connection.execute(sql.DELETE_PLANS, website_id)
            await connection.execute(sql.DELETE_CHECKS, website_id, ERASED_AT_ONCE)
            await connection.execute(sql.TELL, WEBSITES, str(website_id))

    async def erase_deleted(self, now: datetime) -> int:
        """Erase, part by part, what is left of deleted websites; how many rows went."""
        gone = 0
        async with self._database.connection() as connection:
            for row in await connection.fetch(sql.DELETED_IDS):
                for statement in (
                    rollups.FORGET_HOURS,
                    rollups.FORGET_DAYS,
                    rollups.FORGET_REGION_DAYS,
                    evidence.FORGET,
                ):
                    await connection.execute(statement, row["website_id"])
                count = ERASED_AT_ONCE
                while count >= ERASED_AT_ONCE:
                    done = await connection.execute(sql.DELETE_CHECKS, row["website_id"], ERASED_AT_ONCE)
                    count = int(done.rsplit(maxsplit=1)[-1])
                    gone += count
            return gone + await erase(connection, sql.DELETED, now)

    async def erase_old(self, kept: Retention, before: datetime) -> int:
        """Forgets rows of a table of before the instant; how many."""
        async with self._database.connection() as connection:
            return await erase(connection, kept, before)

    async def checks(
        self, website_id: int, *, before: datetime | None, limit: int, failed: bool = False
    ) -> list[CheckRecord]:
        """Its results or those that failed, the newest first, with what was seen of the other end."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.CHECKS_OF, website_id, before, limit, failed)
        return [checked_row(row) for row in rows]

    async def note(self, noted: Sequence[NotedConnection]) -> None:
        """Keep what was seen of the other end of websites, where nobody has yet."""
        async with self._database.transaction() as connection:
            if certificates := certificate_lists(noted):
                await connection.execute(evidence.ADD_CERTIFICATES, *certificates)
            await connection.execute(evidence.ADD_CONNECTIONS, *connection_lists(noted))

    async def windows(
        self, website_id: int, kind: WindowKind, *, before: tuple[datetime, int] | None, limit: int
    ) -> list[StatusWindow]:
        """Its windows of a kind, the newest first."""
        start, number = before or (None, None)
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.WINDOWS_OF, website_id, kind, start, number, limit)
        return [_window(row) for row in rows]

    async def downtime(self, website_id: int, window_id: int) -> StatusWindow:
        """NotFound where the website has none of this number."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.DOWNTIME, website_id, window_id)
        if row is None:
            raise _no_downtime(website_id, window_id)
        return _window(row)

    async def annotate(
        self,
        website_id: int,
        window_id: int | None,
        by: str,
        now: datetime,
        *,
        acknowledged: bool | None,
        note: str | None,
    ) -> StatusWindow:
        """A downtime of the website with what is said of it, the last one where no number is; NotFound without one."""
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(sql.ANNOTATE, website_id, window_id, by, acknowledged, note, now)
        if row is None:
            raise _no_downtime(website_id, window_id)
        return _window(row)

    async def windows_within(
        self, website_ids: Sequence[int] | None, start: datetime, end: datetime
    ) -> dict[int, list[StatusWindow]]:
        """The windows that reach into a time, of these websites or of all."""
        found: dict[int, list[StatusWindow]] = {}
        chosen = None if website_ids is None else list(website_ids)
        async with self._database.connection() as connection:
            for row in await connection.fetch(sql.WINDOWS_WITHIN, chosen, start, end):
                found.setdefault(row["website_id"], []).append(_window(row))
        return found

    async def record(self, recorded: Sequence[RecordedCheck]) -> set[int]:
        """Keep results with what they change; the websites whose state was the one that the step knew.

        Results of others are dropped: the website was edited, paused or deleted while it was checked.
        """
        ordered = sorted(recorded, key=lambda one: one.website_id)
        common = [one for one in ordered if one.votes_at is None]
        async with self._database.transaction() as connection:
            changes = await self._advanced(connection, common) if common else {}
            if voting := [one for one in ordered if one.votes_at is not None]:
                changes |= await regions.record(connection, self._region, voting)
            for website_id, changed in changes.items():
                await _apply(connection, website_id, changed)
            for said in notices_of(f"w{website_id}" for website_id in changes):
                await connection.execute(sql.TELL, RESULTS, said)
        return set(changes)

    async def _advanced(
        self, connection: Connection, recorded: Sequence[RecordedCheck]
    ) -> dict[int, tuple[WindowChange, ...]]:
        states = state_lists([one.step.state for one in recorded])
        rows = await connection.fetch(sql.ADVANCE_STATES, [one.website_id for one in recorded], *states)
        known = {row["website_id"] for row in rows}
        kept = [one for one in recorded if one.website_id in known]
        await connection.executemany(sql.ADD_CHECK, [(one.website_id, *check_values(one.check)) for one in kept])
        return {one.website_id: one.step.changes for one in kept}


def _absent(website_id: int) -> NotFound:
    return NotFound(f"there is no website {website_id}; `gridkeeper websites list` shows them all")


def _no_downtime(website_id: int, window_id: int | None) -> NotFound:
    what = "no downtime" if window_id is None else f"no downtime {window_id}"
    return NotFound(f"the website {website_id} has {what}; `gridkeeper websites show {website_id}` lists them")


async def _locked(connection: Connection, website_id: int) -> Record:
    row: Record | None = await connection.fetchrow(sql.LOCKED, website_id)
    if row is None:
        raise _absent(website_id)
    return row


async def _taken(connection: Connection, key: str) -> Conflict:
    other = await connection.fetchrow(sql.OF_URL, key)
    if other is None:
        return Conflict("another website had this address a moment ago; try again")
    return Conflict(f"the website {other['website_id']} ({other['name']!r}) has this address already; change that one")


async def _apply(connection: Connection, website_id: int, changes: Iterable[WindowChange]) -> None:
    for change in changes:
        if change.start is None:
            await connection.execute(sql.END_WINDOW, website_id, change.kind, change.end)
        elif change.end is None or change.end > change.start:
            await connection.execute(sql.OPEN_WINDOW, website_id, change.kind, change.start, change.end, change.reason)


def _stored(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return json.dumps(dict(value)) if hasattr(value, "keys") else value


def _window(row: Record) -> StatusWindow:
    return StatusWindow(
        WindowKind(row["kind"]), row["started_at"], row["ended_at"], row["reason"], row["window_id"], row["note"],
        row["acknowledged_at"], row["acknowledged_by"],
    )  # fmt: skip


def _website(row: Record) -> Website:
    draft = {
        field.name: row["timeout_seconds" if field.name == "timeout" else field.name] for field in fields(WebsiteDraft)
    }
    draft |= {name: json.loads(row[f"{name}_text"]) for name in ("headers", "labels")} | {
        **{name: tuple(draft[name]) for name in ("conditions", "regions")},
        "timeout": round(draft["timeout"], 3),
    }
    return Website(
        row["website_id"],
        WebsiteDraft(**draft),
        row["created_at"],
        row["updated_at"],
        state_of(row, "state_"),
        row["managed_by"],
    )
