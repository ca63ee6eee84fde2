"""The document against the service: cases that it allows and cases that it forbids are answered as it says."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.config import SchemathesisConfig

from app.access.models import AccessScope
from tests.support.api_factory import Document, ServedApi, served_api
from tests.support.store_factory import FR, block, key

SEED, EXAMPLES = (int(os.environ.get(name, usual)) for name, usual in (("SCHEMA_SEED", "14"), ("SCHEMA_CASES", "8")))
ENDLESS = {"/events"}
"""What is answered as long as somebody listens."""


ANSWERS = {
    # No schema tells a name or a moment that is known from one that is not.
    "positive_data_acceptance": ["2xx", "3xx", "401", "403", "404", "409", "422", "429"],
    "negative_data_rejection": ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "429"],
}
"""With which statuses a case that the document allows, and one that it forbids, may be answered."""


@pytest.mark.long
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
async def test_every_operation_answers_as_the_document_says(
    database_url: str, mode: schemathesis.GenerationMode
) -> None:
    limits = {"requests_per_minute": 0, "failures_per_minute": 100_000}
    async with served_api(database_url, sandbox=False, api=limits) as api:
        store = api.container.storage().time_series()
        await store.store([block([1.0] * 48), block([2.0] * 24, key(area=FR))])
        token = await api.key(AccessScope.ADMIN, name="tester")
        wrong = await asyncio.to_thread(list, deviations(api, await api.document(), token, mode))
    assert wrong == []


def deviations(api: ServedApi, document: Document, token: str, mode: schemathesis.GenerationMode) -> Iterator[str]:
    """What was answered otherwise than the document says, of some cases of each operation."""
    checks = {name: {"expected-statuses": statuses} for name, statuses in ANSWERS.items()}
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict({"checks": checks}))
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]  # an operation that cannot be read raises here
        if operation.path in ENDLESS:
            continue
        try:
            check(operation, f"{api.url}/api/v1", token, mode)
        except Unsatisfiable:
            pass  # it takes nothing that could be wrong
        except BaseExceptionGroup as failures:
            yield f"{operation.label}: {failures}"


def check(operation: Any, url: str, token: str, mode: schemathesis.GenerationMode) -> None:
    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def answers(case: Any) -> None:
        case.query.pop("wait", None)  # a long poll waits
        case.call_and_validate(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    answers()
