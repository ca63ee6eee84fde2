"""What is said of connections that the server refuses."""

from __future__ import annotations

import asyncpg
import psycopg
import pytest

from app.alerting.evaluation.query_runner import own_login_warning
from app.db.failures import connect_failure, refuses_connections
from app.monitoring.status import login_seen


@pytest.mark.parametrize(
    ("error", "limit"),
    [
        (asyncpg.TooManyConnectionsError("desole, trop de clients"), "max_connections"),
        (psycopg.OperationalError("connection failed: FATAL:  sorry, too many clients already"), "max_connections"),
        (asyncpg.TooManyConnectionsError('too many connections for role "x"'), "CONNECTION LIMIT of the role"),
        (asyncpg.ProtocolViolationError("no more connections allowed (max_client_conn)"), "max_connections"),
    ],
)
def test_a_refusal_names_the_limit_and_the_remedy(error: Exception, limit: str) -> None:
    assert refuses_connections(error)
    said = connect_failure(error)
    assert said.startswith(f"PostgreSQL refuses further connections ({limit}")
    assert str(error).replace("  ", " ") in said
    assert said.endswith("run fewer processes, or lower GRIDKEEPER_DATABASE__POOL_SIZE")


def test_other_failures_keep_their_words() -> None:
    assert not refuses_connections(ConnectionRefusedError("nobody listens"))
    assert connect_failure(ConnectionRefusedError("nobody\n listens")) == "nobody listens"
    assert connect_failure(TimeoutError()) == "TimeoutError"


@pytest.mark.parametrize(
    ("error", "login", "refusal"),
    [
        (asyncpg.TooManyConnectionsError("desole, trop de clients"), "", "PostgreSQL refuses further connections"),
        (ConnectionRefusedError("nobody listens"), "rules cannot log in: ", ""),
    ],
)
async def test_a_refusal_says_nothing_of_the_login_of_rules(
    monkeypatch: pytest.MonkeyPatch, error: Exception, login: str, refusal: str
) -> None:
    async def connect(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(asyncpg, "connect", connect)
    said, why = await login_seen(own_login_warning("postgresql:///gridkeeper", None))
    assert (said.startswith(login), bool(said)) == (True, bool(login))
    assert (refusal in why, bool(why)) == (True, bool(refusal))
