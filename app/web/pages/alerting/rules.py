"""The rules of alerts: where each stands, what it read of late, and trying, running and pausing it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import Path, Request, Response

from app.alerting.evaluation.trial import TriedRule, try_with_rows
from app.alerting.history.models import AlertFilter, range_of
from app.alerting.models import Phase, Rule
from app.alerting.rules.book import Book
from app.alerting.rules.runbook import sections
from app.alerting.rules.schemas import RuleResource
from app.errors import NotFound
from app.kit.language import gettext
from app.kit.suggest import did_you_mean
from app.web.dependencies import OPERATE, READ, Asking, Now, Services
from app.web.pages.alerting.alert import is_falling
from app.web.pages.alerting.evidence import evidence_picture
from app.web.pages.forms import done
from app.web.pages.rendering import render, shown_count
from app.web.pages.routing import page_router
from app.web.pages.translation.said import said_runbook
from app.web.pages.words import word
from app.web.routes.v1.alerting import rules as routes
from app.wiring.container import Container

router = page_router()

LATELY = timedelta(days=1)
MOST_OPEN, MOST_PAST, MOST_ROWS = 500, 10, 100
_Name = Annotated[str, Path(max_length=200)]


@router.get("/alerts/rules", openapi_extra=READ)
async def rules_page(request: Request, services: Services, now: Now) -> Response:
    """Every rule of the book, one's own first."""
    wiring = services.alerting()
    book: Book = wiring.rule_book().current()
    found = sorted(book.rules.values(), key=lambda rule: (rule.built_in, rule.name))
    return render(
        request,
        "alerting/rules.html",
        rules=[RuleResource.of(rule, now) for rule in found],
        standing=await wiring.history().rule_states(),
        problems=wiring.rule_book().problems,
    )


@router.get("/alerts/rules/{rule:path}", openapi_extra=READ)
async def rule_page(request: Request, services: Services, now: Now, rule: _Name) -> Response:
    """A rule: its definition, where it stands, what it read in a day, its alerts."""
    return await _rule_page(request, services, now, rule)


async def _rule_page(
    request: Request, services: Container, now: Now, name: str, tried: TriedRule | None = None
) -> Response:
    wiring = services.alerting()
    rule, history = _named(wiring.rule_book().current(), name), wiring.history()
    found = await wiring.administration().alerts([Phase.FIRING, Phase.PENDING], limit=MOST_OPEN)
    span = range_of(now - LATELY, now)
    return render(
        request,
        "alerting/rule.html",
        rule=rule,
        shown=RuleResource.of(rule, now),
        state=(await history.rule_states()).get(name),
        picture=evidence_picture(span, await history.read_values(name, span), falling=is_falling(rule)),
        runbook=said_runbook(sections().get(name, "").partition("\n")[2].strip()),
        open_alerts=[view for view in found if view.alert.rule == name],
        past_alerts=await history.past(AlertFilter(rule=name), limit=MOST_PAST),
        tried=tried,
        columns=list(dict.fromkeys(column for row in tried.rows for column in row)) if tried else [],
        most_rows=MOST_ROWS,
    )


def _named(book: Book, name: str) -> Rule:
    if name not in book.rules:
        hint = did_you_mean(name, book.rules, otherwise=gettext("; /alerts/rules lists them"))
        raise NotFound(gettext("there is no rule %(name)s in the book", name=repr(name)) + hint)
    return book.rules[name]


@router.post("/alerts/rules/{rule:path}/try", openapi_extra=OPERATE, name="try_rule_once")
async def try_rule_from_page(request: Request, services: Services, now: Now, rule: _Name) -> Response:
    """The page of a rule with the rows that it reads now; writes nothing and tells nobody."""
    wiring = services.alerting()
    tried = await try_with_rows(_named(wiring.rule_book().current(), rule), wiring.evaluator(), now)
    return await _rule_page(request, services, now, rule, tried)


@router.post("/alerts/rules/{rule:path}/run", openapi_extra=OPERATE, name="run_rule_now")
async def run_rule_from_page(request: Request, services: Services, rule: _Name) -> Response:
    """Evaluate a rule now with all that follows."""
    found = await routes.run_rule_now(services, rule)
    faults = shown_count(len(found.signals), "row")
    error = f" {found.error}" if found.error else ""
    return done(
        request,
        _path(rule),
        gettext(
            "%(rule)s is evaluated: %(verdict)s, %(rows)s that show a fault.",
            rule=rule,
            verdict=word(found.verdict),
            rows=faults,
        )
        + error,
    )


@router.post("/alerts/rules/{rule:path}/pause", openapi_extra=OPERATE, name="pause_rule")
async def pause_rule_from_page(request: Request, services: Services, caller: Asking, now: Now, rule: _Name) -> Response:
    """Let a rule rest."""
    await routes.pause_rule(services, caller, now, rule)
    return done(
        request,
        _path(rule),
        gettext("%(rule)s rests: its alerts stay as they are, and nobody is notified of them.", rule=rule),
    )


@router.post("/alerts/rules/{rule:path}/resume", openapi_extra=OPERATE, name="resume_rule")
async def resume_rule_from_page(request: Request, services: Services, rule: _Name) -> Response:
    """Look at a rule again."""
    await routes.resume_rule(services, rule)
    return done(request, _path(rule), gettext("%(rule)s is looked at again.", rule=rule))


def _path(rule: str) -> str:
    return f"alerts/rules/{quote(rule)}"
