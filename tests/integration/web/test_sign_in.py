"""Users and sessions of browsers on a real server and a real database."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from app.access.models import AccessScope
from app.access.users import passwords
from app.access.users.models import UserRequest
from app.access.users.service import UserService
from app.errors import ConfigurationError, Conflict, NotFound
from tests.support.api_factory import ADMINISTRATOR, ServedApi, served_api

AFAR = {"X-Forwarded-For": "192.0.2.7"}
"""Of a request that comes from elsewhere: no proxy is trusted."""
SECRET = "a long walk by the river"


@pytest.fixture(autouse=True)
def _cheap_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("argon2.PasswordHasher", lambda: quick)
    monkeypatch.setattr(passwords, "NOBODY", quick.hash("nobody"))
    monkeypatch.setattr("app.access.users.service.FRESH_SECONDS", -1.0)


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    async with served_api(database_url) as served:
        yield served


def users_of(api: ServedApi) -> UserService:
    return api.container.access().users()


def browser(api: ServedApi, **options: Any) -> httpx.AsyncClient:
    headers = {**AFAR, "Origin": api.url, **options.pop("headers", {})}
    return httpx.AsyncClient(base_url=api.url, headers=headers, timeout=60, **options)


async def form_of(client: httpx.AsyncClient, path: str = "/sign-in") -> dict[str, str]:
    found = re.findall(r'name="(form|next)" value="([^"]*)"', (await client.get(path)).text)
    return dict(found)


async def sign_in(client: httpx.AsyncClient, name: str = "anna", password: str = SECRET, **more: str) -> httpx.Response:
    fields = {**await form_of(client), "name": name, "password": password, **more}
    return await client.post("/sign-in", data=fields)


async def test_a_user_signs_in_with_a_new_id_each_time_and_nothing_secret_is_kept(api: ServedApi) -> None:
    await users_of(api).add(UserRequest("Anna", AccessScope.OPERATE), SECRET, ADMINISTRATOR)
    async with browser(api) as client:
        cookie = f"gridkeeper-session-{httpx.URL(api.url).port}"
        client.cookies.set(cookie, "chosen-by-somebody-else", domain="127.0.0.1", path="/")
        first = await sign_in(client, "anna")
        assert (first.status_code, first.headers["location"]) == (303, "./")
        [kept] = [text for text in first.headers.get_list("set-cookie") if text.startswith(cookie)]
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in kept.split(";")}
        assert "Secure" not in kept
        assert SECRET not in kept
        id_of_first = client.cookies[cookie]
        assert id_of_first != "chosen-by-somebody-else"
        assert "for the user <strong>Anna</strong>" in (await client.get("/work")).text
        assert (await client.get("/api/v1/areas")).status_code == 200
        assert (await client.post("/api/v1/jobs/x/run")).status_code == 401, "no change by a cookie"
        assert (await sign_in(client)).status_code == 303
        assert client.cookies[cookie] != id_of_first
        fixed = await client.get("/work", headers={"Cookie": f"{cookie}={id_of_first}"})
        assert fixed.status_code == 401, "the session before is over"
        assert "has ended" in fixed.text
        async with api.container.database().connection() as connection:
            rows = await connection.fetch("select digest, browser from browser_sessions")
            texts = str(await connection.fetch("select * from users")) + str(rows)
        assert len(rows) == 1
        assert SECRET not in texts
        assert client.cookies[cookie] not in texts
        left = await client.post("/sign-out", data=await form_of(client, "/work"))
        assert (left.status_code, (await client.get("/work")).status_code) == (303, 401)


async def test_guesses_learn_nothing_and_have_to_wait(api: ServedApi, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    verify = passwords.Passwords._verify

    def counted(self: passwords.Passwords, digest: str, password: str) -> bool:
        compared.append(digest)
        return verify(self, digest, password)

    monkeypatch.setattr(passwords.Passwords, "_verify", counted)
    users = users_of(api)
    await users.add(UserRequest("anna"), SECRET, ADMINISTRATOR)
    await users.add(UserRequest("bert"), SECRET, ADMINISTRATOR)
    await users.add(UserRequest("carl"), None, ADMINISTRATOR)
    await users.disable("bert", ADMINISTRATOR)
    async with browser(api) as client:
        said = set()
        for name, password in (("anna", "wrong"), ("nobody", SECRET), ("bert", SECRET), ("carl", "")):
            answer = await sign_in(client, name, password)
            assert answer.status_code == 401
            said.update(re.findall(r'role="alert">([^<]+)<', answer.text))
        assert said == {"no user has this name and password"}
        assert len(compared) == 4, "each takes one comparison"
        statuses = [(await sign_in(client, f"n{number}", "x")).status_code for number in range(8)]
        assert statuses == [401] * 6 + [429] * 2
        held = await sign_in(client, "anna")
        assert (held.status_code, int(held.headers["retry-after"]) > 0) == (429, True)
    assert len(compared) == 10, "nothing is compared for whoever waits"


async def test_several_replicas_share_the_limits_of_guesses(api: ServedApi, database_url: str) -> None:
    chosen = {"api": {"failures_per_minute": 4}, "sign_in": {"guesses_per_minute": 4}}
    await users_of(api).add(UserRequest("anna"), SECRET, ADMINISTRATOR)
    key = await api.key()
    async with served_api(database_url, **chosen) as one, served_api(database_url, **chosen) as other:
        async with browser(one) as first, browser(other) as second:
            assert (await sign_in(first)).status_code == 303, "a right password is no guess"
            pages = [first, second, first, second, first, second]
            assert [(await sign_in(page, "anna", "x")).status_code for page in pages] == [401] * 4 + [429] * 2
            assert (await sign_in(second)).status_code == 429
            elsewhere = {"X-Forwarded-For": "2001:db8::1"}
            assert (await sign_in(first, key=key)).status_code == 303, "keys have a limit of their own"
        trusting = {**chosen, "api": {"failures_per_minute": 4, "proxies": "127.0.0.1"}}
        async with served_api(database_url, **trusting) as behind, browser(behind, headers=elsewhere) as third:
            assert (await sign_in(third)).status_code == 303, "another address, and the name has room"
        wrong = [f"gk_{number:043}" for number in range(6)]
        async with one.client() as first, other.client() as second:
            asked = zip([first, second] * 3, wrong, strict=True)
            found = [
                (await client.get("/areas", headers={"Authorization": f"Bearer {guess}"})) for client, guess in asked
            ]
            assert [answer.status_code for answer in found] == [401] * 4 + [429] * 2
            assert 1 <= int(found[-1].headers["retry-after"]) <= 15
        async with other.client(key) as known:
            assert (await known.get("/areas")).status_code == 429
    async with api.container.database().connection() as connection:
        rows = await connection.fetch("select guesser, free_at from sign_in_guesses")
        assert "anna" not in str(rows)
        await connection.execute("update sign_in_guesses set free_at = free_at - interval '1 day'")
    await api.access.tidy(api.container.clock().now())
    async with api.container.database().connection() as connection:
        assert not await connection.fetchval("select count(*) from sign_in_guesses")


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ("/data/1?from=-7d", "./data/1?from=-7d"),
        ("//evil.example", "./"),
        ("/\\evil.example", "./"),
        ("https://evil.example/", "./"),
        ("javascript:alert(1)", "./"),
        ("/../admin", "./"),
        ("/data/%2e%2e//evil.example", "./"),
        ("/data?q=../x", "./data?q=../x"),
        ("/data\r\nSet-Cookie: a=b", "./"),
        ("/" + "a" * 3000, "./"),
    ],
)
async def test_who_signs_in_goes_on_to_a_page_of_ours_only(asked: str, location: str) -> None:
    from app.access.users.models import own_path

    assert f"./{own_path(asked)[1:]}" == location


async def test_the_page_that_was_asked_for_comes_after_the_sign_in(api: ServedApi) -> None:
    await users_of(api).add(UserRequest("anna", items=("load_actual",)), SECRET, ADMINISTRATOR)
    async with browser(api) as client:
        refused = await client.get("/work?job=a%20b")
        assert refused.status_code == 401
        assert re.findall(r'name="next" value="([^"]*)"', refused.text)[0] == "/work?job=a%20b"
        assert (await sign_in(client, next="/work?job=a%20b")).headers["location"] == "./work?job=a%20b"
        assert (await sign_in(client, next="//evil.example")).headers["location"] == "./data", "limited: no overview"
        assert (await client.get("/work")).status_code == 403


async def test_a_session_ends_idle_and_at_all_and_moves_on_with_use(api: ServedApi) -> None:
    await users_of(api).add(UserRequest("anna"), SECRET, ADMINISTRATOR)
    now = api.container.clock().now()
    async with browser(api) as client, api.container.database().connection() as connection:
        await sign_in(client)
        await connection.execute("update browser_sessions set seen_at = $1, valid_until = $2", now - timedelta(hours=1), now + timedelta(minutes=5))  # fmt: skip
        assert (await client.get("/work")).status_code == 200
        moved = await connection.fetchval("select valid_until from browser_sessions")
        assert moved > now + timedelta(hours=11)
        for column in ("valid_until", "ends_at"):
            before = await connection.fetchval(f"select {column} from browser_sessions")
            await connection.execute(f"update browser_sessions set {column} = $1", now - timedelta(seconds=1))
            assert (await client.get("/work")).status_code == 401, column
            await connection.execute(f"update browser_sessions set {column} = $1", before)
        assert (await client.get("/work")).status_code == 200
        await connection.execute("update browser_sessions set valid_until = $1", now - timedelta(days=2))
        await api.access.tidy(now)
        assert await connection.fetchval("select count(*) from browser_sessions") == 0


async def test_whoever_is_signed_out_disabled_removed_or_gets_a_password_is_out_everywhere(api: ServedApi) -> None:
    users = users_of(api)
    user = await users.add(UserRequest("anna"), SECRET, ADMINISTRATOR)
    with pytest.raises(Conflict):
        await users.add(UserRequest("ANNA"), SECRET, ADMINISTRATOR)
    async with browser(api) as one, browser(api) as two:
        for _ in range(2):
            await sign_in(one)
            await sign_in(two)
            assert len(await users.sessions(user)) == 2
            assert (await one.post("/account/sign-out", data=await form_of(one, "/account"))).status_code == 303
            assert [(await each.get("/work")).status_code for each in (one, two)] == [401, 401]
        await sign_in(one)
        await users.disable("anna", ADMINISTRATOR)
        assert (await one.get("/work")).status_code == 401
        await users.enable("anna", ADMINISTRATOR)
        assert (await one.get("/work")).status_code == 401, "enabling opens no session"
        await sign_in(one)
        await sign_in(two)
        new = "another walk by the river"
        changed = {**await form_of(one, "/account"), "old": SECRET, "password": new, "again": new}
        for wrong, status in (({"old": "x"}, 403), ({"again": "x"}, 422), ({"password": "x", "again": "x"}, 422)):
            assert (await one.post("/account/password", data={**changed, **wrong})).status_code == status
        assert (await one.post("/account/password", data=changed)).status_code == 303
        assert [(await each.get("/work")).status_code for each in (one, two)] == [200, 401]
        assert (await sign_in(two)).status_code == 401
        assert (await sign_in(two, "anna", new)).status_code == 303
        await users.remove("anna", ADMINISTRATOR)
        assert [(await each.get("/work")).status_code for each in (one, two)] == [401, 401]
    with pytest.raises(NotFound):
        await users.one("anna")
    api.access._open_until = 0.0
    async with httpx.AsyncClient(base_url=api.url) as here:
        assert (await here.get("/work")).status_code == 401, "what was closed does not open by itself"
    await users.add(UserRequest("anna"), SECRET, ADMINISTRATOR)
    actions = [one.action for one in await api.access.audit(before=None, actor=None, limit=100)]
    assert {"add_user", "remove_user", "disable_user", "enable_user", "set_password"} <= set(actions)


async def test_a_session_of_a_key_ends_with_the_key(api: ServedApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.access.service.FRESH_SECONDS", -1.0)
    token = await api.key(AccessScope.READ, name="desk")
    async with browser(api) as client:
        assert (await client.post("/sign-in", data={**await form_of(client), "key": token})).status_code == 303
        assert "for the key <strong>desk</strong>" in (await client.get("/work")).text
        assert (await client.post("/account/sign-out", data=await form_of(client, "/work"))).status_code == 403
        await api.access.revoke("desk", ADMINISTRATOR)
        assert (await client.get("/work")).status_code == 401


async def test_a_header_names_the_user_only_behind_a_trusted_proxy(database_url: str) -> None:
    named = {"X-Forwarded-User": "anna"}
    for proxies, known in ((["192.0.2.1"], 401), (["127.0.0.1"], 200)):
        options: dict[str, Any] = {"api": {"proxies": proxies}, "sign_in": {"user_header": "X-Forwarded-User"}}
        async with served_api(database_url, **options) as served:
            if proxies == ["192.0.2.1"]:
                await users_of(served).add(UserRequest("anna", AccessScope.OPERATE), None, ADMINISTRATOR)
            async with browser(served) as client:
                assert (await client.get("/work", headers=named)).status_code == known
                assert (await client.get("/api/v1/areas", headers=named)).status_code == known
                assert (await client.post("/api/v1/jobs/x/run", headers=named)).status_code == 401
                assert (await client.get("/work")).status_code == 401
                unknown = await client.get("/work", headers={"X-Forwarded-User": "eve"})
                assert (unknown.status_code, "no user here" in unknown.text) == (401, known == 200)
                twice = [*client.headers.items(), ("X-Forwarded-User", "anna"), ("X-Forwarded-User", "eve")]
                assert (await client.get("/work", headers=twice)).status_code == 401
                if known == 200:
                    await users_of(served).disable("anna", ADMINISTRATOR)
                    assert (await client.get("/work", headers=named)).status_code == 401


@pytest.mark.parametrize("password", ["short", "x" * 201, "aaaaaaaaaaaaaaa", "anna-anna-123"])
async def test_a_password_that_is_easily_guessed_is_refused(password: str) -> None:
    from app.access.users.models import checked_password

    with pytest.raises(ConfigurationError):
        checked_password(password, "anna")


async def test_a_sign_in_that_is_sent_twice_or_from_an_older_window_is_no_dead_end(api: ServedApi) -> None:
    await users_of(api).add(UserRequest("anna"), SECRET, ADMINISTRATOR)
    async with browser(api) as client:
        fields = {**await form_of(client), "name": "anna", "password": SECRET, "next": "/work?job=x"}
        older = await form_of(client)
        assert (await client.post("/sign-in", data=fields)).status_code == 303
        twice = await client.post("/sign-in", data=fields)
        assert (twice.status_code, twice.headers["location"]) == (303, "./work?job=x"), "who is signed in goes on"
        assert (await client.get("/work")).status_code == 200
        foreign = await client.post("/sign-in", data=fields, headers={"Origin": "https://evil.example"})
        assert (foreign.status_code, "location" in foreign.headers) == (403, False)
        forms = [await form_of(client, path) for path in ("/work", "/alerts")]
        assert forms[0]["form"] == forms[1]["form"] != older["form"], "all windows of a session have one token"
        client.cookies.clear()
        late = await client.post("/sign-in", data=fields)
        assert (late.status_code, "Send it once more" in late.text) == (403, True)
        assert 'value="/work?job=x"' in late.text
        assert (await sign_in(client)).status_code == 303
        assert (await client.post("/sign-out", data=older)).status_code == 403, "a form of another session ends nothing"
        client.cookies.clear()
        assert (await client.post("/sign-out", data=older)).headers["location"] == "sign-in"
        hostile = {"form": "\N{EURO SIGN}", "key": "x"}
        assert (await client.post("/sign-in", data=hostile)).status_code == 403, "a token need not be ASCII"
        notice = f"gridkeeper-notice-{httpx.URL(api.url).port}=\xe9.YQ=="
        assert (await client.get("/sign-in", headers=[(b"Cookie", notice.encode("latin-1"))])).status_code == 200
