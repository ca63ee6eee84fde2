"""Operations whose parameters come from the answers of others, such as an order from the list of orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.probes.config import ServiceConfig
from app.probes.interfaces.models import OperationKey, ProbedOperation
from app.probes.interfaces.requests import ProbeOutcome, RequestAsker, named_operation, operation_request
from app.probes.interfaces.suites.models import TakenValue, TakePlace
from app.probes.interfaces.suites.requests import taken_values
from app.probes.interfaces.suites.templates import shown
from app.probes.models import CheckFailure, CheckRequest, CheckResult
from app.probes.scanning.models import AnswerSource, OperationParameter, ParameterValue
from app.probes.scanning.selection import PlannedProbe, request_url
from app.probes.scanning.values.parameters import is_usable


def answer_probes(config: ServiceConfig, planned: Sequence[PlannedProbe]) -> dict[OperationKey, AnswerProbe]:
    """The probes that wait for answers, by what tells them apart."""
    found: dict[OperationKey, AnswerProbe] = {}
    for probe in planned:
        if probe.url is None:
            made = AnswerProbe(config, probe, _requests(config, probe, planned))
            found.setdefault(made.operation.key, made)
    return found


def _requests(
    config: ServiceConfig, probe: PlannedProbe, planned: Iterable[PlannedProbe]
) -> dict[AnswerSource, CheckRequest]:
    """The requests whose answers a probe needs: at its own host, else at the first that has them."""
    found: dict[AnswerSource, CheckRequest] = {}
    for source in sources_of(probe):
        able = [one for one in planned if source.operation in one.operation.names and one.url is not None]
        near = next((one for one in able if one.base_url == probe.base_url), able[0] if able else None)
        if near is not None and near.url is not None:
            found[source] = operation_request(config, near, near.url)
    return found


def sources_of(probe: PlannedProbe) -> list[AnswerSource]:
    values = (parameter.value for parameter in probe.parameters)
    return [value.source for value in values if value is not None and value.source is not None]


class _NoValue(Exception):
    """The text says which value is missing."""


@dataclass(frozen=True, slots=True)
class AnswerProbe:
    """An operation that is asked once the answers are there that give its parameters."""

    config: ServiceConfig = field(repr=False)
    planned: PlannedProbe
    requests: Mapping[AnswerSource, CheckRequest] = field(repr=False)

    @property
    def operation(self) -> ProbedOperation:
        return named_operation(self.planned)

    async def outcome(self, asker: RequestAsker) -> ProbeOutcome:
        """What the operation shows; without a value it was not asked, which says nothing of it."""
        try:
            sent = tuple([await self._filled(one, asker) for one in self.planned.parameters])
        except _NoValue as missing:
            return ProbeOutcome(CheckResult(asker.now(), CheckFailure.OURS, f"not asked: {missing}"))
        url = request_url(self.planned.operation, sent, self.planned.base_url)
        probe = replace(self.planned, parameters=sent, url=url)
        return ProbeOutcome(await asker.ask(operation_request(self.config, probe, url), further=True))

    async def _filled(self, parameter: OperationParameter, asker: RequestAsker) -> OperationParameter:
        source = parameter.value.source if parameter.value is not None else None
        if source is None or parameter.value is None:
            return parameter
        where = f"{source.operation} for {parameter.name}"
        request = self.requests.get(source)
        if request is None:
            raise _NoValue(f"nothing is probed that gives the answer of {where}")
        result = await asker.answer(request)
        if result.status is None:
            raise _NoValue(f"there is no answer of {where}: {result.detail}")
        values, problems = taken_values((TakenValue(parameter.name, TakePlace.JSON, source.path),), result)
        if problems:
            raise _NoValue(f"{source.operation}: {problems[0]}")
        text = shown(values[parameter.name])
        if not is_usable(parameter.location, text):
            raise _NoValue(f"what the answer of {where} gives cannot be sent")
        return replace(parameter, value=ParameterValue((text,), parameter.value.origin, source))
