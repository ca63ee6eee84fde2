"""What the client sends, what it sends again, and what it makes of answers that are none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

import gridkeeper_client as gk
from app.web.api_problems import api_problem
from app.web.problem_types import ApiError, ProblemType, wrong_field
from gridkeeper_client import frames, progress, transport
from gridkeeper_client.client import moment
from gridkeeper_client.errors import problem_of, retry_after
from gridkeeper_client.transport import ApiRequest, ApiTransport, base_url

Handler = Callable[[httpx.Request], httpx.Response]
ROUTE = "http://gk.test/api/v1"


class Service:
    """Answers with what is in the list, one after the other, and notes what was asked; an exception breaks the line."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **options: Any) -> gk.Gridkeeper:
        client = gk.Gridkeeper("http://gk.test", transport=httpx.MockTransport(self), **options)
        client._transport._pause = self.pauses.append
        return client


def problem(kind: ProblemType, **headers: str) -> httpx.Response:
    answer = api_problem(ApiError(kind, f"about {kind}", headers=headers), "r1")
    return httpx.Response(answer.status_code, headers=dict(answer.headers), content=bytes(answer.body))


def done(content: Any = None) -> httpx.Response:
    return httpx.Response(200, json=content)


class Broken(httpx.SyncByteStream):
    """A body that breaks off."""

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"half":'
        raise httpx.ReadError("connection reset")


@pytest.mark.parametrize("kind", ProblemType)
def test_every_kind_of_problem_of_the_service_has_its_error(kind: ProblemType) -> None:
    with pytest.raises(gk.ApiProblem) as caught:
        Service(problem(kind)).client(attempts=1).get("/x")
    error = caught.value
    assert (error.kind, error.status, error.detail, error.request_id) == (
        kind.value,
        kind.status,
        f"about {kind}",
        "r1",
    )
    expected = {
        ProblemType.UNKNOWN_NAME: gk.UnknownName,
        ProblemType.LIMIT_EXCEEDED: gk.LimitExceeded,
        ProblemType.NOT_AUTHENTICATED: gk.NotAuthenticated,
        ProblemType.NOT_ALLOWED: gk.NotAllowed,
        ProblemType.NOT_FOUND: gk.NotFound,
        ProblemType.CONFLICT: gk.RequestConflict,
        ProblemType.GONE: gk.CursorExpired,
        ProblemType.TOO_MANY_REQUESTS: gk.TooManyRequests,
        ProblemType.UNAVAILABLE: gk.ServiceUnavailable,
        ProblemType.INTERNAL: gk.ServiceFailed,
    }
    assert type(error) is expected.get(kind, gk.InvalidRequest)


def test_the_fields_of_a_problem_are_named() -> None:
    answer = api_problem(wrong_field(ProblemType.UNKNOWN_NAME, "area", "unknown area 'XX'; did you mean 'FR'?"), "r")
    error = problem_of(httpx.Response(422, headers=dict(answer.headers), content=bytes(answer.body)))
    assert isinstance(error, gk.UnknownName)
    assert isinstance(error, gk.InvalidRequest)
    assert error.errors == (gk.FieldProblem("query", "area", "unknown area 'XX'; did you mean 'FR'?"),)
    assert str(error) == "area: unknown area 'XX'; did you mean 'FR'?"


def test_what_passes_is_asked_again_after_the_pause_that_the_service_wants() -> None:
    service = Service(
        httpx.ConnectError("refused"),
        problem(ProblemType.TOO_MANY_REQUESTS, **{"Retry-After": "7"}),
        problem(ProblemType.UNAVAILABLE),
        httpx.Response(502, text="<html>"),
        done({"is": "there"}),
    )
    assert service.client().get("/status") == {"is": "there"}
    wanted = [0.5, 7, 2, 4]
    assert all(least <= pause <= least * 1.25 for least, pause in zip(wanted, service.pauses, strict=True))


