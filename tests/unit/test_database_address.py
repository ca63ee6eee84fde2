from __future__ import annotations

import traceback

import pytest

from app.db.address import Address
from app.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "dsn", "name"),
    [
        ("postgresql://u:p@h:5433/d", "postgresql://u:p@h:5433/d", "h:5433/d"),
        ("postgres://h/d", "postgresql://h/d", "h/d"),
        ("postgresql+asyncpg://u@h/d?ssl=require", "postgresql://u@h/d?sslmode=require", "h/d"),
        ("postgresql://u:a@b@h/d", "postgresql://u:a%40b@h/d", "h/d"),
        ("postgresql://u:a%2Fb@h/d", "postgresql://u:a%2Fb@h/d", "h/d"),
        ("postgresql://u@/d?host=/run/pg", "postgresql://u@/d?host=%2Frun%2Fpg", "/run/pg/d"),
        ("postgresql://h?dbname=d", "postgresql://h?dbname=d", "h/d"),
        ("postgresql:///d", "postgresql:///d", "the default host/d"),
        ("postgresql://[::1]:5432/d", "postgresql://[::1]:5432/d", "[::1]:5432/d"),
        ("postgresql://a:1,b:2/d", "postgresql://a:1,b:2/d", "a:1,b:2/d"),
        (
            "postgresql://h/d?connect_timeout=3&channel_binding=require&sslmode=verify-full",
            "postgresql://h/d?sslmode=verify-full",
            "h/d",
        ),
    ],
)
def test_every_usual_spelling_of_a_url_is_understood(url: str, dsn: str, name: str) -> None:
    assert Address.parse(url) == Address(dsn, name)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:se3cret@h/d",
        "se3cret",
        "postgresql://u:se3cret/x@h/d",
        "postgresql://u:se3cret#x@h/d",
        "postgresql://u:se3cret?x@h/d",
        "postgresql://u:12?se3cret@h/d",
        "postgresql://u:x@h:99999/d",
        "postgresql://u:x@[::1/d",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"GRIDKEEPER_DATABASE__URL.*postgresql://user:password@") as caught:
        Address.parse(url)
    assert "se3cret" not in "".join(traceback.format_exception(caught.value)).replace(f"parse({url!r})", "")


def test_the_address_does_not_show_its_dsn() -> None:
    assert repr(Address.parse("postgresql://u:se3cret@h/d")) == "Address(name='h/d')"
