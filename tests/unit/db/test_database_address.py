from __future__ import annotations

import traceback
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.db.address import DatabaseAddress
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
    assert DatabaseAddress.parse(url) == DatabaseAddress(dsn, name)


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
        DatabaseAddress.parse(url)
    assert "se3cret" not in "".join(traceback.format_exception(caught.value)).replace(f"parse({url!r})", "")


def test_the_address_does_not_show_its_dsn() -> None:
    assert repr(DatabaseAddress.parse("postgresql://u:se3cret@h/d")) == "DatabaseAddress(name='h/d')"


@pytest.mark.parametrize(
    ("parameters", "dsn"),
    [
        ("load_balance_hosts=disable", "postgresql://u@h/d"),
        ("load_balance_hosts=random", "postgresql://u@h/d"),
        ("channel_binding=require&gssencmode=disable&sslsni=1", "postgresql://u@h/d"),
        ("target_session_attrs=read-write", "postgresql://u@h/d?target_session_attrs=read-write"),
    ],
)
def test_parameters_of_libpq_that_change_no_connection_are_taken(parameters: str, dsn: str) -> None:
    assert DatabaseAddress.parse(f"postgresql://u@h/d?{parameters}").dsn == dsn


def test_another_user_has_another_password_and_certificate() -> None:
    url = "postgresql://me:secret@[::1]:5433,b/x?sslmode=verify-full&sslcert=c.pem&sslkey=k.pem"
    address = DatabaseAddress.parse(url).of("reader")
    assert address.dsn == "postgresql://reader@[::1]:5433,b/x?sslmode=verify-full"
    assert address.without_password
    assert DatabaseAddress.parse("postgresql:///x?host=/run&user=me").of("r").dsn == "postgresql://r@/x?host=%2Frun"


def test_hosts_in_any_order_keep_their_name() -> None:
    address = DatabaseAddress.parse("postgresql://u@a:1,b:2,c:3/d?load_balance_hosts=random")
    assert address.name == "a:1,b:2,c:3/d"
    assert sorted(address.dsn.removeprefix("postgresql://u@").removesuffix("/d").split(",")) == ["a:1", "b:2", "c:3"]


@pytest.mark.parametrize(
    "parameter",
    ["require_auth=scram-sha-256", "hostaddr=10.0.0.1", "gssencmode=require",
     "sslcertmode=require", "requirepeer=postgres", "min_protocol_version=3.2", "oauth_issuer=x", "replication=database"],
)  # fmt: skip
def test_a_parameter_that_cannot_be_kept_to_is_named(parameter: str) -> None:
    with pytest.raises(ConfigurationError, match=f"DATABASE__URL: {parameter.partition('=')[0]}"):
        DatabaseAddress.parse(f"postgresql://u@h/d?{parameter}")


def test_the_system_s_authorities_are_a_file_and_the_host_is_checked() -> None:
    options = dict(parse_qsl(urlsplit(DatabaseAddress.parse("postgresql://u@h/d?sslrootcert=system").dsn).query))
    assert options["sslmode"] == "verify-full"
    assert Path(options["sslrootcert"]).is_file()