def test_an_answer_that_breaks_off_is_read_anew() -> None:
    service = Service(httpx.Response(200, stream=Broken()), done([1]))
    assert service.client().get("/x") == [1]
    with pytest.raises(gk.ServiceNotReached, match=r"http://gk.test does not answer: connection reset; see that"):
        Service(httpx.Response(200, stream=Broken())).client(attempts=1).get("/x")


def test_what_does_not_pass_is_told_at_once() -> None:
    for kind in (ProblemType.INTERNAL, ProblemType.NOT_FOUND, ProblemType.INVALID_REQUEST):
        service = Service(problem(kind))
        with pytest.raises(gk.ApiProblem):
            service.client().get("/x")
        assert service.pauses == []
    patient = Service(problem(ProblemType.TOO_MANY_REQUESTS, **{"Retry-After": "600"}))
    with pytest.raises(gk.TooManyRequests) as caught:
        patient.client().get("/x")
    assert (caught.value.retry_after, patient.pauses) == (600, [])


def test_a_change_is_sent_again_under_its_key_only() -> None:
    service = Service(httpx.ReadTimeout("slow"), problem(ProblemType.UNAVAILABLE), done({"id": 1}))
    assert service.client().post("/backfills", {"area": ["FR"]}) == {"id": 1}
    keys = [request.headers["idempotency-key"] for request in service.requests]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert json.loads(service.requests[0].content) == {"area": ["FR"]}
    chosen = Service(done())
    chosen.client().post("/jobs/x/run", idempotency_key="mine")
    assert chosen.requests[0].headers["idempotency-key"] == "mine"
    changes: list[Callable[[gk.Gridkeeper], Any]] = [
        lambda client: client.post("/keys", {}),
        lambda client: client.delete("/silences/3"),
    ]
    for send in changes:
        for failure in (problem(ProblemType.UNAVAILABLE), httpx.ConnectError("refused")):
            once = Service(failure)
            with pytest.raises((gk.ServiceUnavailable, gk.ServiceNotReached)):
                send(once.client())
            assert "idempotency-key" not in once.requests[0].headers
            assert once.pauses == []


def test_pages_are_followed_to_the_end() -> None:
    service = Service(done({"data": [{"code": "AT"}], "next": "c1"}), done({"data": [{"code": "BE"}], "next": None}))
    assert [row["code"] for row in service.client().areas()] == ["AT", "BE"]
    assert [dict(request.url.params) for request in service.requests] == [
        {"limit": "1000"},
        {"limit": "1000", "next": "c1"},
    ]


def test_a_service_that_gives_fewer_rows_at_a_time_is_asked_for_fewer() -> None:
    def refused(field: str) -> httpx.Response:
        answer = api_problem(wrong_field(ProblemType.LIMIT_EXCEEDED, field, "too many"), "r")
        return httpx.Response(422, headers=dict(answer.headers), content=bytes(answer.body))

    service = Service(refused("limit"), done({"data": [{"id": 1}], "next": "c"}), done({"data": [], "next": None}))
    assert service.client().latest("load_actual", end="-1d") == [{"id": 1}]
    asked = {"item": "load_actual", "to": "-1d"}
    assert [dict(one.url.params) for one in service.requests] == [
        {"limit": "1000", **asked},
        asked,
        {**asked, "next": "c"},
    ]
    for answers in ([refused("from")], [refused("limit"), refused("limit")]):
        with pytest.raises(gk.LimitExceeded):
            Service(*answers).client().revisions(7, date(2024, 1, 1))


def test_an_answer_of_something_else_is_called_so() -> None:
    for answer in (
        httpx.Response(200, text="<html>hello"),
        httpx.Response(418, text="teapot"),
        httpx.Response(404, json=[]),
        httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip")),
    ):
        with pytest.raises(gk.GridkeeperError) as caught:
            Service(answer).client().get("/x", secret="hidden")
        assert isinstance(caught.value, gk.UnreadableAnswer | gk.NotFound)
        assert "hidden" not in str(caught.value)


