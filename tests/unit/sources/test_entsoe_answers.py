from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import (
    AccessDenied,
    NoMatchingData,
    RateLimited,
    RequestRejected,
    RequestTooLarge,
    SourceError,
    SourceUnavailable,
)
from app.net.responses import HttpResponse
from app.sources.entsoe.responses import (
    LONGEST_BAN,
    USUAL_BAN,
    classify_response,
    quote,
    read_acknowledgement,
    wake_up_time,
)
from tests.support.http_fakes import DOCUMENT, NOW, acknowledgement

NAIVE = NOW.replace(year=2020, tzinfo=None)
SECOND = timedelta(seconds=1)
HTML_429 = (
    b"<html><h1>Too Many Requests</h1>\n<p>The platform will respond\n again at 2026-05-07 12:44:00 UTC.</p></html>"
)


def judged(status: int, body: bytes, **headers: str) -> SourceError | None:
    return classify_response(
        HttpResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, body), NOW
    )


def test_a_document_is_usable_whatever_else_is_said_about_it() -> None:
    assert judged(200, DOCUMENT, content_type="text/html") is None


@pytest.mark.parametrize("status", [200, 400])
def test_no_matching_data_is_an_answer(status: int) -> None:
    text = "No matching data found for Data item LOAD [6.1.C&amp;D] (X) and interval a/b."
    assert type(judged(status, acknowledgement(text))) is NoMatchingData


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, acknowledgement("Unauthorized."), AccessDenied),
        (403, b"", AccessDenied),
        (400, acknowledgement("Missing or invalid security token"), AccessDenied),
        (400, acknowledgement("The number of instances (149) exceeds the allowed maximum (100)."), RequestTooLarge),
        (400, acknowledgement("Amount of requested data exceeds allowed limit."), RequestTooLarge),
        (400, acknowledgement("Too many documents"), RequestTooLarge),
        (400, acknowledgement("The requested period is longer than one year"), RequestTooLarge),
        (413, b"", RequestTooLarge),
        (409, acknowledgement("The query exceeds the limit"), RequestTooLarge),
        (400, acknowledgement("Delivered Area EIC 10Y is not valid."), RequestRejected),
        (200, acknowledgement("Requested data is not available", code="B11"), RequestRejected),
        (200, acknowledgement("", code="A01"), RequestRejected),
        (400, b"<html>Bad Request</html>", RequestRejected),
        (422, b"", RequestRejected),
        (405, b"", SourceUnavailable),
        (410, b"gone", SourceUnavailable),
        (301, b"", SourceUnavailable),
        (308, b"", SourceUnavailable),
        (302, b"", SourceUnavailable),
        (404, b"404 page not found", SourceUnavailable),
        (404, b"", SourceUnavailable),
        (408, b"", SourceUnavailable),
        (409, b"", SourceUnavailable),
        (500, acknowledgement("No matching data found"), SourceUnavailable),
        (502, b"", SourceUnavailable),
        (503, DOCUMENT, SourceUnavailable),
        (200, acknowledgement("Internal error: please try again"), SourceUnavailable),
        (200, b"", SourceUnavailable),
        (200, b" \n", SourceUnavailable),
        (200, b"<!DOCTYPE html><html></html>", SourceUnavailable),
        (200, b'{"detail": "starting"}', SourceUnavailable),
        (200, DOCUMENT[:-3], SourceUnavailable),
        (200, acknowledgement("No matching")[:190], SourceUnavailable),
        (200, b"PK\x03\x04and then nothing", SourceUnavailable),
        (429, HTML_429, RateLimited),
        (400, acknowledgement("You exceeded the API throttling limit"), RateLimited),
        (400, b"more than 380 requests per minute", RateLimited),
    ],
)
def test_status_and_text_decide_what_an_answer_means(status: int, body: bytes, kind: type[SourceError]) -> None:
    assert type(judged(status, body)) is kind


def test_a_refusal_carries_the_text_as_the_platform_meant_it() -> None:
    failure = judged(400, acknowledgement("The combination of [A=1&amp;B=&quot;2&quot;]\n is not valid."))
    assert str(failure) == 'the platform says: The combination of [A=1&B="2"] is not valid.'


