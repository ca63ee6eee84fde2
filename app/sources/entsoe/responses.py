"""What an answer of the platform means for the request: usable, ask again, ask for less, or give up.

Pure. The reason code is 999 for nearly everything and Content-Type is not to be trusted, so status and text decide.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from app.errors import (
    AccessDenied,
    NoMatchingData,
    RateLimited,
    RequestRejected,
    RequestTooLarge,
    SourceError,
    SourceUnavailable,
)
from app.net.responses import HttpResponse
from app.sources.entsoe.parsing.documents import Acknowledgement
from app.sources.entsoe.parsing.sniff import BodyKind, sniff

ACCESS_REMEDY = (
    "check GRIDKEEPER_ENTSOE__TOKEN. The token stands in your account at https://transparency.entsoe.eu under "
    "My Account Settings, Web API Security Token; access to the API has to be asked for once at "
    "transparency@entsoe.eu"
)
USUAL_BAN = timedelta(minutes=10)
LONGEST_BAN = timedelta(hours=1)
OF_THE_REQUEST = frozenset({400, 414, 422, 431})
"""Statuses that speak of one request; any other that is refused without an acknowledgement is not the platform's own word."""
_QUOTED = 200
_EXAMINED = 256 * 1024

_REASON = re.compile(rb"<(?:[\w.-]+:)?(code|text)\s*>([^<]*)<")
_RESUMES = re.compile(r"again\s+(?:at|after)\s+(\d{4}-\d\d-\d\d)[T ]+(\d\d:\d\d(?::\d\d)?)", re.IGNORECASE)
_THROTTLED = re.compile(r"throttling|requests per minute", re.IGNORECASE)
_TOO_LARGE = re.compile(
    r"exceed|too (?:many|large|long|much)|(?:more|longer|greater|larger) than|limited to|maximum", re.IGNORECASE
)
_PASSING = re.compile(
    r"internal (?:server )?error|unexpected error|unavailable|time[d-]? ?out|try again", re.IGNORECASE
)
_BAD_TOKEN = re.compile(r"security token|unauthori[sz]ed", re.IGNORECASE)


def classify_response(answer: HttpResponse, now: datetime) -> SourceError | None:
    """What an answer means that is no document and no archive, NoMatchingData among it; None for these."""
    if answer.status == 429:
        return _rate_limited(answer, now)
    if answer.status in (401, 403):
        return AccessDenied(f"the platform refuses the token ({_summary(answer)}); {ACCESS_REMEDY}")
    if answer.status >= 500:
        return SourceUnavailable(_summary(answer))
    acknowledgement = read_acknowledgement(answer.body)
    if acknowledgement is not None:
        return _acknowledged(acknowledgement, answer, now)
    return _failed(answer, now) if answer.status >= 300 else _unusable(answer)


def _failed(answer: HttpResponse, now: datetime) -> SourceError:
    """A status that is none of a document, with a body that does not explain it."""
    if answer.status < 400:
        return _redirected(answer)
    if answer.status == 413:
        return RequestTooLarge(_summary(answer))
    if _THROTTLED.search(quote(answer.body)):
        return _rate_limited(answer, now)
    return RequestRejected(_summary(answer)) if answer.status in OF_THE_REQUEST else SourceUnavailable(_summary(answer))


def meaning_of(acknowledgement: Acknowledgement) -> SourceError:
    """What an acknowledgement means, in the place of a document or among those of an archive."""
    text = " ".join(acknowledgement.text.split()) or "an acknowledgement without a text"
    if acknowledgement.no_matching_data:
        return NoMatchingData(f"the platform says: {_shortened(text)}")
    if _BAD_TOKEN.search(text):
        return AccessDenied(f"the platform refuses the token ({_shortened(text)}); {ACCESS_REMEDY}")
    if _TOO_LARGE.search(text):
        return RequestTooLarge(f"the platform says: {_shortened(text)}")
    if _PASSING.search(text):
        return SourceUnavailable(f"the platform says: {_shortened(text)}")
    return RequestRejected(f"the platform says: {_shortened(text)}")


def _acknowledged(acknowledgement: Acknowledgement, answer: HttpResponse, now: datetime) -> SourceError:
    if not acknowledgement.text and not sniff(answer.body).complete:
        return _cut_off(answer)
    meaning = meaning_of(acknowledgement)
    throttled = not isinstance(meaning, NoMatchingData) and _THROTTLED.search(acknowledgement.text)
    return _rate_limited(answer, now) if throttled else meaning