def test_address_and_key_come_from_the_environment_and_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDKEEPER_CLIENT__KEY", "gk_secret")
    monkeypatch.setenv("GRIDKEEPER_CLIENT__URL", "https://gridkeeper.example.org/base/api/v1/")
    service = Service(httpx.ConnectError("refused"))
    client = gk.Gridkeeper(transport=httpx.MockTransport(service), attempts=1)
    assert repr(client) == "Gridkeeper('https://gridkeeper.example.org/base')"
    with client, pytest.raises(gk.ServiceNotReached) as caught:
        client.get("/x")
    assert str(service.requests[0].url) == "https://gridkeeper.example.org/base/api/v1/x"
    assert service.requests[0].headers["authorization"] == "Bearer gk_secret"
    assert "gk_secret" not in repr(caught.value)
    keyed = Service(done())
    keyed.client(key="gk_own").get("/x")
    assert keyed.requests[0].headers["authorization"] == "Bearer gk_own"
    monkeypatch.delenv("GRIDKEEPER_CLIENT__URL")
    assert repr(gk.Gridkeeper()) == "Gridkeeper('http://127.0.0.1:8080')"


@pytest.mark.parametrize(
    "address", ["", "gridkeeper", "ftp://x", "http://", "http://any:gk_secret@host", "http://[::1"]
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="the address") as caught:
        base_url(address)
    assert "gk_secret" not in str(caught.value)


def test_proxies_of_the_network_are_for_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:1")
    proxied = [
        bool(ApiTransport(url, None, timeout=1, attempts=1)._client._mounts)
        for url in ("http://127.0.0.1:1", "http://[::1]:1", "http://localhost", "http://far.test")
    ]
    assert proxied == [False, False, False, True]


@pytest.mark.parametrize("names", [[], "", " ", ["FR", None], [7], ["FR", ""]])
def test_what_names_nothing_is_refused(names: Any) -> None:
    asked = Service()
    with pytest.raises(gk.InvalidArgument, match="area="):
        asked.client().observations("load_actual", names, "-1d", frame="rows")
    if names:
        with pytest.raises(gk.InvalidArgument, match="area="):
            asked.client().latest(area=names)
    assert asked.requests == []


def test_a_key_that_cannot_be_one_is_refused_and_not_shown() -> None:
    with pytest.raises(gk.GridkeeperError, match="holds characters that no key has") as caught:
        gk.Gridkeeper("http://127.0.0.1:1", key="gk_ключ\n")
    assert "gk_" not in str(caught.value)


def test_moments_know_their_zone() -> None:
    assert moment(date(2024, 1, 1)) == "2024-01-01"
    assert moment(datetime(2024, 1, 1, tzinfo=UTC)) == "2024-01-01T00:00:00+00:00"
    assert moment("-7d") == "-7d"
    with pytest.raises(ValueError, match="has no time zone"):
        moment(datetime(2024, 1, 1))  # noqa: DTZ001  what is refused


def test_retry_after_may_be_a_date() -> None:
    def said(text: str) -> float | None:
        return retry_after(httpx.Response(503, headers={"Retry-After": text}))

    assert said("12") == 12
    soon = said(format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True))
    assert soon is not None
    assert 50 < soon <= 100
    assert said("soon") is None
    assert said("Wed, 21 Oct 2015 07:28:00 -0000") == 0


