"""Logins of services: tokens are fetched once for all, renewed ahead of their end and after a refusal, and shown nowhere."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest

from app.errors import DatabaseUnavailable
from app.kit.yaml.tree import ProblemReport
from app.probes.config import read_interfaces
from app.probes.interfaces.logins import sessions
from app.probes.interfaces.logins.keeper import KeptLogins, Logins, TokenKeeper
from app.probes.interfaces.logins.models import LoginFailed, ServiceLogin, TokenLogin, TokenRequest
from app.probes.interfaces.logins.refresh import RefreshTokens
from app.probes.interfaces.logins.repository import SessionRow
from app.probes.interfaces.logins.tokens import Token, read_token
from app.probes.models import CheckFailure, CheckRequest, CheckResult
from app.probes.vault import Vault

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "s3cr3t-value"


class SetClock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


class TokenServer:
    """Hands out numbered tokens, slowly enough that many ask at once."""

    def __init__(self, lifetime: float = 100) -> None:
        self.requests: list[CheckRequest] = []
        self.lifetime = lifetime
        self.failure: CheckFailure | None = None
        self.answer: dict[str, object] = {}
        self.headers: tuple[tuple[str, str], ...] = ()

    async def check(self, request: CheckRequest) -> CheckResult:
        self.requests.append(request)
        await asyncio.sleep(0)
        if self.failure is not None:
            return CheckResult(NOW, self.failure, "the status is 400")
        body = {"access_token": f"token-{len(self.requests)}", "expires_in": self.lifetime} | self.answer
        return CheckResult(NOW, None, status=200, body=json.dumps(body).encode(), headers=self.headers)


def login(fields: str, monkeypatch: pytest.MonkeyPatch) -> ServiceLogin:
    monkeypatch.setenv("SECRET", SECRET)
    report = ProblemReport("i.yaml")
    config = read_interfaces(f"services: {{a: {{documents: a}}}}\nlogins:\n  one: {{{fields}}}".encode(), report)
    assert report.problems == []
    return config.logins["one"]


CLIENT = (
    'type: client_credentials, token_url: "https://x/token", client_id: me, client_secret: "${SECRET}", scope: read'
)


async def test_a_token_is_fetched_once_for_all_and_renewed_ahead_of_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, server = SetClock(), TokenServer()
    made = login(CLIENT, monkeypatch)
    assert isinstance(made, TokenLogin)
    keeper = TokenKeeper(made, server, clock)
    tokens = await asyncio.gather(*(keeper.token() for _ in range(50)))
    assert len(server.requests) == 1
    assert {token.credentials.headers["Authorization"] for token in tokens} == {"Bearer token-1"}
    [request] = server.requests
    assert (request.body, request.headers["Content-Type"]) == (
        b"grant_type=client_credentials&scope=read", "application/x-www-form-urlencoded",
    )  # fmt: skip
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()
    clock.at += timedelta(seconds=80)
    assert (await keeper.token()) is tokens[0]  # whoever asks does not wait while the old one holds
    await asyncio.sleep(0.01)
    assert (await keeper.token()).credentials.headers["Authorization"] == "Bearer token-2"
    # A refusal renews once, however many callers were refused, and not again at once.
    used = await keeper.token()
    renewed = await asyncio.gather(*(keeper.after_refusal(used) for _ in range(20)))
    assert len(server.requests) == 3
    assert await keeper.after_refusal(renewed[0]) is renewed[0]
    assert len(server.requests) == 3


async def test_a_login_that_fails_is_asked_again_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, server = SetClock(), TokenServer()
    server.failure = CheckFailure.STATUS
    logins = Logins(server, clock)
    await logins.use({"one": login(CLIENT, monkeypatch)})
    for _ in range(5):
        with pytest.raises(LoginFailed, match="status: the status is 400"):
            await logins.token("one")
    assert len(server.requests) == 1
    clock.at += timedelta(seconds=6)
    server.failure = None
    assert await logins.token("one") is not None
    await logins.close()


async def test_a_refresh_token_is_used_and_a_password_where_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, server = SetClock(), TokenServer(lifetime=10)
    server.answer = {"refresh_token": "refresh-1"}
    made = login('type: password, token_url: "https://x/t", user: ann, password: "${SECRET}"', monkeypatch)
    assert isinstance(made, TokenLogin)
    keeper = TokenKeeper(made, server, clock)
    await keeper.token()
    clock.at += timedelta(seconds=20)
    await keeper.token()
    assert [b"grant_type=refresh_token&refresh_token=refresh-1" in one.body for one in server.requests] == [False, True]
    assert "refresh-1" in server.requests[1].secrets


@pytest.mark.parametrize(
    ("fields", "headers", "query"),
    [
        ('type: static, token: "${SECRET}"', {"Authorization": f"Bearer {SECRET}"}, ()),
        ('type: static, token: "${SECRET}", header: X-Token', {"X-Token": SECRET}, ()),
        ('type: api_key, key: "${SECRET}", in: query, name: k', {}, (("k", SECRET),)),
        ('type: api_key, key: "${SECRET}", in: cookie, name: k', {"Cookie": f"k={SECRET}"}, ()),
        (
            'type: basic, user: a, password: "${SECRET}"',
            {"Authorization": "Basic " + base64.b64encode(f"a:{SECRET}".encode()).decode()},
            (),
        ),
    ],
)
async def test_what_is_fixed_is_sent_as_it_is(
    fields: str, headers: dict[str, str], query: tuple[tuple[str, str], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    logins = Logins(TokenServer(), SetClock())
    await logins.use({"one": login(fields, monkeypatch)})
    assert await logins.token("one") is None
    found = logins.credentials("one", None, method="GET", url="https://x/", body=b"")
    assert (found.headers, found.query) == (headers, query)
    assert SECRET in found.secrets


async def test_a_request_is_signed_over_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    logins = Logins(TokenServer(), SetClock())
    fields = 'type: hmac, secret: "${SECRET}", text: "{method}|{path}|{query}|{timestamp}", headers: {X-Sign: "v1={signature}"}'
    await logins.use({"one": login(fields, monkeypatch)})
    found = logins.credentials("one", None, method="GET", url="https://x/a?b=1", body=b"")
    text = f"GET|/a|b=1|{int(NOW.timestamp())}".encode()
    assert found.headers == {"X-Sign": "v1=" + hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()}


def jwt(**claims: float) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.x"


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ({"expires_in": 60}, 60),
        ({"expires_in": "90"}, 90),
        ({"expires_in": NOW.timestamp() + 120}, 120),
        ({"expires_in": "2026-01-01T00:10:00+00:00"}, 600),
        ({"expires_in": True}, 300),
        ({"expires_in": "soon"}, 300),
        ({}, 300),
        ({"access_token": jwt(exp=NOW.timestamp() + 30), "expires_in": 900}, 30),
        ({"access_token": jwt(iat=0, exp=45)}, 45),
        ({"access_token": jwt(iat=50, exp=45), "expires_in": 70}, 70),
        ({"access_token": "a.b.c", "expires_in": 70}, 70),
    ],
)
def test_how_long_a_token_lives(answer: dict[str, object], seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    made = login(CLIENT, monkeypatch)
    assert isinstance(made, TokenLogin)
    token = read_token(made, json.dumps({"access_token": "t"} | answer).encode(), (), NOW, 0.0)
    assert (token.ends - NOW).total_seconds() == pytest.approx(seconds)
    assert NOW < token.renew_at < token.ends


@pytest.mark.parametrize("content", [b"no json", b"{}", b'{"access_token": 1}', '{"access_token": "ü"}'.encode()])
def test_an_answer_without_a_token_is_a_failed_login(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    made = login(CLIENT, monkeypatch)
    assert isinstance(made, TokenLogin)
    with pytest.raises(LoginFailed):
        read_token(made, content, (), NOW, 0.0)


def test_a_session_is_the_cookies_that_the_answer_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    made = login(
        'type: cookie, url: "https://x/login", form: {user: a, password: "${SECRET}"}, lifetime: 30 min', monkeypatch
    )
    assert isinstance(made, TokenLogin)
    token = read_token(made, b"", (("set-cookie", "sid=abcdef; Path=/"), ("set-cookie", "b=2")), NOW, 0.0)
    assert (token.credentials.headers, token.ends - NOW) == ({"Cookie": "sid=abcdef; b=2"}, timedelta(minutes=30))
    assert made.request.secrets == (SECRET,)
    with pytest.raises(LoginFailed, match="no cookie"):
        read_token(made, b"", (("set-cookie", "sid="),), NOW, 0.0)


def test_no_secret_of_a_login_shows_in_its_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    for fields in (
        CLIENT,
        'type: basic, user: a, password: "${SECRET}"',
        'type: hmac, secret: "${SECRET}"',
        'type: login, url: "https://x/l", body: "{\\"p\\": \\"${SECRET}\\"}"',
        'type: refresh_token, token_url: "https://x/t", refresh_token: "${SECRET}"',
    ):
        assert SECRET not in repr(login(fields, monkeypatch))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("type: magic", "there is no type 'magic'"),
        ("{}", "type: this is missing"),
        ("type: static, token: plain", "a secret does not stand in a file"),
        ('type: static, token: "${SECRET}", header: A, query: b', "a token is sent in one place"),
        ('type: api_key, key: "${SECRET}", name: "a b"', "is no name that can be sent"),
        ('type: client_credentials, token_url: nowhere, client_id: a, client_secret: "${SECRET}"', "is no URL"),
        ('type: login, url: "https://u:p@x/"', "a secret does not stand in a URL"),
        ('type: login, url: "https://x/", token: token', "is no JSONPath"),
        ('type: login, url: "https://x/", body: a, form: {b: c}', "a form or a body"),
        ('type: login, url: "https://x/", token: "match (a)(b)"', "has several groups"),
        ('type: login, url: "https://x/", token: "match (a"', "the pattern '(a'"),
        ('type: hmac, secret: "${SECRET}", digest: md5', "'md5' is none of sha1, sha256, sha512"),
        ('type: hmac, secret: "${SECRET}", text: "{verb}"', "there is no {verb}"),
        ('type: hmac, secret: "${SECRET}", headers: {A: b}', "none of the headers holds {signature}"),
    ],
)
def test_what_is_wrong_with_a_login_is_told(fields: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    report = ProblemReport("i.yaml")
    entry = fields if fields == "{}" else f"{{{fields}}}"
    read_interfaces(f"services: {{a: {{documents: a}}}}\nlogins:\n  one: {entry}".encode(), report)
    assert any(said in str(problem) for problem in report.problems), report.problems
    assert SECRET not in str(report.problems)


KEY = Vault(b"a key of the settings")


class Rows:
    """What logins keep sealed, as a database keeps it; leases last until they are given back."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.sessions: dict[str, str] = {}
        self.holders: dict[str, str] = {}
        self.problems: dict[str, str] = {}
        self.away = False

    async def session(self, login: str) -> SessionRow:
        if self.away:
            raise DatabaseUnavailable("away")
        return SessionRow(self.sessions.get(login), self.problems.get(login, ""))

    async def begin_login(self, login: str, holder: str, lasts: timedelta, known: str | None) -> bool:
        is_mine = login not in self.holders and self.sessions.get(login) == known
        if is_mine:
            self.holders[login] = holder
        return is_mine

    async def hold_login(self, login: str, holder: str, lasts: timedelta) -> None:
        assert self.holders[login] == holder

    async def keep_session(self, login: str, holder: str, sealed: str) -> None:
        if self.away:
            raise DatabaseUnavailable("away")
        assert self.holders.pop(login) == holder
        self.sessions[login] = sealed

    async def login_failed(self, login: str, holder: str, problem: str, pause: timedelta) -> None:
        assert self.holders[login] == holder
        self.problems[login] = problem

    async def keep_only(self, logins: Iterable[str], now: datetime) -> None:
        raise AssertionError("nobody removes logins here")

    async def kept_token(self, login: str) -> str | None:
        if self.away:
            raise DatabaseUnavailable("away")
        return self.kept.get(login)

    async def keep_token(self, login: str, sealed: str) -> None:
        if self.away:
            raise DatabaseUnavailable("away")
        self.kept[login] = sealed


