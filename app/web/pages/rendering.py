"""Pages as HTML: templates, what they may call, and the headers that keep a browser careful."""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from app.access.models import AccessScope, Caller
from app.kit.language import (
    Language,
    current_language,
    found_in_context,
    found_plural,
    found_text,
    gettext,
    gettext_noop,
    in_digits,
    ngettext,
    pgettext,
    shown_decimal,
)
from app.market.areas import label
from app.market.production import PRODUCTION_TYPES, production_type
from app.market.series import SeriesKey
from app.market.time import MARKET_ZONE, iso, iso_exact
from app.quality.overview.evidence import NAMES
from app.scheduling.jobs.declaration import DECLARED
from app.settings import Origin
from app.web.browser_session import form_token, keep_form_cookie, keep_notice, notice_of, over_tls, session_id
from app.web.pages.assets import assets
from app.web.pages.languages import PARAMETER, keep_language, languages
from app.web.pages.live.messages import SCOPE_KEY, MadePage
from app.web.pages.live.parts import PageParts
from app.web.pages.translation.said import said_markup, said_plain
from app.web.pages.words import word

if TYPE_CHECKING:
    from app.wiring.container import Container

TEMPLATES = Path(__file__).parent / "templates"
PAGE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
    # With `no-referrer` a browser says `Origin: null` where it sends a form, as from another site.
    "Referrer-Policy": "same-origin",
}
"""No script and no style stands in a page itself, so that a text that slips through does nothing."""

NOT_KEPT: Mapping[str, str] = {"Cache-Control": "no-store"}

PAGES = (
    ("", gettext_noop("Overview")),
    ("data", gettext_noop("Data")),
    ("coverage", gettext_noop("Coverage")),
    ("quality", gettext_noop("Quality")),
    ("alerts", gettext_noop("Alerts")),
    ("monitors", gettext_noop("Monitors")),
    ("work", gettext_noop("Work")),
    ("reports", gettext_noop("Reports")),
    ("settings", gettext_noop("Settings")),
)
"""What stands in the navigation, by path."""
FORM_TOKEN = secrets.token_hex(32)
"""Stands in a page for the token of its forms, so that viewers who are alike share one."""
ONCE = secrets.token_hex(32)
"""Stands in a page for what makes its forms unique."""
NOTHING = "\N{EN DASH}"
TONES = {"info": "idle", "warning": "warn", "critical": "bad"}
OUTCOMES = {"succeeded": "good", "nothing_due": "good", "running": "idle", "failed": "bad"}
STATES = {"running": "good", "completed": "good", "held": "warn", "paused": "warn"}
VERDICTS = {"ok": "good", "firing": "bad", "no_data": "idle", "error": "warn"}
"""The tone of each severity, of each outcome of a run that is no warning, of each state of a backfill, and of what a rule finds."""
WORDS = {
    "bad": gettext_noop("bad"),
    "warn": gettext_noop("late"),
    "idle": gettext_noop("no deadline"),
    "good": gettext_noop("on time"),
}


