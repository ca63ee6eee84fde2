"""Releases pictures and takes them back."""

from __future__ import annotations

from app.access.keys import checked_name
from app.access.models import AuditEntry, Caller
from app.access.released.models import ReleasedView, ViewRequest
from app.access.released.repository import ReleasedRepository
from app.access.tokens import new_session_id, token_digest
from app.clock import Clock

_HINT = 6


class ReleasedService:
    """What anybody may see who has the address of a picture."""

    def __init__(self, repository: ReleasedRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def views(self) -> list[ReleasedView]:
        return await self._repository.views()

    async def find(self, token: str) -> ReleasedView | None:
        """The picture of this address; None where it was never released, or is no more."""
        return await self._repository.find(token_digest(token))

    async def release(self, request: ViewRequest, by: Caller, *, audit_id: int = 0) -> tuple[ReleasedView, str]:
        """The picture and the secret part of its address, of which only a digest is stored.

        `audit_id` is the record of the change where one was kept before.
        """
        checked_name(request.name, "picture")
        token = new_session_id()
        details: dict[str, object] = {
            "kind": request.kind.value, "series": request.series_id, "item": request.item, "area": request.area,
        }  # fmt: skip
        entry = self._entry("release_view", request.name, by, details, audit_id)
        hint = f"{token[:_HINT]}…"
        return await self._repository.add(request.checked(), token_digest(token), hint, entry), token

    async def revoke(self, name: str, by: Caller, *, audit_id: int = 0) -> ReleasedView:
        """The picture, which nobody sees any more but from the caches of browsers, for a minute."""
        return await self._repository.revoke(name, self._entry("revoke_view", name, by, {}, audit_id))

    def _entry(self, action: str, name: str, by: Caller, details: dict[str, object], audit_id: int) -> AuditEntry:
        key_id = by.key.key_id if by.key else None
        return AuditEntry(
            self._clock.now(),
            by.name,
            key_id,
            action,
            f"/embeds/{name}",
            by.address,
            details=details,
            audit_id=audit_id,
        )