def kept_in(rows: Rows, *, process: str = "a", alone: bool = True) -> KeptLogins:
    return KeptLogins.of(rows, KEY, holder=process, is_alone=lambda: alone)


class Rotating:
    """Exchanges each refresh token once."""

    def __init__(self) -> None:
        self.number, self.valid, self.asked = 0, "first-refresh-token", list[str]()

    async def check(self, request: CheckRequest) -> CheckResult:
        form = dict(parse_qsl(request.body.decode()))
        self.asked.append(form["refresh_token"])
        if form["refresh_token"] != self.valid:
            return CheckResult(NOW, CheckFailure.STATUS, "status 400 where status 200-299 is expected", status=400)
        self.number += 1
        self.valid = f"refresh-token-{self.number}"
        said = {"access_token": f"access-token-{self.number}", "expires_in": 60, "refresh_token": self.valid}
        return CheckResult(NOW, None, status=200, body=json.dumps(said).encode())


async def test_a_refresh_token_that_was_exchanged_is_known_after_a_restart_and_kept_encrypted() -> None:
    rows, service = Rows(), Rotating()

    def keeper(first: str = "first-refresh-token") -> TokenKeeper:
        form = (("grant_type", "refresh_token"), ("refresh_token", first))
        login = TokenLogin("long", TokenRequest("https://l.example/t", form=form), refresh="$.refresh_token")
        return TokenKeeper(login, service, SetClock(), kept_in(rows))

    await keeper().token()
    assert "refresh-token-1" not in rows.kept["long"]
    # Another process goes on with the newest one, and keeps the next.
    await keeper().token()
    assert service.asked == ["first-refresh-token", "refresh-token-1"]
    # Where that is refused, the one of the file is tried.
    service.valid = "first-refresh-token"
    await keeper().token()
    assert service.asked[2:] == ["refresh-token-2", "first-refresh-token"]
    # Another one in the file makes what was kept void; without a database it is used as it is.
    service.valid = "second-refresh-token"
    await keeper("second-refresh-token").token()
    assert service.asked[-1] == "second-refresh-token"
    rows.away, service.valid = True, "second-refresh-token"
    await keeper("second-refresh-token").token()
    # Nor does a token count that another key sealed.
    rows.away, service.valid = False, "second-refresh-token"
    rows.kept["long"] = Vault(b"another key than that").seal("{}")
    await keeper("second-refresh-token").token()
    assert service.asked[-1] == "second-refresh-token"
    with pytest.raises(LoginFailed, match=r"^status 400 where"):
        await keeper("unknown-refresh-token").token()


