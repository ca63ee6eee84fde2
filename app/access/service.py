"""Lets requests in: finds the key or user of each, holds its limits, counts its use, and keeps the record of changes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from app.access import sql
from app.access.guesses import sql as guesses
from app.access.guesses.models import Guesser, guesser, household
from app.access.guesses.service import GuessService
from app.access.keys import checked_name
from app.access.models import (
    AccessScope,
    ApiKey,
    AuditEntry,
    Caller,
    Credentials,
    KeyRequest,
    NotAllowed,
    NotAuthenticated,
    StoredAnswer,
    TooManyRequests,
)
from app.access.rate_limit import RateLimit
from app.access.repository import AccessRepository, KeyUse
from app.access.tokens import is_token, new_token, token_digest, token_in
from app.access.users.service import UserService
from app.clock import Clock
from app.errors import ConfigurationError, Conflict, DatabaseUnavailable
from app.kit.periodic import pause
from app.logging import OutageLog, redact
from app.settings import ApiSettings
from app.settings.section import secret_in

FRESH_SECONDS = 1.0
"""A key that was found is believed for so long: a revoked one ends within this time in every replica."""
ACCOUNT_SECONDS = 5.0
BURST_SECONDS = 10.0
"""Of the limit of a minute so much may be used at once."""
FIRST = "first"
NO_KEY = (
    "{host} lets other machines in, and no API key exists: make one with `gridkeeper api keys create NAME --scope read`, "
    "let GRIDKEEPER_API__FIRST_KEY_FILE name a file for a first key, or listen on 127.0.0.1"
)
_ASK = "send `Authorization: Bearer KEY`; `gridkeeper api keys create NAME` makes a key"


class AccessService:
    """Who asks, and whether that may be; one for each process."""

    def __init__(
        self,
        repository: AccessRepository,
        users: UserService,
        guesses: GuessService,
        clock: Clock,
        *,
        settings: ApiSettings,
    ) -> None:
        self._repository = repository
        self._users = users
        self._guesses = guesses
        self._clock = clock
        self._settings = settings
        self._found: dict[bytes, tuple[ApiKey, float]] = {}
        """Keys that exist, until when each is believed without looking; those of limits long past stay known."""
        self._open_until = 0.0
        self._looking = asyncio.Lock()
        self._used: dict[int, KeyUse] = {}
        self._requests = RateLimit(
            settings.requests_per_minute, max(1.0, settings.requests_per_minute * BURST_SECONDS / 60)
        )
        self._outage = OutageLog("key_account_failed", "key_account_recovered")

    async def authenticate(self, shown: Credentials, address: str, *, local: bool) -> Caller:
        """Who asks; `local` says that the request comes from this machine and over no proxy."""
        now = time.monotonic()
        caller = await self._caller(shown, address, now, local=local)
        self._count(caller, now)
        return caller

    async def check_again(self, shown: Credentials, address: str, *, local: bool) -> None:
        """NotAuthenticated where whoever waits for a long answer may not read any more; it counts as no request."""
        await self._caller(shown, address, time.monotonic(), local=local)

    async def _caller(self, shown: Credentials, address: str, now: float, *, local: bool) -> Caller:
        if shown.authorization is not None:
            key = await self._usable(token_in(shown.authorization), address, now)
            return Caller(key.name, address, key.scope, key)
        # A session that is over lets whoever shows it in as anybody else.
        if shown.session and (found := await self._users.caller(shown.session, address)):
            return found
        if shown.user and (found := await self._users.named_by_proxy(shown.user, address)):
            return found
        return await self._without_key(address, now, local=local)

    async def _without_key(self, address: str, now: float, *, local: bool) -> Caller:
        if not local:
            raise NotAuthenticated(f"a key is needed: {_ASK}")
        if not self._settings.open_reading and now > self._open_until:
            async with self._looking:  # whoever comes meanwhile, as all open pages do at once, takes what one finds
                if now > self._open_until:
                    if await self._repository.any_key():
                        raise NotAuthenticated(f"a key is needed, because keys exist: {_ASK}")
                    self._open_until = now + FRESH_SECONDS
        return Caller("local", address, AccessScope.READ)

    async def _usable(self, token: str, address: str, now: float) -> ApiKey:
        digest, by_address = token_digest(token), self._by_address(address)
        known = digest in self._found
        held = 0.0 if known else self._guesses.held([by_address])
        key = None
        if is_token(token) and not held:
            key, ahead = await self._key(digest, by_address, now)
            held = 0.0 if known else by_address.wait(ahead)
            if held:  # other processes have let it try often enough
                self._guesses.hold({by_address: held})
        why = _why_unknown(token) if key is None else key.why_unusable(self._clock.now())
        if not held and (key is None or why):
            held = await self._guesses.take([by_address])
        if held and not known:
            raise TooManyRequests(f"too many wrong keys came from {address}; wait {held:.0f} s", held)
        if key is None or why:
            raise NotAuthenticated(f"{why}; {_ASK}")
        return key

    def _by_address(self, address: str) -> Guesser:
        return guesser("key of", household(address), self._settings.failures_per_minute)

    async def _key(self, digest: bytes, by_address: Guesser, now: float) -> tuple[ApiKey | None, float]:
        """The key, and how far its address has used its limit of wrong ones, which one statement tells."""
        fresh = self._found.get(digest)
        if fresh and now < fresh[1]:
            return fresh[0], 0.0
        key, ahead = await self._repository.find(digest, by_address.digest)
        if key is None:
            self._found.pop(digest, None)
        else:
            self._found[digest] = (key, now + FRESH_SECONDS)
        return key, ahead

    def take_turn(self, address: str) -> None:
        """TooManyRequests where an address asks too often for what anybody may see."""
        self._take_turn(address, time.monotonic())

    def _take_turn(self, identity: str, now: float) -> None:
        if wait := self._requests.wait(identity, now):
            raise TooManyRequests(
                f"more than {self._settings.requests_per_minute} requests a minute; wait {wait:.1f} s, or raise "
                "GRIDKEEPER_API__REQUESTS_PER_MINUTE",
                wait,
            )
        self._requests.take(identity, now)

    def _count(self, caller: Caller, now: float) -> None:
        self._take_turn(caller.identity, now)
        if caller.key:
            before = self._used.get(caller.key.key_id)
            count = before.requests + 1 if before else 1
            self._used[caller.key.key_id] = KeyUse(count, self._clock.now(), caller.address)

    async def account(self, stop: asyncio.Event) -> None:
        """Writes every few seconds how often keys were used, until the event is set, and once more then."""
        while not stop.is_set():
            await pause(stop, ACCOUNT_SECONDS)
            await self.write_use()

    async def write_use(self) -> None:
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._repository.note_use(used)
        except DatabaseUnavailable as error:
            self._outage.met(error)
            self._used = _merged(used, self._used)
        else:
            self._outage.over()

    async def keys(self) -> list[ApiKey]:
        await self.write_use()
        return await self._repository.keys()

    async def create(self, request: KeyRequest, by: Caller, *, audit_id: int = 0) -> tuple[ApiKey, str]:
        """The new key and its text, which is not stored and cannot be shown again.

        `audit_id` is the record of the change where one was kept before.
        """
        if (request.areas or request.items) and request.scope is not AccessScope.READ:
            raise ConfigurationError(
                f"areas and items limit what a key reads; a key of scope {request.scope} changes all"
            )
        if request.expires_at is not None and request.expires_at <= self._clock.now():
            raise ConfigurationError("the key would have expired already; name a later end")
        checked_name(request.name)
        token = new_token()
        details: dict[str, object] = {
            "scope": request.scope.value,
            "areas": list(request.areas),
            "items": list(request.items),
            "expires_at": request.expires_at.isoformat() if request.expires_at else None,
        }
        entry = self.entry(by, "create_key", key_path(request.name), details=details, audit_id=audit_id)
        added = await self._repository.add(request, token, token_digest(token), entry)
        self._open_until = 0.0
        return added, token

    async def revoke(self, name: str, by: Caller, *, audit_id: int = 0) -> ApiKey:
        key = await self._repository.revoke(name, self.entry(by, "revoke_key", key_path(name), audit_id=audit_id))
        self._found.clear()
        return key

    def entry(
        self,
        by: Caller,
        action: str,
        target: str,
        *,
        request_id: str = "",
        details: Mapping[str, object] | None = None,
        audit_id: int = 0,
    ) -> AuditEntry:
        """The record of a change, made now."""
        key_id = by.key.key_id if by.key else None
        return AuditEntry(
            self._clock.now(),
            by.name,
            key_id,
            action,
            redact(target),
            by.address,
            request_id,
            details=dict(details or {}),
            audit_id=audit_id,
        )

    async def note(self, entry: AuditEntry) -> int:
        """Keeps the record of a change before it is made, so that none is made without; `note_answer` ends it."""
        return await self._repository.note(entry)

    async def note_answer(self, audit_id: int, status: int) -> None:
        await self._repository.note_answer(audit_id, status)

    async def audit(self, *, before: int | None, actor: str | None, limit: int) -> Sequence[AuditEntry]:
        return await self._repository.audit(before=before, actor=actor, limit=limit)

    async def open_for(self, host: str, *, loopback: bool) -> None:
        """Takes the first key where a file is named for it; ConfigurationError where others are let in without any."""
        if await self._repository.any_key():
            return
        if self._settings.first_key_file is not None:
            await self._take_first(self._settings.first_key_file.expanduser())
        elif not loopback:
            raise ConfigurationError(NO_KEY.format(host=host))

    async def _take_first(self, file: Path) -> None:
        token = await asyncio.to_thread(_first_token, file)
        machine = Caller("first start", "", AccessScope.ADMIN)
        entry = self.entry(machine, "create_key", key_path(FIRST), details={"scope": "admin", "file": str(file)})
        try:
            await self._repository.add(KeyRequest(FIRST, AccessScope.ADMIN), token, token_digest(token), entry)
        except Conflict:
            return  # another replica was faster, with the same file
        structlog.get_logger().warning("api_key_created", name=FIRST, scope="admin", file=str(file))

    async def once(
        self, by: Caller, key: str, digest: bytes, act: Callable[[], Awaitable[StoredAnswer]]
    ) -> tuple[StoredAnswer, bool]:
        """The answer of a request with an Idempotency-Key, and whether it was given before; what fails may be repeated."""
        if by.rights is None:
            raise NotAuthenticated(f"an Idempotency-Key belongs to a key: {_ASK}")
        known = await self._repository.begin_request(by, key, digest, self._clock.now())
        if known is not None:
            return known, True
        answer: StoredAnswer | None = None
        try:
            answer = await act()
        finally:
            await self._repository.answer_request(by, key, answer)
        return answer, False

    async def tidy(self, now: datetime) -> str:
        """Erase what of the record is kept no longer; in words."""
        for kept in sql.REQUESTS:
            await self._repository.erase_old(kept, now - sql.REMEMBERED)
        for guessed in guesses.RETAINED:
            await self._repository.erase_old(guessed, now - guesses.KEPT)
        await self._users.tidy()
        gone = await self._repository.erase_old(sql.CHANGES, now - timedelta(days=self._settings.audit_days))
        return f"{gone} old changes over the API erased" if gone else ""


def _why_unknown(token: str) -> str:
    if not token:
        return (
            "the header Authorization holds no key: it is neither `Bearer KEY` nor HTTP Basic with the key as password"
        )
    if not is_token(token):
        return "what was sent is no key: one is gk_ and 43 letters, digits, - or _"
    return "the key is not known"


def key_path(name: str) -> str:
    """What a change of a key is recorded under, over the API and on the command line."""
    return f"/api/v1/keys/{name}"


def check_scope(caller: Caller, scope: AccessScope, *, whole: bool) -> None:
    """NotAllowed where the caller's scope does not reach, or where the `whole` is asked for and its key is limited."""
    if not caller.scope.includes(scope):
        made = "users add" if caller.user else "api keys create"
        raise NotAllowed(
            f"{caller.name!r} may {caller.scope}, and this needs a {'user' if caller.user else 'key'} of scope {scope}: "
            f"`gridkeeper {made} NAME --scope {scope}`"
        )
    if whole and caller.limited:
        raise NotAllowed(f"{caller.title} is for some areas and items only, and this tells of all")


def _first_token(file: Path) -> str:
    """The key in the file, which is made for its owner alone where there is none."""
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as made:
            made.write(f"{new_token()}\n")
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigurationError(
            f"GRIDKEEPER_API__FIRST_KEY_FILE: {file} cannot be made ({error.strerror}); make its folder, and let user "
            f"{os.getuid()} write there"
        ) from None
    try:
        token = secret_in(file).strip()
    except ValueError as error:
        raise ConfigurationError(f"GRIDKEEPER_API__FIRST_KEY_FILE: {error}") from None
    if not is_token(token):
        raise ConfigurationError(
            f"GRIDKEEPER_API__FIRST_KEY_FILE: {file} holds no key: gk_ and 43 letters, digits, - or _; remove it and "
            "start again, which makes one"
        )
    return token


def _merged(older: Mapping[int, KeyUse], newer: Mapping[int, KeyUse]) -> dict[int, KeyUse]:
    merged = dict(older)
    for key_id, use in newer.items():
        before = older[key_id].requests if key_id in older else 0
        merged[key_id] = KeyUse(before + use.requests, use.at, use.address)
    return merged
