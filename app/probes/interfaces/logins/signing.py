"""Signs a request with a shared secret. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import urlsplit

from app.probes.interfaces.logins.models import RequestCredentials, SigningLogin


def signed_credentials(
    login: SigningLogin, method: str, url: str, body: bytes, *, now: datetime, nonce: str
) -> RequestCredentials:
    """The headers that sign this request."""
    parts = urlsplit(url)
    fields = {
        "method": method,
        "path": parts.path or "/",
        "query": parts.query,
        "host": parts.netloc.rpartition("@")[2],
        "timestamp": str(int(now.timestamp())),
        "date": format_datetime(now, usegmt=True),
        "nonce": nonce,
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }
    digest = hmac.new(login.secret.encode(), _filled(login.text, fields).encode(), login.digest).digest()
    signature = digest.hex() if login.encoding == "hex" else base64.b64encode(digest).decode()
    headers = {name: _filled(value, {**fields, "signature": signature}) for name, value in login.headers.items()}
    return RequestCredentials(headers, secrets=(login.secret, signature))


def _filled(text: str, fields: dict[str, str]) -> str:
    for name, value in fields.items():
        text = text.replace(f"{{{name}}}", value)
    return text