async def test_logins_that_begin_without_a_refresh_token_keep_none() -> None:
    rows = Rows()
    tokens = RefreshTokens(rows, KEY)
    login = TokenLogin("user", TokenRequest("https://l.example/t", form=(("grant_type", "password"),)))
    await tokens.keep(login, "refresh-token")
    assert (await tokens.last(login), rows.kept) == ("", {})


class OneSession(TokenServer):
    """A service that ends the older session at each login."""

    @property
    def valid(self) -> str:
        return f"Bearer token-{len(self.requests)}"


def lets_in(server: OneSession, token: Token) -> bool:
    return token.credentials.headers["Authorization"] == server.valid


USER = 'type: password, token_url: "https://x/t", user: ann, password: "${SECRET}"'


async def test_processes_use_one_session_and_one_of_them_logs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "LOOK_SECONDS", 0)
    monkeypatch.setattr(sessions, "HELD_AGAIN_SECONDS", 0)
    clock, server, rows = SetClock(), OneSession(), Rows()
    made = login(USER, monkeypatch)
    assert isinstance(made, TokenLogin)
    # Who is alone keeps its session to itself; of two that begin together one logs in, and the third goes on with it.
    alone = TokenKeeper(made, server, clock, kept_in(rows))
    await alone.token()
    assert (len(server.requests), rows.sessions) == (1, {})
    first, second, third = (
        TokenKeeper(made, server, clock, kept_in(rows, process=name, alone=False)) for name in "abc"
    )
    one, other = await asyncio.gather(first.token(), second.token())
    assert (len(server.requests), one.credentials, lets_in(server, await third.token())) == (2, other.credentials, True)
    assert "token-2" not in rows.sessions["one"]
    # The one that was alone is refused, and goes on with the session of all; ahead of its end one renews it for all.
    alone._kept = kept_in(rows, process="d", alone=False)
    assert lets_in(server, await alone.after_refusal(await alone.token()))
    clock.at += timedelta(seconds=80)
    for keeper in (first, second, third, alone):
        async with asyncio.timeout(60):  # nobody waits for what is renewed ahead of its end
            while not lets_in(server, await keeper.token()) or len(server.requests) < 3:  # noqa: ASYNC110  a task tells nobody
                await asyncio.sleep(0.001)
    assert len(server.requests) == 3
    # Of all whom the service refuses one logs in, and nobody puts another one out.
    refused = [await keeper.token() for keeper in (first, second, third)]
    server.requests.append(server.requests[0])
    renewed = [await one.after_refusal(used) for one, used in zip((first, second, third), refused, strict=True)]
    assert (len(server.requests), [lets_in(server, one) for one in renewed]) == (5, [True] * 3)
    # Nor does a session count that another user of the login had, or that was sealed with another key.
    changed = login(USER.replace("ann", "eve"), monkeypatch)
    assert isinstance(changed, TokenLogin)
    await TokenKeeper(changed, server, clock, kept_in(rows, process="e", alone=False)).token()
    assert len(server.requests) == 6
    rows.sessions["one"] = Vault(b"another key than that").seal("{}")
    await TokenKeeper(made, server, clock, kept_in(rows, process="f", alone=False)).token()
    assert len(server.requests) == 7


