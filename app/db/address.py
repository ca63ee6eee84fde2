"""Where the database is: a URL as people write it, made ready for the driver, and its name without secrets."""

from __future__ import annotations

import random
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from app.errors import ConfigurationError

_SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^:@\[\]]*)(?::(\d{1,5}))?")

# Parameters of libpq that the driver does not know; it would send them to the server as settings, which refuses them.
_LIBPQ_ONLY = frozenset(
    {
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "fallback_application_name",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "tcp_user_timeout",
        # Their defaults, and what changes no connection that comes about.
        "sslcompression",
        "sslsni",
        "gssdelegation",
    }
)
# Each would make the connection another one, so that leaving it out without a word were wrong.
_NOT_KNOWN = {
    "hostaddr": "name the address as the host",
    "requirepeer": "leave it out",
    "require_auth": "leave it out; the server's pg_hba.conf decides how a user signs in",
    "requiressl": "write sslmode=require",
    "sslcertmode": "leave it out; sslcert and sslkey name a certificate",
    "sslcrldir": "write sslcrl with one file",
    "sslkeylogfile": "leave it out",
    "sslnegotiation": "leave it out; the server is asked for TLS first",
    "min_protocol_version": "leave it out",
    "max_protocol_version": "leave it out",
    "scram_client_key": "write the password",
    "scram_server_key": "write the password",
    "replication": "leave it out",
}
_IGNORED_VALUES = {"gssencmode": {"prefer", "disable"}}
_OF_THE_USER = frozenset({"user", "password", "passfile", "sslcert", "sslkey", "sslpassword"})


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """A database: `dsn` for the driver (secret), `name` for messages (host, port and database only)."""

    dsn: str = field(repr=False)
    name: str
    without_password: bool = field(default=False, compare=False, repr=False)

    def of(self, user: str) -> DatabaseAddress:
        """The same database for another user, whose password is not known."""
        parts = urlsplit(self.dsn)
        hosts = parts.netloc.rpartition("@")[2]
        kept = [one for one in parse_qsl(parts.query) if one[0] not in _OF_THE_USER]
        query = f"?{urlencode(kept)}" if kept else ""
        return DatabaseAddress.parse(f"postgresql://{quote(user, safe='')}@{hosts}{parts.path}{query}")

    @classmethod
    def parse(cls, url: str) -> DatabaseAddress:
        """The address that a `postgresql://` URL names; no message quotes the URL, because it may hold a password."""
        try:
            parts = urlsplit(url.strip())
            query = [(key, value) for key, value in parse_qsl(parts.query, strict_parsing=bool(parts.query))]
        except ValueError:
            raise _wrong("it cannot be read as a URL") from None
        if parts.scheme not in _SCHEMES:
            raise _wrong("it must begin with postgresql://")
        if parts.fragment or "#" in url:
            raise _wrong("write # in a password as %23")
        login, _, hosts = parts.netloc.rpartition("@")
        if not all(_is_host(host) for host in hosts.split(",")):
            raise _wrong(
                "the part after @ is no host:port (ports end at 65535; in a password write / as %2F and ? as %3F)"
            )
        options, tried = _options(query), hosts
        if options.pop("load_balance_hosts", "disable") == "random":
            tried = ",".join(random.sample(tried.split(","), tried.count(",") + 1))
        dsn = f"postgresql://{_quoted(login)}{tried}{parts.path}" + (f"?{urlencode(options)}" if options else "")
        host = hosts or options.get("host") or "the default host"
        name = f"{host}/{unquote(parts.path.lstrip('/')) or options.get('dbname', '')}".rstrip("/")
        return cls(dsn, name, without_password=":" not in login and not options.keys() & {"password", "passfile"})


def _is_host(text: str) -> bool:
    match = _HOST.fullmatch(text)
    return match is not None and int(match[1] or 0) < 65536


def _quoted(login: str) -> str:
    """User and password with every special character escaped; the driver stumbles over a plain @ in a password."""
    if not login:
        return ""
    user, colon, password = login.partition(":")
    return f"{quote(unquote(user), safe='')}{colon}{quote(unquote(password), safe='')}@"


def _options(query: list[tuple[str, str]]) -> dict[str, str]:
    """The parameters for the driver; ConfigurationError names one that it cannot keep to."""
    for key, value in query:
        if key in _NOT_KNOWN or key.startswith("oauth_"):
            raise _wrong(f"{key} cannot be used here; {_NOT_KNOWN.get(key, 'leave it out')}")
        if value not in _IGNORED_VALUES.get(key, {value}):
            raise _wrong(f"{key}={value} cannot be kept to; leave it out")
    options = dict(_translated(key, value) for key, value in query if key not in _LIBPQ_ONLY)
    if options.get("sslrootcert") == "system":
        options |= {"sslrootcert": _system_certificates(), "sslmode": "verify-full"}
    return options


def _system_certificates() -> str:
    """The file with the authorities that this machine trusts."""
    paths = ssl.get_default_verify_paths()
    candidates = (
        paths.cafile,
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
    )
    for file in candidates:
        if file and Path(file).is_file():
            return file
    raise _wrong("sslrootcert=system: this machine has no file of trusted authorities; name one in its place")


def _translated(key: str, value: str) -> tuple[str, str]:
    return (
        ("sslmode", {"true": "require", "false": "disable"}.get(value.lower(), value)) if key == "ssl" else (key, value)
    )


def _wrong(reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"GRIDKEEPER_DATABASE__URL: {reason}; write it as postgresql://user:password@host:5432/name"
    )
