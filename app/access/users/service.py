"""Signs people in and out, and knows the sessions of their browsers."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import replace
from datetime import timedelta

from app.access.guesses.models import Guesser, guesser, household
from app.access.guesses.service import GuessService
from app.access.keys import checked_name
from app.access.models import AccessScope, AuditEntry, Caller, NotAuthenticated, TooManyRequests, User
from app.access.tokens import new_session_id, token_digest
from app.access.users.models import BrowserSession, SessionLimits, UserRequest, checked_password
from app.access.users.passwords import Passwords
from app.access.users.repository import NewSession, UserRepository
from app.clock import Clock
from app.errors import ConfigurationError, NotFound
from app.settings import SignInSettings

FRESH_SECONDS = 1.0
"""A session that was found is believed for so long: one that is ended lets in no more after that, in every replica."""
SEEN_EVERY = timedelta(minutes=1)
"""How exactly it is written when a browser was here last."""
MOST_KEPT = 10_000
FROM_ANYWHERE = 3
LONGEST_BROWSER = 200
WRONG = "no user has this name and password"
"""The same for a wrong name, a wrong password and a user who is disabled."""


class UserService:
    """Users and their sessions; one for each process."""

    def __init__(
        self,
        repository: UserRepository,
        passwords: Passwords,
        guesses: GuessService,
        clock: Clock,
        *,
        settings: SignInSettings,
    ) -> None:
        self._repository = repository
        self._guesses = guesses
        self._passwords = passwords
        self._clock = clock
        self._limits = SessionLimits(timedelta(hours=settings.idle_hours), timedelta(hours=settings.whole_hours))
        self._found: OrderedDict[bytes, tuple[BrowserSession, float]] = OrderedDict()
        self._named: OrderedDict[str, tuple[User | None, float]] = OrderedDict()
        self._per_minute = settings.guesses_per_minute

    # What commands and pages do to users

    async def users(self) -> list[User]:
        return await self._repository.users()

    async def one(self, name: str) -> User:
        found = await self._repository.named(name)
        if found is None:
            raise NotFound(f"there is no user {name!r}; `gridkeeper users list` shows them all")
        return found

    async def sessions(self, user: User) -> list[BrowserSession]:
        return await self._repository.sessions(user.user_id, self._clock.now())

    async def add(self, request: UserRequest, password: str | None, by: Caller) -> User:
        """The new user; without a password a proxy has to name them."""
        checked_name(request.name, "user")
        if (request.areas or request.items) and request.scope is not AccessScope.READ:
            raise ConfigurationError(
                f"areas and items limit what a user reads; a user of scope {request.scope} changes all"
            )
        digest = ""
        if password is not None:
            digest = await self._passwords.digest(checked_password(password, request.name))
        details: dict[str, object] = {
            "scope": request.scope.value, "areas": list(request.areas), "items": list(request.items),
        }  # fmt: skip
        return await self._repository.add(request, digest, self._entry("add_user", request.name, by, details))

    async def remove(self, name: str, by: Caller) -> User:
        return self._forgetting(await self._repository.remove(name, self._entry("remove_user", name, by)))

    async def disable(self, name: str, by: Caller) -> User:
        entry = self._entry("disable_user", name, by)
        return self._forgetting(await self._repository.disable(name, entry.at, entry))

    async def enable(self, name: str, by: Caller) -> User:
        return self._forgetting(await self._repository.disable(name, None, self._entry("enable_user", name, by)))

    async def set_password(self, name: str, password: str, by: Caller) -> User:
        """Exchanges the password, which ends every session of the user."""
        digest = await self._passwords.digest(checked_password(password, name))
        entry = self._entry("set_password", name, by)
        return self._forgetting(await self._repository.set_password(name, digest, entry))

    async def sign_out(self, name: str, by: Caller, *, but: str = "") -> int:
        """Ends every session of the user, but the one of this id; how many."""
        kept = token_digest(but) if but else None
        ended = await self._repository.sign_out(name, kept, self._entry("sign_out_everywhere", name, by))
        self._found.clear()
        return ended

    # What a browser does

    async def sign_in(self, name: str, password: str, address: str) -> User:
        """The user of this name and password; whoever guesses learns neither which names there are nor how near they are."""
        guessers = self._guessers(name, address)
        # Counted before the comparison: a hundred guesses at once are no more than one after the other.
        if wait := await self._guesses.take(guessers):
            raise TooManyRequests(f"too many wrong passwords; wait {wait:.0f} s", wait)
        user, digest = await self._repository.with_digest(name)
        fits = await self._passwords.matches(digest, password)
        if user is None or not fits or user.disabled_at is not None:
            raise NotAuthenticated(WRONG)
        await self._guesses.give_back(guessers)
        if self._passwords.outdated(digest):
            await self._repository.update_digest(user.user_id, await self._passwords.digest(password))
        return user

    def _guessers(self, name: str, address: str) -> tuple[Guesser, ...]:
        by_name = guesser("name", name.casefold(), FROM_ANYWHERE * self._per_minute)
        return guesser("password of", household(address), self._per_minute), by_name

    async def begin(self, caller: Caller, browser: str, before: str) -> str:
        """The id of a new session of the key or user; the one that the browser showed before is over."""
        now, token = self._clock.now(), new_session_id()
        ends_at = now + self._limits.whole
        await self._repository.begin(
            NewSession(
                token_digest(token),
                caller.user.user_id if caller.user else None,
                caller.key.key_id if caller.key else None,
                now,
                self._limits.valid_until(now, ends_at),
                ends_at,
                caller.address,
                browser[:LONGEST_BROWSER],
            ),
            token_digest(before),
        )
        self._found.pop(token_digest(before), None)
        return token

    async def end(self, session: str) -> None:
        await self._repository.end(token_digest(session))
        self._found.pop(token_digest(session), None)

    async def caller(self, session: str, address: str) -> Caller | None:
        """Who uses this session; None where it is not known or lets in no more."""
        found = await self._session(token_digest(session), time.monotonic())
        now = self._clock.now()
        if found is None or not found.holds(now):
            return None
        if now - found.seen_at >= SEEN_EVERY:
            found = replace(found, seen_at=now, valid_until=self._limits.valid_until(now, found.ends_at))
            await self._repository.note_seen(found.session_id, now, found.valid_until, address)
            self._keep(token_digest(session), found, time.monotonic())
        if found.key is not None:
            return Caller(found.key.name, address, found.key.scope, key=found.key)
        return caller_of(found.user, address) if found.user is not None else None

    async def named_by_proxy(self, name: str, address: str) -> Caller | None:
        """The user whom a trusted proxy names; None where there is none or they are disabled."""
        now = time.monotonic()
        known = self._named.get(name)
        if known is None or now >= known[1]:
            known = (await self._repository.named(name), now + FRESH_SECONDS)
            self._named[name] = known
            if len(self._named) > MOST_KEPT:
                self._named.popitem(last=False)
        user = known[0]
        return caller_of(user, address) if user is not None and user.disabled_at is None else None

    async def tidy(self) -> None:
        """Forget sessions that are over."""
        await self._repository.erase_old(self._clock.now())

    async def _session(self, digest: bytes, now: float) -> BrowserSession | None:
        known = self._found.get(digest)
        if known and now < known[1]:
            return known[0]
        found = await self._repository.find(digest)
        if found is None:
            self._found.pop(digest, None)
        else:
            self._keep(digest, found, now)
        return found

    def _keep(self, digest: bytes, session: BrowserSession, now: float) -> None:
        self._found[digest] = (session, now + FRESH_SECONDS)
        if len(self._found) > MOST_KEPT:
            self._found.popitem(last=False)

    def _forgetting(self, user: User) -> User:
        self._found.clear()
        self._named.clear()
        return user

    def _entry(self, action: str, name: str, by: Caller, details: dict[str, object] | None = None) -> AuditEntry:
        key_id = by.key.key_id if by.key else None
        return AuditEntry(
            self._clock.now(), by.name, key_id, action, f"/users/{name}", by.address, details=details or {}
        )


def caller_of(user: User, address: str) -> Caller:
    return Caller(user.name, address, user.scope, user=user)