async def test_a_login_that_failed_is_not_tried_by_the_next_process_and_each_has_its_own_without_a_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, server, rows = SetClock(), OneSession(), Rows()
    server.failure = CheckFailure.STATUS
    made = login(USER + ", shared: true", monkeypatch)
    assert isinstance(made, TokenLogin)
    for name in "ab":
        with pytest.raises(LoginFailed, match="status: the status is 400"):
            await TokenKeeper(made, server, clock, kept_in(rows, process=name)).token()
    assert len(server.requests) == 1
    rows.away, server.failure = True, None
    for name in "ab":
        assert lets_in(server, await TokenKeeper(made, server, clock, kept_in(rows, process=name)).token())
    assert len(server.requests) == 3
    # Nor is a session lost where the database goes during the login; who waits for another process waits no longer than that.
    rows.away, rows.problems = False, {}
    rows.holders["one"] = "gone"
    monkeypatch.setattr(sessions, "WAIT_SECONDS", 0.02)
    with pytest.raises(LoginFailed, match="another process"):
        await TokenKeeper(made, server, clock, kept_in(rows)).token()


async def test_clients_are_let_in_each_for_itself_unless_the_file_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = kept_in(Rows(), alone=False).sessions
    for fields, shares in ((CLIENT, False), (CLIENT + ", shared: true", True), (USER + ", shared: false", False)):
        made = login(fields, monkeypatch)
        assert isinstance(made, TokenLogin)
        assert shared.shares(made) is shares


def test_a_token_is_taken_out_of_a_page_by_a_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    made = login("type: login, url: 'https://x/l', token: 'match key=\"([^\"]+)\"'", monkeypatch)
    assert isinstance(made, TokenLogin)
    token = read_token(made, b'<p key="a&amp;b">', (), NOW, 0.0)
    assert token.credentials.headers == {"Authorization": "Bearer a&b"}
    with pytest.raises(LoginFailed, match="has no token at match key="):
        read_token(made, b"<p>", (), NOW, 0.0)
