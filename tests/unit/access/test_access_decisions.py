"""Keys as text, their names and ends, scopes and limits of rate."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from app.access.guesses.models import guesser, household
from app.access.keys import checked_name, ends_at, limited_to
from app.access.models import AccessScope, ApiKey
from app.access.rate_limit import MOST, RateLimit
from app.access.tokens import is_token, new_token, token_digest, token_hint, token_in
from app.errors import ConfigurationError
from app.logging import redact

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_key_is_recognised_and_no_two_are_equal() -> None:
    keys = {new_token() for _ in range(100)}
    assert len(keys) == 100
    assert all(is_token(key) and len(token_digest(key)) == 32 for key in keys)
    assert not any(is_token(text) for text in ("", "gk_", "gk_" + "a" * 42, "gk_" + "a" * 44, "xx_" + "a" * 43))


def test_a_key_as_secret_is_masked_in_every_text() -> None:
    key = new_token()
    assert key not in redact(f"GET /api/v1/areas?key={key}&x=1 {key}.")
    assert token_hint(key)[:7] == key[:7]
    assert len(token_hint(key)) == 8


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic " + base64.b64encode(b"me:abc").decode(), "abc"),
        ("Basic " + base64.b64encode(b"me:a:c").decode(), "a:c"),
        ("Basic " + base64.b64encode(b"me").decode(), ""),
        ("Basic !", ""),
        ("Basic " + base64.b64encode(b"\xff:x").decode(), ""),
        ("Negotiate abc", ""),
        ("", ""),
    ],
)
def test_the_key_is_the_token_or_the_password(header: str, token: str) -> None:
    assert token_in(header) == token


@pytest.mark.parametrize(
    ("expires_at", "revoked_at", "said"),
    [
        (None, None, ""),
        (NOW + timedelta(seconds=1), None, ""),
        (NOW, None, "the key 'desk' has expired"),
        (None, NOW, "the key 'desk' is revoked"),
        (NOW, NOW, "the key 'desk' is revoked"),
    ],
)
def test_a_key_that_ended_says_how(expires_at: datetime | None, revoked_at: datetime | None, said: str) -> None:
    key = ApiKey(1, "desk", "gk_abcde", AccessScope.READ, (), (), NOW, "me", expires_at, revoked_at, None, "", 0)
    assert (key.why_unusable(NOW), key.usable(NOW)) == (said, not said)


@pytest.mark.parametrize("name", ["", "a b", "é", "-x", "a" * 61, "x\n", "a/b"])
def test_a_name_that_could_not_stand_in_a_log_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot name a key"):
        checked_name(name)


def test_a_key_names_no_other_key_and_the_secret_is_not_shown() -> None:
    token = new_token()
    with pytest.raises(ConfigurationError, match="a key itself") as error:
        checked_name(token)
    assert token not in str(error.value)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (None, None),
        ("90d", NOW + timedelta(days=90)),
        ("1w", NOW + timedelta(days=7)),
        ("2027-01-01", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2027-01-01T12:00+02:00", datetime(2027, 1, 1, 10, tzinfo=UTC)),
    ],
)
def test_a_key_ends_when_it_says(text: str | None, end: datetime | None) -> None:
    assert ends_at(text, NOW) == end


@pytest.mark.parametrize(("text", "said"), [("90x", "is no duration"), ("soon", "--expires 'soon' is no moment")])
def test_an_end_that_is_none_is_refused_with_the_forms(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        ends_at(text, NOW)


def test_a_key_is_limited_to_what_it_names() -> None:
    areas, items = limited_to(["DE_LU", "10Y1001A1001A82H", "FR>DE_LU"], ["load_actual"])
    assert areas == ("10Y1001A1001A82H", "10YFR-RTE------C>10Y1001A1001A82H")
    assert items == ("load_actual",)
    with pytest.raises(ConfigurationError, match="unknown area"):
        limited_to(["DE_LX"], [])


def test_a_scope_includes_those_before_it() -> None:
    order = list(AccessScope)
    assert [[one.includes(other) for other in order] for one in order] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_a_bucket_empties_and_fills_again() -> None:
    limit = RateLimit(60, 3)
    for _ in range(3):
        assert limit.wait("a", 0.0) == 0.0
        limit.take("a", 0.0)
    assert limit.wait("a", 0.0) == pytest.approx(1.0)
    assert limit.wait("b", 0.0) == 0.0
    assert limit.wait("a", 0.75) == pytest.approx(0.25)
    assert limit.wait("a", 1.0) == 0.0
    limit.take("a", 1.0)
    assert limit.wait("a", 0.5) == pytest.approx(1.0)  # a clock that goes back gives nothing
    assert limit.wait("a", 1000.0) == 0.0


def test_a_rate_of_nothing_is_no_limit() -> None:
    limit = RateLimit(0, 1)
    for _ in range(1000):
        limit.take("a", 0.0)
    assert limit.wait("a", 0.0) == 0.0


def test_a_limit_forgets_whom_it_has_not_seen_for_longest() -> None:
    limit = RateLimit(60, 1)
    limit.take("first", 0.0)
    for number in range(MOST):
        limit.take(str(number), 0.0)
    assert limit.wait("first", 0.0) == 0.0
    assert limit.wait(str(MOST - 1), 0.0) > 0


def test_a_guesser_waits_for_what_is_more_than_a_minute_ahead_and_shows_no_name() -> None:
    one = guesser("name", "my password", 10)
    assert b"password" not in one.digest
    assert one != guesser("password of", "my password", 10)
    assert (one.wait(0.0), one.wait(54.0), one.wait(57.0)) == (0.0, 0.0, 3.0)
    assert [household(text) for text in ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::9", "unknown")] == [
        "192.0.2.7",
        "192.0.2.7",
        "2001:db8::/64",
        "unknown",
    ]