@cache
def page_templates() -> Environment:
    """The templates; whatever they show is escaped, and a name that does not exist is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.policies["ext.i18n.trimmed"] = True
    # Texts are formats whose parts are escaped; the texts themselves, of the catalogue, may hold markup.
    made.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        found_text, found_plural, newstyle=True, pgettext=found_in_context
    )
    made.filters |= {
        "moment": moment,
        "clock": clock,
        "age": age,
        "number": shown_number,
        "percent": shown_share,
        "decimal": shown_decimal,
        "day": shown_day,
        "month": shown_month,
        "word": word,
        "said": said_markup,
        "translated": said_plain,
        "evidence_name": evidence_name,
        "prose": prose,
        "iso": iso,
        "exact": iso_exact,
    }
    made.filters["label"] = label
    made.filters["reason_name"] = reason_name
    made.filters["item_name"] = item_name
    made.filters["kind"] = kind
    made.globals |= {"counted": shown_count, "words": WORDS, "tones": TONES, "outcomes": OUTCOMES, "states": STATES}
    made.globals |= {"verdicts": VERDICTS, "dict": dict, "language": current_language}
    made.globals["job_title"] = job_title
    return made


def render(request: Request, template: str, /, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> HTMLResponse:
    """The page; links in it are relative, so that a proxy may put a path before them."""
    path, up = _path_and_way_up(request)
    container: Container = request.app.state.container
    settings = container.settings()
    caller: Caller | None = getattr(request.state, "caller", None)
    token, cookie = form_token(request, settings)
    # A page that looks for what is new must not take away what the one that is opened next is to say.
    notice = notice_of(request, settings) if request.headers.get("sec-fetch-mode", "navigate") == "navigate" else ""
    signed_in = bool(session_id(request, settings)) and "authorization" not in request.headers
    parts = PageParts()
    text = parts.written(
        page_templates()
        .get_template(template)
        .render(
            link=lambda path: up + path or "./",
            asset=lambda name: f"{up}static/{assets()[name].public}",
            pages=lambda: [(path, gettext(name)) for path, name in PAGES],
            here=lambda target: _is_here(path, target),
            instance=settings.instance_name,
            synthetic=settings.origin is Origin.SANDBOX,
            caller=caller,
            here_address=f"?{request.url.query}",
            in_other_languages=_in_other_languages(request),
            signed_in=signed_in and caller is not None and caller.rights is not None,
            form_token=FORM_TOKEN,
            part=parts,
            live_address=f"{up}live?page={quote(_address(request, path))}"
            if request.method == "GET" and status is HTTPStatus.OK
            else "",
            once=ONCE,
            notice=notice,
            unprotected=caller is not None and caller.rights is None,
            may_operate=caller is not None and caller.scope.includes(AccessScope.OPERATE),
            now=container.clock().now(),
            **values,
        )
    )
    made: MadePage | None = request.scope.get(SCOPE_KEY)
    if made is not None:
        made.parts, made.title, made.detail = parts, _title(text), values.get("detail", "")
        return HTMLResponse(status_code=status)
    response = HTMLResponse(with_tokens(text, token), status, dict(PAGE_HEADERS))
    if FORM_TOKEN in text:
        keep_form_cookie(response, request, settings, cookie)
    if notice:
        keep_notice(response, request, settings, "")
    keep_language(response, request, secure=over_tls(request, settings))
    return response


def see_other(request: Request, path: str) -> RedirectResponse:
    """Lead the browser to another page of ours, after what a form asked for is done."""
    return RedirectResponse(f"{_path_and_way_up(request)[1]}{path}" or "./", HTTPStatus.SEE_OTHER, dict(NOT_KEPT))


def _path_and_way_up(request: Request) -> tuple[str, str]:
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    return path, "../" * (path.count("/") - 1)


def _address(request: Request, path: str) -> str:
    """The address of the page below the root of the service."""
    return f"{path}?{request.url.query}" if request.url.query else path


def _in_other_languages(request: Request) -> list[tuple[Language, str]]:
    """The address of the page in each language; what a form asked for has none of its own."""
    if request.method != "GET":
        return []
    asked = [pair for pair in request.query_params.multi_items() if pair[0] != PARAMETER]
    return [(one, f"?{urlencode([*asked, (PARAMETER, one.code)])}") for one in languages().values()]


def with_tokens(text: str, token: str) -> str:
    """The text with the token of a viewer in its forms, and what makes each form unique."""
    return text.replace(FORM_TOKEN, token).replace(ONCE, secrets.token_urlsafe(12))


def _title(text: str) -> str:
    found = re.search(r"<title>([^<]*)</title>", text)
    return html.unescape(found[1]) if found else ""


def _is_here(path: str, target: str) -> bool:
    return path.strip("/") == target or bool(target and path.startswith(f"/{target}/"))


# What templates write


def prose(text: str) -> Markup:
    """A text whose commands stand between backticks, as a page shows them; everything in it is escaped."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup().join(Markup("<code>{}</code>").format(one) if i % 2 else escape(one) for i, one in enumerate(parts))


def item_name(item: str) -> str:
    """An item of data as people call it."""
    return found_text(item.replace("_", " "))


REASONS = {
    "ours": gettext_noop("ours"),
    "late": gettext_noop("late"),
    "missing_at_source": gettext_noop("missing at source"),
    "not_looked_at": gettext_noop("not looked at"),
}
"""Why values are missing."""


def reason_name(reason: str) -> str:
    return found_text(REASONS.get(reason, reason.replace("_", " ")))