def test_changes_are_followed_from_cursor_to_cursor() -> None:
    row = {
        "series": 7, "change": "revised", "delivery_start": "2024-01-01T00:00:00Z", "resolution": "PT60M", "value": None,
        "previous": 1.5, "filled": False, "recorded_at": "2024-01-02T00:00:00.125000+00:00",
    }  # fmt: skip
    known = [{"id": 7, "item": "load_actual", "area": "FR", "unit": "MAW"}]
    answers = [
        done({"data": [row], "series": known, "next": "c1", "more": True}),
        done({"data": [], "series": [], "next": "c2", "more": False}),
    ]
    service = Service(*answers)
    first, second = service.client().changes("now", area="FR", wait=0)
    [change] = first
    assert (change.kind, change.item, change.area, change.value, change.previous) == (
        "revised",
        "load_actual",
        "FR",
        None,
        1.5,
    )
    assert change.recorded_at == datetime(2024, 1, 2, microsecond=125_000, tzinfo=UTC)
    assert (first[0], first.series[7]["unit"], first.cursor) == (change, "MAW", "c1")
    assert (len(second), second.cursor) == (0, "c2")
    assert [dict(request.url.params) for request in service.requests] == [
        {"after": "now", "area": "FR"},
        {"after": "c1", "area": "FR"},
    ]
    waiting = Service(done({"data": [], "series": [], "next": "c1", "more": False}), *[problem(ProblemType.GONE)])
    following = waiting.client(timeout=5).changes(wait=30)
    assert next(following).cursor == "c1"
    with pytest.raises(gk.CursorExpired):
        next(following)
    assert dict(waiting.requests[1].url.params) == {"after": "c1", "wait": "30"}
    assert [request.extensions["timeout"]["read"] for request in waiting.requests] == [5, 35]


def test_long_reads_tell_how_far_they_are(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[gk.ReadProgress] = []
    answer = httpx.Response(200, content=b'{"delivery_start":"2024-01-01T00:00:00+00:00","value":1.0}\n')
    [row] = Service(answer).client().observations("i", "FR", "-1d", frame="rows", progress=told.append)
    assert row == {"delivery_start": datetime(2024, 1, 1, tzinfo=UTC), "value": 1.0}
    assert (told[-1].received, told[-1].done) == (59, True)
    line = progress.observer_of(True)
    assert line is not None
    line(gk.ReadProgress(2_500_000, 1.0))
    line(gk.ReadProgress(5_000_000, 2.0, done=True))
    assert capsys.readouterr().err == "\r2.5 MB in 1 s, 2.5 MB/s \r5.0 MB in 2 s, 2.5 MB/s \n"
    assert progress.observer_of(None) is None
    monkeypatch.setattr(progress, "_somebody_watches", lambda: True)
    quiet = progress.observer_of(None)
    assert quiet is not None
    quiet(gk.ReadProgress(100, 1.0, done=True))
    assert capsys.readouterr().err == ""
    watch = progress.Stopwatch(told.append)
    told.clear()
    watch.arrived(1)
    assert told == []
    monkeypatch.setattr(progress, "EVERY", 0)
    watch.arrived(2)
    assert told[0].received == 2


def test_without_a_library_of_frames_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "installed", lambda package: package == "pandas")
    assert frames.frame_reader(None).format == "csv"
    with pytest.raises(gk.MissingPackage, match=r"pip install polars"):
        frames.frame_reader("polars")
    monkeypatch.setattr(frames, "installed", lambda _package: False)
    with pytest.raises(ImportError, match=r"neither pandas nor polars nor pyarrow is installed: .* frame='rows'"):
        frames.frame_reader(None)
    assert frames.frame_reader("rows").format == "ndjson"
    with pytest.raises(ValueError, match="is none of 'pandas', 'polars', 'arrow', 'rows'"):
        frames.frame_reader("excel")  # type: ignore[arg-type]  # what is refused


def test_repeatable_is_what_changes_nothing_or_has_a_key() -> None:
    assert ApiRequest("GET", "/x").repeatable
    assert not ApiRequest("POST", "/x").repeatable
    assert ApiRequest("POST", "/x", headers={"Idempotency-Key": "k"}).repeatable
    assert {"GET", "HEAD"} == transport.IDEMPOTENT