def read_acknowledgement(body: bytes) -> Acknowledgement | None:
    """The reason of an acknowledgement; None for any other body. Only the head is read, data documents cost nothing."""
    if b"Acknowledgement_MarketDocument" not in body[:2000]:
        return None
    reason: dict[bytes, str] = {}
    for name, text in _REASON.findall(body[:_EXAMINED]):
        reason.setdefault(name, html.unescape(text.decode("utf-8", "replace")).strip())
    return Acknowledgement(reason.get(b"code", ""), reason.get(b"text", ""))


def _unusable(answer: HttpResponse) -> SourceError | None:
    found = sniff(answer.body)
    if found.kind is BodyKind.EMPTY:
        return SourceUnavailable("the platform answered with an empty body")
    if found.kind not in (BodyKind.XML, BodyKind.ZIP):
        what = "an HTML page" if found.kind is BodyKind.HTML else "something that is no document"
        return SourceUnavailable(f"the platform answered with {what}: {quote(answer.body)}")
    return None if found.complete else _cut_off(answer)


def _cut_off(answer: HttpResponse) -> SourceUnavailable:
    return SourceUnavailable(f"the answer was cut off after {len(answer.body):,} bytes")


def _redirected(answer: HttpResponse) -> SourceUnavailable:
    """A redirect is not followed: the token would go wherever it points."""
    target = _shortened(answer.headers.get("location", "nowhere"))
    return SourceUnavailable(f"the platform redirects to {target} ({answer.status}); check GRIDKEEPER_ENTSOE__BASE_URL")


def _rate_limited(answer: HttpResponse, now: datetime) -> SourceUnavailable:
    """Everybody waits until the named time; where that is over, an ordinary further attempt will do."""
    until = wake_up_time(quote(answer.body, limit=_EXAMINED), answer.headers.get("retry-after", ""), now)
    said = f"the request limit of the token is exceeded ({_summary(answer)})"
    return RateLimited(said, until) if until > now else SourceUnavailable(said)


def wake_up_time(text: str, retry_after: str, now: datetime) -> datetime:
    """When the platform answers again: by its text, else by Retry-After, else after the usual ban.

    A named time is printed without fractions, hence the second; one that is over means that nobody need wait longer.
    """
    named = _named_time(text) or _retry_after(retry_after.strip(), now)
    if named is None:
        return now + USUAL_BAN
    return min(named + timedelta(seconds=1), now + LONGEST_BAN)


def _named_time(text: str) -> datetime | None:
    found = _RESUMES.search(text)
    if found is None:
        return None
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC)
    except ValueError:
        return None


def _retry_after(value: str, now: datetime) -> datetime | None:
    if value.isascii() and value.isdigit():
        return now + min(timedelta(seconds=int(value[:9])), LONGEST_BAN)
    try:
        named = parsedate_to_datetime(value)
    except ValueError:
        return None
    return named if named.tzinfo else named.replace(tzinfo=UTC)


def _summary(answer: HttpResponse) -> str:
    """Status and what the body says, short enough for a log."""
    acknowledgement = read_acknowledgement(answer.body)
    text = _shortened(acknowledgement.text) if acknowledgement else quote(answer.body)
    return f"HTTP {answer.status}: {text}" if text else f"HTTP {answer.status}"


def quote(body: bytes, limit: int = _QUOTED) -> str:
    """The visible text of a body in one line, shortened."""
    return _shortened(html.unescape(_visible(body[:_EXAMINED].decode("utf-8", "replace"))), limit)


def _visible(markup: str) -> str:
    """The text between the tags, without styles and scripts; one pass, whatever the body looks like."""
    parts: list[str] = []
    position = 0
    while (opened := markup.find("<", position)) >= 0:
        parts.append(markup[position:opened])
        closed = markup.find(">", opened)
        if closed >= 0 and markup[opened + 1 : opened + 7].lower().startswith(("style", "script")):
            closed = markup.find("</", closed) - 1
        if closed < 0:
            return " ".join(parts)
        position = closed + 1
    return " ".join([*parts, markup[position:]])


def _shortened(text: str, limit: int = _QUOTED) -> str:
    line = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(line.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
