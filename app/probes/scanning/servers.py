"""The base URLs that a document gives its operations. Pure."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from app.errors import ConfigurationError
from app.probes.scanning.references import DefectList, Node

MOST_URLS = 20
LONGEST_URL = 2_000
_VARIABLE = re.compile(r"\{([^{}]*)\}")


def servers_of(node: Node, defects: DefectList) -> tuple[str, ...]:
    """The servers of OpenAPI 3 that stand in a document, a path or an operation, with variables filled in."""
    urls = (_server(server, defects) for server in node.elements("servers")[:MOST_URLS])
    return tuple(dict.fromkeys(url for url in urls if url is not None))


def host_of(root: Node, operation: Node, defects: DefectList) -> tuple[str, ...]:
    """The base URLs of OpenAPI 2: schemes, host and base path; relative where there is no host."""
    host, base = root.text("host").strip("/"), root.text("basePath")
    path = base if base.startswith("/") or not base else f"/{base}"
    if not host:
        return (path or "/",)
    listed = operation.elements("schemes") or root.elements("schemes")
    schemes = [scheme.value for scheme in listed if isinstance(scheme.value, str)]
    urls = [f"{scheme.lower()}://{host}{path}" for scheme in schemes if scheme.lower() in {"http", "https"}]
    if schemes and not urls:
        defects.add(root.place, f"none of the schemes {', '.join(schemes)[:100]} can be probed")
        return ()
    return tuple(dict.fromkeys(checked for url in urls or [f"https://{host}{path}"] if (checked := usable_url(url))))


def joined_url(base: str, path: str) -> str:
    """The URL of a path below a base; what follows a # in a path only tells operations apart."""
    return f"{base.rstrip('/')}/{path.partition('#')[0].lstrip('/')}"


def on_base(url: str, base: str) -> str:
    """A base URL moved to another host: its path is kept unless the other has one."""
    if not base:
        return url
    path = "" if urlsplit(base).path.strip("/") else _path_of(url)
    return f"{base.rstrip('/')}{path}"


def checked_base_url(url: str) -> str:
    """A base URL that people give; ConfigurationError where it is none."""
    checked = usable_url(url) if url else ""
    if checked is None or (url and not is_absolute(checked)) or any(sign in url for sign in "?#@"):
        raise ConfigurationError(
            f"{url!r} is no base URL; write it as https://host, https://host:8443 or https://host/v1"
        )
    return checked


def is_absolute(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _path_of(url: str) -> str:
    path = urlsplit(url).path
    return urlsplit(urljoin("http://host/", path)).path if path else ""


def _server(server: Node, defects: DefectList) -> str | None:
    written = server.text("url")
    variables = dict(server.entries("variables"))

    def value(match: re.Match[str]) -> str:
        variable = variables.get(match[1])
        if variable is None:
            return match[0]
        members = [member.value for member in variable.elements("enum") if isinstance(member.value, str)]
        if variable.at("default") is not None:
            return variable.text("default")
        return members[0] if members else match[0]

    url = usable_url(_VARIABLE.sub(value, written))
    if url is None:
        defects.add(server.place, f"the server's URL {written[:200]!r} cannot be used; give variables a default")
    return url


def usable_url(url: str) -> str | None:
    """The URL as it can be used: http or https with a host, or relative; None for any other."""
    text = url.strip().replace(" ", "%20")
    if len(text) > LONGEST_URL or not text.isprintable() or _VARIABLE.search(text):
        return None
    try:
        parts = urlsplit(text)
        if parts.scheme in {"http", "https"}:
            return text if parts.hostname and (parts.port is None or parts.port > 0) else None
    except ValueError:
        return None
    if parts.scheme or not text:
        return None
    return f"https:{text}" if text.startswith("//") else text
