"""What a browser keeps of its user: a random id, in a cookie that no script reads and no other site sends."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets

from fastapi import Request, Response

from app.access.models import Credentials
from app.settings import Settings
from app.web.api.boundary import trusted

_SESSION, _FORM, _NOTICE = "gridkeeper-session", "gridkeeper-form", "gridkeeper-notice"
_READING = {"GET", "HEAD"}


def over_tls(request: Request, settings: Settings) -> bool:
    """Whether the browser speaks TLS, to us or to a proxy that we know."""
    if request.url.scheme == "https" or settings.web.base_url.startswith("https://"):
        return True
    return _of_proxy(request, settings) and request.headers.get("x-forwarded-proto", "").strip().lower() == "https"


def credentials_of(request: Request, settings: Settings, *, form: bool = False) -> Credentials:
    """What the request shows of who sends it.

    What a browser or a proxy adds to every request by itself counts for reading and for forms of ours: another site
    can cause a request, but no form of ours.
    """
    if not form and request.method not in _READING:
        return Credentials(request.headers.get("authorization"))
    return Credentials(
        request.headers.get("authorization"), session_id(request, settings), _named_user(request, settings)
    )


def _named_user(request: Request, settings: Settings) -> str:
    """Whom a trusted proxy names; "" where none does, or several are named."""
    header = settings.sign_in.user_header
    named = request.headers.getlist(header) if header and _of_proxy(request, settings) else []
    return named[0].strip() if len(named) == 1 else ""


def _of_proxy(request: Request, settings: Settings) -> bool:
    peer = request.client.host if request.client else ""
    return trusted(peer, [ipaddress.ip_network(text) for text in settings.api.proxies])


def session_id(request: Request, settings: Settings) -> str:
    """The id that the browser keeps, "" without one."""
    return request.cookies.get(_named(_SESSION, request, secure=over_tls(request, settings)), "")


def keep_session(response: Response, request: Request, settings: Settings, session: str) -> None:
    """Let the browser keep the id until it ends; "" lets it forget. Forms get a new token with it."""
    secure = over_tls(request, settings)
    _set(response, _named(_SESSION, request, secure=secure), session, secure=secure)
    _set(response, _named(_FORM, request, secure=secure), "", secure=secure)


def form_token(request: Request, settings: Settings) -> tuple[str, str]:
    """What a form carries, and the cookie that the browser has to keep for it; another site knows neither.

    Whoever is signed in has a cookie for that: several windows that open at once carry the same token. Others get a second one.
    """
    if session := session_id(request, settings):
        return _token(session), ""
    cookie = _form_cookie(request, settings) or secrets.token_urlsafe(32)
    return _token(cookie), cookie


def _form_cookie(request: Request, settings: Settings) -> str:
    return request.cookies.get(_named(_FORM, request, secure=over_tls(request, settings)), "")


def keep_form_cookie(response: Response, request: Request, settings: Settings, cookie: str) -> None:
    _set(
        response, _named(_FORM, request, secure=over_tls(request, settings)), cookie, secure=over_tls(request, settings)
    )


def is_from_here(request: Request) -> bool:
    """Whether a form comes from a page below the address that it is sent to."""
    return request.headers.get("origin", "").partition("://")[2] == request.headers.get("host")


def has_own_token(request: Request, settings: Settings, token: str) -> bool:
    """Whether the token of a form belongs to a cookie that the browser sends with it."""
    cookie = session_id(request, settings) or _form_cookie(request, settings)
    return bool(cookie) and _same(_token(cookie), token)


def keep_notice(response: Response, request: Request, settings: Settings, text: str) -> None:
    """Let the next page say what was done; "" where it was said."""
    kept = base64.urlsafe_b64encode(text.encode()).decode() if text else ""
    value = f"{_signed(form_token(request, settings)[0], kept)}.{kept}" if kept else ""
    secure = over_tls(request, settings)
    _set(response, _named(_NOTICE, request, secure=secure), value, secure=secure)


def notice_of(request: Request, settings: Settings) -> str:
    """What was done just before, "" where nothing was; only this service can have written it."""
    signature, _, kept = request.cookies.get(
        _named(_NOTICE, request, secure=over_tls(request, settings)), ""
    ).partition(".")
    if not kept or not _same(signature, _signed(form_token(request, settings)[0], kept)):
        return ""
    try:
        return base64.urlsafe_b64decode(kept).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _signed(token: str, kept: str) -> str:
    return hmac.new(f"notice {token}".encode(), kept.encode(), hashlib.sha256).hexdigest()


def _same(one: str, other: str) -> bool:
    """Compared as bytes: what a browser sends need not be ASCII."""
    return hmac.compare_digest(one.encode(), other.encode())


def _token(cookie: str) -> str:
    return hashlib.sha256(f"form {cookie}".encode()).hexdigest()


def _named(name: str, request: Request, *, secure: bool) -> str:
    """Over TLS with a prefix by which browsers refuse what another host or a plain connection sets.

    All ports of a host share their cookies: each installation has names of its own.
    """
    named = f"{name}-{request.url.port}" if request.url.port else name
    return f"__Host-{named}" if secure else named


def _set(response: Response, name: str, value: str, *, secure: bool) -> None:
    response.set_cookie(
        name,
        value,
        max_age=None if value else 0,
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )
