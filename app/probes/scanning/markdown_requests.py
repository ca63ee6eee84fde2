"""Requests as people write them in texts: curl commands, raw HTTP, and targets with placeholders of any kind. Pure."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from app.probes.scanning.servers import usable_url

LONGEST_COMMAND = 20_000
MOST_HEADERS = 50
_ABSOLUTE = re.compile(r"(https?://)([^/?#\s]+)(.*)", re.IGNORECASE)
_VARIABLE = re.compile(r"(?:\$\{?\w+\}?|\{\{[^{}]*\}\}|\{\w+\}|<[^<>]*>)(/.*)")
_BARE = re.compile(r"((?:localhost|[\w-]+(?:\.[\w-]+)+)(?::\d+)?)(/.*)?")
_PLACEHOLDER = re.compile(
    r"\{\{\s*([\w.-]{1,100})\s*\}\}|\$\{([\w.-]{1,100})\}|\{([^{}/]{1,100})\}|<([\w. -]{1,100})>|\$(\w{1,100})"
    r"|(?<=/):([A-Za-z_]\w{0,99})"
)
_RAW = re.compile(r"([A-Z]{3,7})\s+(\S+)(?:\s+HTTP/\d(?:\.\d)?)?\s*")
_HEADER = re.compile(r"([A-Za-z][\w-]*):\s*(.*)")
_ENDS = frozenset({"|", "||", "&&", ";", "&", ">", ">>", "<"})
_WITH_VALUE = frozenset(
    {
        "-o", "-A", "-b", "-c", "-e", "-m", "-w", "-x", "-E", "-K", "-T", "-F", "-u", "--output", "--user-agent", "--cookie",
        "--cookie-jar", "--referer", "--max-time", "--write-out", "--proxy", "--cert", "--key", "--cacert", "--capath",
        "--config", "--upload-file", "--form", "--user", "--connect-timeout", "--retry", "--retry-delay", "--resolve",
        "--unix-socket", "--limit-rate", "--max-redirs", "--oauth2-bearer", "--form-string", "--interface", "--range", "-r",
    }
)  # fmt: skip
"""Options of curl that take a value which says nothing of the interface."""
_DATA = frozenset({"-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode", "--json"})
_LONG_OF = {"-X": "--request", "-H": "--header", "-I": "--head", "-G": "--get"}


_SAME = {**dict.fromkeys(_DATA, "--data"), "-F": "--form", "--form-string": "--form", "-T": "--upload-file"}
_KEPT = "%:/?@!$&'()*+,;=~-._"
"""Signs of a path or a query that stay what they are."""


class NoRequest(ValueError):
    """A text that looks like a request and cannot be read as one; the message says why."""


@dataclass(frozen=True, slots=True)
class DocumentedRequest:
    """A request with its base URL, empty where the text leaves it open, and its path with placeholders as `{name}`."""

    method: str
    base: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None


def read_target(written: str) -> tuple[str, str]:
    """The base URL and the path of a target; NoRequest where it has neither a path nor a host."""
    text = written.strip().strip("'\"`")
    base = ""
    if match := _ABSOLUTE.fullmatch(text):
        host, text = match[2], match[3]
        base = "" if _PLACEHOLDER.search(host) else _base_of(f"{match[1].lower()}{host.rpartition('@')[2]}")
    elif match := _VARIABLE.fullmatch(text):
        text = match[1]
    elif not text.startswith("/"):
        bare = _BARE.fullmatch(text)
        if bare is None:
            raise NoRequest(f"{text[:100]!r} is no URL and no path")
        base, text = _base_of(f"http://{bare[1]}"), bare[2] or "/"
    path = _PLACEHOLDER.sub(_as_template, text).partition("#")[0].partition("[")[0]
    return base, _encoded(path if path.startswith("/") else f"/{path}")


def _base_of(url: str) -> str:
    if usable_url(url) is None:
        raise NoRequest(f"{url[:100]!r} is no URL")
    return url


def _encoded(text: str) -> str:
    """A part of a URL with what cannot stand in one, such as a space, encoded; braces are placeholders."""
    return quote(text, safe=f"{_KEPT}{{}}")


def _data(option: str, value: str) -> str:
    """What curl makes of its data; nothing where that stands in a file."""
    if option != "--data-urlencode":
        return "" if value.startswith("@") and option != "--data-raw" else value
    name, equals, text = value.partition("=")
    if not equals:
        return "" if "@" in value else quote(value, safe="")
    return f"{name}={quote(text, safe='')}" if name else quote(text, safe="")


def _as_template(match: re.Match[str]) -> str:
    name = next(group for group in match.groups() if group is not None)
    return f"{{{name.strip().replace(' ', '_')}}}"


def read_raw(lines: Sequence[str]) -> DocumentedRequest | None:
    """A request as it goes over the wire: its line, headers, an empty line, a body; None where the first line is none.

    NoRequest where its host is none.
    """
    match = _RAW.fullmatch(lines[0].strip())
    if match is None or not (match[2].startswith("/") or _ABSOLUTE.match(match[2])):
        return None
    base, path = read_target(match[2])
    headers: list[tuple[str, str]] = []
    rest = list(lines[1:])
    while rest and (header := _HEADER.fullmatch(rest[0].strip())) is not None:
        headers.append((header[1], header[2].strip()))
        rest.pop(0)
    host = next((value for name, value in headers if name.lower() == "host"), "")
    if host and not base and not _PLACEHOLDER.search(host):
        base = _base_of(f"{'http' if host.startswith(('localhost', '127.')) else 'https'}://{host}")
    body = "\n".join(rest[1:]).strip() if rest and not rest[0].strip() else ""
    return DocumentedRequest(match[1], base, path, tuple(headers[:MOST_HEADERS]), body or None)


def read_curl(command: str) -> DocumentedRequest:
    """The request that a command of curl sends; NoRequest where that cannot be known."""
    if len(command) > LONGEST_COMMAND:
        raise NoRequest("this command of curl is too long")
    try:
        words = shlex.split(command, comments=True)
    except ValueError as error:
        raise NoRequest(f"this command of curl cannot be read: {error}") from error
    given: dict[str, list[str]] = defaultdict(list)
    for option, value in _options(words[words.index("curl") + 1 :]):
        given[_SAME.get(option, option) or "--url"].append(_data(option, value) if option in _DATA else value)
    if not given["--url"]:
        raise NoRequest("this command of curl has no URL")
    base, path = read_target(given["--url"][0])
    data = "&".join(filter(None, given["--data"]))
    if "--get" in given and data:
        path, data = f"{path}{'&' if '?' in path else '?'}{_encoded(data)}", ""
    usual = "HEAD" if "--head" in given else "PUT" if given["--upload-file"] else "GET"
    if (given["--data"] or given["--form"]) and "--get" not in given:
        usual = "POST"
    headers = [(name.strip(), text.strip()) for name, _, text in (one.partition(":") for one in given["--header"])]
    method = given["--request"][0].upper() if given["--request"] else usual
    return DocumentedRequest(method, base, path, tuple(headers[:MOST_HEADERS]), data or None)


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The options of a command with their values, by their long names where it matters; what is none has no name."""
    waiting = iter(words)
    for word in waiting:
        if word in _ENDS:
            return
        if word.startswith("--") and "=" in word:
            option, _, value = word.partition("=")
            yield option, value
        elif word[:2] in {"-X", "-H", "-d"} and len(word) > 2 and not word.startswith("--"):
            yield _LONG_OF.get(word[:2], word[:2]), word[2:].removeprefix("=")
        elif word.startswith("--"):
            takes = word in _WITH_VALUE | _DATA or word in {"--request", "--header", "--url"}
            yield word, next(waiting, "") if takes else ""
        elif word.startswith("-") and len(word) > 1:
            yield from ((_LONG_OF.get(f"-{flag}", "-"), "") for flag in word[1:-1])
            last = f"-{word[-1]}"
            takes = last in _WITH_VALUE | _DATA | {"-X", "-H"}
            yield _LONG_OF.get(last, last), next(waiting, "") if takes else ""
        else:
            yield "", word
