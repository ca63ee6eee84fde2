"""What a browser keeps of its user: the key, in a cookie that no script reads and no other site sends."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets

from fastapi import Request, Response

from app.settings import Settings
from app.web.api.boundary import trusted

_KEY, _FORM, _NOTICE = "gridkeeper-key", "gridkeeper-form", "gridkeeper-notice"
_READING = {"GET", "HEAD"}


def over_tls(request: Request, settings: Settings) -> bool:
    """Whether the browser speaks TLS, to us or to a proxy that we know."""
    if request.url.scheme == "https" or settings.web.base_url.startswith("https://"):
        return True
    peer = request.client.host if request.client else ""
    proxies = [ipaddress.ip_network(text) for text in settings.api.proxies]
    return trusted(peer, proxies) and request.headers.get("x-forwarded-proto", "").strip().lower() == "https"


def authorization_of(request: Request, settings: Settings, *, form: bool = False) -> str | None:
    """The header Authorization; for reading, and for a form of ours, the key of the cookie does as well."""
    given = request.headers.get("authorization")
    if given is None and (form or request.method in _READING) and (key := cookie_key(request, settings)):
        return f"Bearer {key}"
    return given


def cookie_key(request: Request, settings: Settings) -> str:
    """The key that the browser keeps, "" without one."""
    return request.cookies.get(_named(_KEY, request, secure=over_tls(request, settings)), "")


def keep_key(response: Response, request: Request, settings: Settings, key: str) -> None:
    """Let the browser keep the key until it ends; "" lets it forget."""
    _set(response, _named(_KEY, request, secure=over_tls(request, settings)), key, secure=over_tls(request, settings))


def form_token(request: Request, settings: Settings) -> tuple[str, str]:
    """What a form carries, and the cookie that it belongs to; another site knows neither."""
    cookie = request.cookies.get(
        _named(_FORM, request, secure=over_tls(request, settings)), ""
    ) or secrets.token_urlsafe(32)
    return _token(cookie), cookie


def keep_form_cookie(response: Response, request: Request, settings: Settings, cookie: str) -> None:
    _set(
        response, _named(_FORM, request, secure=over_tls(request, settings)), cookie, secure=over_tls(request, settings)
    )


def is_own_form(request: Request, settings: Settings, token: str) -> bool:
    """Whether a form comes from a page of ours: from its address, and with the token of the browser's cookie."""
    origin = request.headers.get("origin", "").partition("://")[2]
    cookie = request.cookies.get(_named(_FORM, request, secure=over_tls(request, settings)), "")
    return origin == request.headers.get("host") and bool(cookie) and hmac.compare_digest(_token(cookie), token)


def keep_notice(response: Response, request: Request, settings: Settings, text: str) -> None:
    """Let the next page say what was done; "" where it was said."""
    kept = base64.urlsafe_b64encode(text.encode()).decode() if text else ""
    value = f"{_signed(form_token(request, settings)[1], kept)}.{kept}" if kept else ""
    secure = over_tls(request, settings)
    _set(response, _named(_NOTICE, request, secure=secure), value, secure=secure)


def notice_of(request: Request, settings: Settings) -> str:
    """What was done just before, "" where nothing was; only this service can have written it."""
    signature, _, kept = request.cookies.get(
        _named(_NOTICE, request, secure=over_tls(request, settings)), ""
    ).partition(".")
    if not kept or not hmac.compare_digest(signature, _signed(form_token(request, settings)[1], kept)):
        return ""
    try:
        return base64.urlsafe_b64decode(kept).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _signed(cookie: str, kept: str) -> str:
    return hmac.new(f"notice {cookie}".encode(), kept.encode(), hashlib.sha256).hexdigest()


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
