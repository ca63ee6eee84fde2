"""The rules of alerts."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from app.alerting.evaluation.schemas import EvaluationResource
from app.alerting.models import Trigger
from app.alerting.rules.book import checked_text
from app.alerting.rules.schemas import RuleBookCheckResource, RuleResource, RuleStandingResource, RuleTextBody
from app.schemas import Page
from app.web.dependencies import OPERATE, READ, Asking, Now, Services, api_router
from app.web.paging import Paging

router = api_router("rules")

_Rule = Annotated[str, Path(max_length=200, description="Name of the rule; `/rules` lists them.")]


@router.get("/rules", openapi_extra=READ)
async def list_rules(services: Services, paging: Paging, now: Now) -> Page[RuleResource]:
    """List the rules, the shipped ones too: severity, schedule, next slot, threshold, where each stands."""
    rules = services.alerting().rule_book().current().rules
    return paging.of(rules.values(), lambda rule: (rule.name,), lambda rule: RuleResource.of(rule, now))


@router.post("/rules/validate", openapi_extra=OPERATE)
async def validate_rules(body: RuleTextBody) -> RuleBookCheckResource:
    """Read rules as YAML and list every problem with line, field and remedy; keeps nothing, looks up no secret."""
    return RuleBookCheckResource.of(checked_text(body.text))


@router.post("/rules/{rule}/try", openapi_extra=OPERATE)
async def try_rule_once(services: Services, rule: _Rule) -> EvaluationResource:
    """Evaluate a rule once and show what it finds; writes nothing and tells nobody."""
    return EvaluationResource.of(await services.alerting().service().try_rule(rule))


@router.post("/rules/{rule}/run", openapi_extra=OPERATE)
async def run_rule_now(services: Services, rule: _Rule) -> EvaluationResource:
    """Evaluate a rule now, due or not, with all that follows."""
    return EvaluationResource.of(await services.alerting().service().run_rule(rule, Trigger.API))


@router.post("/rules/{rule}/pause", openapi_extra=OPERATE)
async def pause_rule(services: Services, caller: Asking, now: Now, rule: _Rule) -> RuleStandingResource:
    """Let a rule rest: its alerts stay as they are, and nobody is notified of them."""
    await services.alerting().administration().pause(rule, caller.name, now)
    return RuleStandingResource(rule=rule, paused=True)


@router.post("/rules/{rule}/resume", openapi_extra=OPERATE)
async def resume_rule(services: Services, rule: _Rule) -> RuleStandingResource:
    """Look at a rule again; slots missed meanwhile count as one."""
    await services.alerting().administration().resume(rule)
    return RuleStandingResource(rule=rule, paused=False)
