from __future__ import annotations

import pytest

from app.alerting.rules.sql_guard import one_query
from app.errors import ConfigurationError


@pytest.mark.parametrize(
    "text",
    [
        "select 1",
        "/* a /* nested ; */ comment ; */ select 1",
        "select 1 /* /* /* ; */ ; */ */",
        "select $$;$$",
        "select $größe$ ; $$ ; $größe$",
        "select $a1$ ; $b$ ; $a1$ as x",
        "select $_$;$_$",
        "select 'it''s; fine'",
        r"select E'\';' , e'\\'",
        r"select date'2024-01-01', type'\' as x",
        r"select '\' as a, 'x;y' as b",
        'select 1 as "a;b""c;"',
        "select 1 -- the end; really\r-- and; more",
        "-- first;\nwith a as (select 1) select * from a",
        "(select 1)",
        "values (1)",
        "table gaps",
        "select U&'d\\0061t;a' , B'1', x'1F'",
        "select a$b$ from (select 1 as a$b$) as t",
        "select 1 - -1, 4 / 2, '/* ' as x, ' */' as y",
    ],
)
def test_one_statement_is_taken_as_postgresql_reads_it(text: str) -> None:
    assert one_query(text) == text
    assert one_query(f"{text}\n; -- the end ; \n ;; /* /* ; */ */") == text


@pytest.mark.parametrize(
    "text",
    [
        "select 1; select 2",
        "select 1; drop table x",
        "select 1 /* /* */ */; select 2",
        r"select '\'; select 2; --'",
        r"select date'\'; select 2; --'",
        "select a$$ ; select $$ from b",
        "select $1$; select 2; $1$",
        "select $a$ ; $b$ $a$; select 2",
    ],
)
def test_two_statements_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="more than one statement"):
        one_query(text)


@pytest.mark.parametrize(
    "text", ["", ";", "/* select */", "-- select", "delete from x", "/* x /* */ select 1 */ drop table x"]
)
def test_what_does_not_read_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="begin its statement with select or with"):
        one_query(text)


def test_long_texts_take_linear_time() -> None:
    one_query("select '" + "a''" * 200_000 + "' /* " + "/* " * 100_000)