def test_a_maintenance_page_is_quoted_without_its_styles_and_short() -> None:
    page = b"<html><style>" + b".a{color:red}" * 8000 + b"</style><h1>Down</h1><p>" + b"Back soon. " * 100 + b"</p>"
    failure = str(judged(503, page))
    assert failure.startswith("HTTP 503: Down Back soon.")
    assert len(failure) < 220


def test_an_acknowledgement_with_another_prefix_is_read_too() -> None:
    body = b"<a:Acknowledgement_MarketDocument><a:Reason><a:code>999</a:code><a:text>x &lt; y</a:text></a:Reason>"
    found = read_acknowledgement(body)
    assert found is not None
    assert (found.code, found.text) == ("999", "x < y")


def test_a_data_document_is_no_acknowledgement() -> None:
    assert read_acknowledgement(DOCUMENT) is None


@pytest.mark.parametrize(
    ("text", "retry_after", "expected"),
    [
        ("respond again at 2026-05-07 12:44:00 UTC", "", timedelta(minutes=10) + SECOND),
        ("respond again at 2026-05-07T12:35Z", "600", timedelta(minutes=1) + SECOND),
        ("respond again at 2026-05-07 12:33:59 UTC", "", timedelta()),
        ("respond again at 2026-05-07 11:00:00 UTC", "", timedelta(hours=-1, minutes=-34) + SECOND),
        ("respond again at 2026-05-08 12:44:00 UTC", "", LONGEST_BAN),
        ("respond again at 2026-99-99 12:44:00 UTC", "30", timedelta(seconds=31)),
        ("", "30", timedelta(seconds=31)),
        ("", "99999999999999", LONGEST_BAN),
        ("", "Thu, 07 May 2026 12:40:00 GMT", timedelta(minutes=6) + SECOND),
        ("", "Thu, 07 May 2026 12:40:00 -0000", timedelta(minutes=6) + SECOND),
        ("", "soon", USUAL_BAN),
        ("", "", USUAL_BAN),
    ],
)
def test_a_ban_ends_when_the_platform_says(text: str, retry_after: str, expected: timedelta) -> None:
    assert wake_up_time(text, retry_after, NOW) == NOW + expected


def test_the_time_is_found_in_an_html_page() -> None:
    failure = judged(429, HTML_429, retry_after="3")
    assert isinstance(failure, RateLimited)
    assert failure.until == NOW + timedelta(minutes=10, seconds=1)
    assert "Too Many Requests" in str(failure)


def test_a_named_time_that_is_over_makes_nobody_wait() -> None:
    failure = judged(429, HTML_429.replace(b"12:44:00", b"11:00:00"))
    assert isinstance(failure, SourceUnavailable)
    assert not isinstance(failure, RateLimited)


@given(st.text(max_size=200), st.text(max_size=40), st.datetimes(NAIVE, NAIVE.replace(year=2030)))
def test_no_text_makes_anybody_wait_for_ever(text: str, retry_after: str, named: datetime) -> None:
    until = wake_up_time(f"{text} again at {named:%Y-%m-%d %H:%M:%S} {text}", retry_after, NOW)
    assert until <= NOW + LONGEST_BAN


@given(st.integers(100, 599), st.binary(max_size=300), st.text(max_size=30))
def test_no_answer_breaks_the_judge(status: int, body: bytes, header: str) -> None:
    failure = judged(status, body, retry_after=header, location=header)
    assert failure is None or len(str(failure)) < 800


@given(st.text(alphabet="<>/stylecrip abc!-&;#x", max_size=400))
def test_a_quote_is_one_short_printable_line(markup: str) -> None:
    quoted = quote(markup.encode())
    assert len(quoted) <= 200
    assert quoted.isprintable()


def test_markup_that_never_ends_is_quoted_in_one_pass() -> None:
    assert quote(b"<style>" * 40_000) == ""
    assert quote(b"before <a" * 2) == "before"
    assert quote(b"<script>x</script>after") == "after"
