"""The section `logins` of the file of interfaces. Secrets stand in the environment or in files that it names."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import timedelta

from app.errors import ConfigurationError
from app.kit.yaml.fields import Fields, suggestion
from app.probes.checking.conditions.json_path import parse_json_path
from app.probes.checking.conditions.patterns import parse_pattern
from app.probes.checking.targets import parse_target
from app.probes.interfaces.logins.models import (
    MATCH,
    FixedLogin,
    RequestCredentials,
    ServiceLogin,
    SigningLogin,
    TokenLogin,
    TokenPlace,
    TokenPresentation,
    TokenRequest,
)
from app.probes.models import CheckMethod
from app.probes.secret_texts import entry_text, entry_texts, secrets_in
from app.secrets import read_secret

SIGNED_FIELDS = ("method", "path", "query", "host", "timestamp", "date", "nonce", "body_sha256")
DIGESTS, ENCODINGS = ("sha1", "sha256", "sha512"), ("hex", "base64")
SHORTEST, LONGEST = timedelta(seconds=10), timedelta(days=30)
_FIELD = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


def read_logins(root: Fields) -> dict[str, ServiceLogin]:
    """The logins by their names; what is wrong is reported, and a wrong one is left out."""
    found: dict[str, ServiceLogin] = {}
    for name, entry in root.named("logins").items():
        kind = entry.text("type", required=True)
        reader = _READERS.get(kind)
        if reader is None:
            if kind:
                entry.wrong(f"there is no type {kind[:50]!r} of a login{suggestion(kind, _READERS)}", "type")
            continue
        login = reader(name, entry)
        entry.close()
        if login is not None:
            found[name] = login
    return found


def _secret(entry: Fields, name: str, *, required: bool = True) -> str:
    """A secret of the environment; empty where it is absent or wrong, which is reported."""
    value = read_secret(entry, name, required=required)
    return value.get_secret_value() if value is not None else ""


def _static(name: str, entry: Fields) -> FixedLogin:
    return FixedLogin(name, _presentation(entry).credentials(_secret(entry, "token")))


def _basic(name: str, entry: Fields) -> FixedLogin:
    user, password = entry_text(entry, "user", required=True), _secret(entry, "password")
    return FixedLogin(name, _basic_credentials(user, password))


def _basic_credentials(user: str, password: str) -> RequestCredentials:
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return RequestCredentials({"Authorization": f"Basic {encoded}"}, secrets=(password, encoded))


def _api_key(name: str, entry: Fields) -> FixedLogin:
    place = entry.choice("in", TokenPlace, TokenPlace.HEADER)
    presented = TokenPresentation(place, _header_name(entry, "name", "X-Api-Key"), "")
    return FixedLogin(name, presented.credentials(_secret(entry, "key")))


def _header_name(entry: Fields, field: str, default: str) -> str:
    found = entry.text(field, default)
    if not _NAME.fullmatch(found):
        entry.wrong(f"{found[:50]!r} is no name that can be sent", field)
        return default
    return found


def _presentation(entry: Fields) -> TokenPresentation:
    """`header`, `query` or `cookie` names what carries the token; `prefix` stands before it."""
    given = [place for place in TokenPlace if entry.has(place.value)]
    if len(given) > 1:
        entry.wrong("a token is sent in one place: header, query or cookie", given[1].value)
    place = given[0] if given else TokenPlace.HEADER
    name = _header_name(entry, place.value, "Authorization")
    usual = "Bearer " if place is TokenPlace.HEADER and name == "Authorization" else ""
    return TokenPresentation(place, name, entry.text("prefix", usual))


def _url(entry: Fields, name: str) -> str:
    text = entry.text(name, required=True)
    if text:
        try:
            if parse_target(text).password:
                entry.wrong("a secret does not stand in a URL", name)
        except ConfigurationError as error:
            entry.wrong(str(error), name)
            return ""
    return text


def _path(entry: Fields, name: str, default: str) -> str:
    text = entry.text(name, default)
    if text:
        try:
            parse_json_path(text)
        except ConfigurationError as error:
            entry.wrong(str(error), name)
    return text


def _token_place(entry: Fields) -> str:
    """A JSONPath, or `match PATTERN`."""
    text = entry.text("token", "$.token")
    if not text.startswith(MATCH):
        return _path(entry, "token", "$.token")
    pattern = text.removeprefix(MATCH).strip()
    try:
        if parse_pattern(pattern, captures=True).groups > 1:
            entry.wrong(f"{pattern[:50]!r} has several groups; write (?:…) for those that are not taken", "token")
    except ConfigurationError as error:
        entry.wrong(str(error), "token")
    return MATCH + pattern


def _lifetime(entry: Fields) -> timedelta | None:
    found: timedelta | None = entry.duration("lifetime", None, least=SHORTEST, most=LONGEST)
    return found


def _shared(entry: Fields) -> bool | None:
    return entry.flag("shared", default=False) if entry.has("shared") else None


def _oauth(grant: str) -> Callable[[str, Fields], TokenLogin]:
    def read(name: str, entry: Fields) -> TokenLogin:
        url, client = _url(entry, "token_url"), entry_text(entry, "client_id", required=grant == "client_credentials")
        secret = _secret(entry, "client_secret", required=grant == "client_credentials")
        form = [("grant_type", grant)]
        secrets = [secret]
        if grant == "password":
            password = _secret(entry, "password")
            form += [("username", entry_text(entry, "user", required=True)), ("password", password)]
            secrets.append(password)
        elif grant == "refresh_token":
            token = _secret(entry, "refresh_token")
            form.append(("refresh_token", token))
            secrets.append(token)
        form += [(extra, entry.text(extra)) for extra in ("scope", "audience", "resource") if entry.has(extra)]
        headers: dict[str, str] = {}
        if entry.text("client_auth", "basic") == "body" or not secret:
            form += [(field, value) for field, value in (("client_id", client), ("client_secret", secret)) if value]
        else:
            basic = _basic_credentials(client, secret)
            headers.update(basic.headers)
            secrets += basic.secrets
        return TokenLogin(
            name,
            TokenRequest(url, CheckMethod.POST, headers, tuple(form), secrets=tuple(filter(None, secrets))),
            token=_path(entry, "token", "$.access_token"),
            lifetime_path=_path(entry, "expires", "$.expires_in"),
            lifetime=_lifetime(entry),
            refresh="$.refresh_token" if grant != "client_credentials" else "",
            presented=_presentation(entry),
            shared=_shared(entry),
        )

    return read


def _call(name: str, entry: Fields, *, cookies: bool) -> TokenLogin:
    method = entry.choice("method", CheckMethod, CheckMethod.POST)
    headers, secrets = entry_texts(entry, "headers")
    form, more = entry_texts(entry, "form")
    body = entry_text(entry, "body")
    if body and form:
        entry.wrong("a request has a form or a body", "body")
    if body and not any(header.lower() == "content-type" for header in headers):
        headers = {**headers, "Content-Type": "application/json" if body.lstrip().startswith("{") else "text/plain"}
    secrets = [*secrets, *more, *secrets_in(entry, "body", body)]
    return TokenLogin(
        name,
        TokenRequest(_url(entry, "url"), method, headers, tuple(form.items()), body, tuple(filter(None, secrets))),
        token="" if cookies else _token_place(entry),
        lifetime_path="" if cookies else _path(entry, "expires", "$.expires_in"),
        lifetime=_lifetime(entry),
        presented=TokenPresentation(TokenPlace.COOKIE, "", "") if cookies else _presentation(entry),
        shared=_shared(entry),
    )


def _hmac(name: str, entry: Fields) -> SigningLogin:
    digest, encoding = entry.text("digest", "sha256"), entry.text("encoding", "hex")
    for value, known, field in ((digest, DIGESTS, "digest"), (encoding, ENCODINGS, "encoding")):
        if value not in known:
            entry.wrong(f"{value[:50]!r} is none of {', '.join(known)}", field)
    text = entry.text("text", "{method}\\n{path}\\n{timestamp}").replace("\\n", "\n")
    _check_fields(entry, "text", text, SIGNED_FIELDS)
    headers, _ = entry_texts(entry, "headers")
    headers = headers or {"X-Timestamp": "{timestamp}", "X-Signature": "{signature}"}
    for header in headers.values():
        _check_fields(entry, "headers", header, (*SIGNED_FIELDS, "signature"))
    if not any("{signature}" in value for value in headers.values()):
        entry.wrong("none of the headers holds {signature}", "headers")
    return SigningLogin(name, _secret(entry, "secret"), text, digest, encoding, headers)


def _check_fields(entry: Fields, name: str, text: str, known: tuple[str, ...]) -> None:
    for field in _FIELD.findall(text):
        if field not in known:
            entry.wrong(f"there is no {{{field[:50]}}}{suggestion(field, known)}", name)


_READERS: Mapping[str, Callable[[str, Fields], ServiceLogin]] = {
    "static": _static,
    "basic": _basic,
    "api_key": _api_key,
    "client_credentials": _oauth("client_credentials"),
    "password": _oauth("password"),
    "refresh_token": _oauth("refresh_token"),
    "login": lambda name, entry: _call(name, entry, cookies=False),
    "cookie": lambda name, entry: _call(name, entry, cookies=True),
    "hmac": _hmac,
}