def evidence_name(name: str) -> str:
    """What a line of the evidence of a finding is called: its own name, or one for people that others may follow."""
    for known in NAMES.values():
        if name == known or name.startswith(f"{known} "):
            return found_text(known) + name.removeprefix(known)
    return name


def job_title(job: str) -> str:
    """What a job does, "" where it is none of ours: a job of one item is named KIND:ITEM."""
    declared = DECLARED.get(job.partition(":")[0])
    return declared.title if declared else ""


def kind(key: SeriesKey) -> str:
    """What tells a series from the others of its item and area, the type of production by its name."""
    code, name = key.psr_type, key.distinguishing_name
    return f"{found_text(production_type(code))} ({name})" if code in PRODUCTION_TYPES else name


def moment(instant: datetime | None, *, seconds: bool = False) -> str:
    """An instant in market time with its zone; the switch of the page turns it into the viewer's."""
    if instant is None:
        return NOTHING
    return _time(instant, moment_text(instant, seconds=seconds), "second" if seconds else "minute")


def moment_text(instant: datetime, *, seconds: bool = False) -> str:
    """An instant in market time with its zone, for where no markup can be."""
    local = instant.astimezone(MARKET_ZONE)
    return f"{local.strftime(current_language().day)} {_time_of_day(local, seconds=seconds)}"


def shown_day(day: date) -> str:
    """A day as the language writes it."""
    return day.strftime(current_language().day)


MONTHS = (
    gettext_noop("January"), gettext_noop("February"), gettext_noop("March"), gettext_noop("April"),
    gettext_noop("May"), gettext_noop("June"), gettext_noop("July"), gettext_noop("August"),
    gettext_noop("September"), gettext_noop("October"), gettext_noop("November"), gettext_noop("December"),
)  # fmt: skip


def shown_month(day: date) -> str:
    """The month of a day by its name."""
    return gettext("%(month)s %(year)s", month=gettext(MONTHS[day.month - 1]), year=day.year)


def clock(instant: datetime | None) -> str:
    """The time of day of an instant, with its zone."""
    if instant is None:
        return NOTHING
    return _time(instant, _time_of_day(instant.astimezone(MARKET_ZONE)), "clock")


def _time_of_day(local: datetime, *, seconds: bool = False) -> str:
    return f"{local.strftime('%H:%M:%S' if seconds else '%H:%M')} {zone_name(local)}"


def zone_name(local: datetime) -> str:
    """The short name of the market's zone at that time."""
    return gettext("CEST") if local.dst() else gettext("CET")


def _time(instant: datetime, text: str, form: str) -> Markup:
    stamp = instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Markup('<time datetime="{}" data-form="{}">{}</time>').format(stamp, form, text)


def age(length: timedelta | float | None) -> str:
    """A length of time in its two largest parts: 3 d 4 h, 25 min, 40 s."""
    if length is None:
        return NOTHING
    exact = length.total_seconds() if isinstance(length, timedelta) else length
    seconds = round(exact)
    if 0 < exact < 10:
        return f"{shown_decimal(exact, 1)} {pgettext('unit of time', 's')}"
    if seconds < 60:
        return f"{seconds} {pgettext('unit of time', 's')}"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if minutes < 60:
        return f"{minutes} {pgettext('unit of time', 'min')}"
    hour = pgettext("unit of time", "h")
    if hours < 24:
        return f"{hours} {hour} {minutes % 60} {pgettext('unit of time', 'min')}" if minutes % 60 else f"{hours} {hour}"
    day = pgettext("unit of time", "d")
    return f"{days} {day} {hours % 24} {hour}" if hours % 24 else f"{days} {day}"


def shown_number(value: float | None) -> str:
    """A number with its thousands apart by a narrow space, which no locale reads as a decimal sign."""
    if value is None:
        return NOTHING
    return in_digits(
        f"{value:,}" if isinstance(value, int) else f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    )


def shown_count(number: int, what: str) -> str:
    """A number with its English noun, in the language of who reads: 1 window, 2 windows."""
    one = f"%(num)s {what}"
    return ngettext(one, f"{one}s", number)


def shown_share(share: float | None) -> str:
    """A share; never rounded up to all."""
    if share is None:
        return NOTHING
    return "100 %" if share == 1 else f"{shown_decimal(min(share * 100, 99.99), 2)} %"
