"""Unchanged answers without values, smaller ones on the wire, and parts of a Parquet answer."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import AsyncIterator

import httpx
import pyarrow as pa
import pytest
from pyarrow import parquet

from app.web.problem_types import ProblemType
from tests.support.api_factory import ServedApi, served_api
from tests.support.store_factory import FR, block, hours, key

PATH = "/observations"
ASKED = {"area": "DE_LU", "item": "load_actual", "from": "2024-01-01", "to": "2024-01-03"}
PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    async with served_api(database_url, sandbox=False) as served:
        await served.container.storage().time_series().store([block([100.5] * 48)])
        yield served


async def test_an_unchanged_answer_is_known_by_its_tag_until_a_value_changes(api: ServedApi) -> None:
    store = api.container.storage().time_series()
    async with api.client() as client:
        client.headers.update(PLAIN)
        first = await client.get(PATH, params=ASKED)
        tag = first.headers["etag"]
        assert first.headers["cache-control"] == "private, no-cache"
        for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await client.get(PATH, params=ASKED, headers={"If-None-Match": given})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert (await client.get(PATH, params=ASKED, headers={"If-None-Match": '"other"'})).status_code == 200
        tags = {tag}
        for other in (
            {"format": "csv"},
            {"tz": "Europe/Berlin"},
            {"fields": "value"},
            {"to": "2024-01-02"},
            {"shape": "wide"},
        ):
            tags.add((await client.head(PATH, params=ASKED | other)).headers["etag"])
        assert len(tags) == 6

        async def same() -> bool:
            return (await client.get(PATH, params=ASKED, headers={"If-None-Match": tag})).status_code == 304

        await store.store([block([100.5] * 48)])  # nothing new
        await store.store([block([1.0], key(area=FR))])  # of another series
        assert await same()
        for changed in ([block({3: 7.0})], [block({3: 7.0}, filled=[3])]):
            await store.store(changed)
            assert not await same()
            tag = (await client.get(PATH, params=ASKED)).headers["etag"]
        await store.store([block({0: 100.5})], answered=hours(0, 2))  # hour 1 vanishes
        assert not await same()


async def test_an_answer_is_not_given_again_to_who_has_seen_its_second(api: ServedApi) -> None:
    async with api.client() as client:
        client.headers.update(PLAIN)
        answer = await client.get(PATH, params=ASKED)
        async with asyncio.timeout(60):
            # A fast machine asks hundreds of times within the second that has to pass.
            while "last-modified" not in answer.headers:
                await asyncio.sleep(0.02)
                answer = await client.head(PATH, params=ASKED)
        assert "content-length" not in answer.headers
        moment = answer.headers["last-modified"]
        for header, status in (
            ({"If-Modified-Since": moment}, 304), ({"If-Modified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"}, 200),
            ({"If-Modified-Since": "soon"}, 200), ({"If-Modified-Since": moment, "If-None-Match": '"other"'}, 200),
        ):  # fmt: skip
            assert (await client.get(PATH, params=ASKED, headers=header)).status_code == status


async def test_an_answer_is_compressed_as_the_client_wants(api: ServedApi) -> None:
    async with api.client() as client:
        plain = await client.get(PATH, params=ASKED, headers=PLAIN)
        sizes, tags = {len(plain.content)}, {plain.headers["etag"]}
        assert "content-encoding" not in plain.headers
        for coding in ("gzip", "zstd"):
            async with client.stream("GET", PATH, params=ASKED, headers={"Accept-Encoding": coding}) as answer:
                body = b"".join([part async for part in answer.aiter_raw()])
            assert answer.headers["content-encoding"] == coding
            assert "Accept-Encoding" in answer.headers["vary"]
            read = (
                gzip.decompress(body)
                if coding == "gzip"
                else pa.CompressedInputStream(pa.py_buffer(body), "zstd").read()
            )
            assert read == plain.content
            sizes.add(len(body))
            tags.add(answer.headers["etag"])
        assert (len(tags), max(sizes) > 5 * min(sizes)) == (3, True)
        file = await client.get(PATH, params=ASKED | {"format": "parquet"}, headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in file.headers


class Parts(io.RawIOBase):
    """A file that is read by ranges over HTTP, as DuckDB and Arrow do it."""

    def __init__(self, client: httpx.Client, parameters: dict[str, str]) -> None:
        super().__init__()
        self._client, self._parameters, self._place = client, parameters, 0
        head = client.head(PATH, params=parameters)
        assert (head.status_code, head.headers["accept-ranges"]) == (200, "bytes")
        self.size, self.tag, self.asked = int(head.headers["content-length"]), head.headers["etag"], 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def read(self, size: int = -1) -> bytes:
        last = self.size - 1 if size < 0 else min(self._place + size, self.size) - 1
        if last < self._place:
            return b""
        header = {"Range": f"bytes={self._place}-{last}", "If-Range": self.tag}
        answer = self._client.get(PATH, params=self._parameters, headers=header)
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {self._place}-{last}/{self.size}"
        self._place, self.asked = last + 1, self.asked + 1
        return answer.content


async def test_parquet_is_read_by_parts(api: ServedApi) -> None:
    asked = ASKED | {"format": "parquet"}
    async with api.client() as client:
        whole = await client.get(PATH, params=asked)
        head = await client.head(PATH, params=asked)
        assert int(head.headers["content-length"]) == len(whole.content)
        assert (await client.get(PATH, params=asked, headers={"Range": "bytes=-8"})).content == whole.content[-8:]
        behind = await client.get(PATH, params=asked, headers={"Range": "bytes=999999999-"})
        assert (behind.json()["type"], behind.headers["content-range"]) == (
            ProblemType.RANGE_NOT_SATISFIABLE.uri, f"bytes */{len(whole.content)}",
        )  # fmt: skip
        stale = await client.get(PATH, params=asked, headers={"Range": "bytes=0-3", "If-Range": '"old"'})
        assert (stale.status_code, stale.content) == (200, whole.content)
        text = await client.get(PATH, params=ASKED, headers={"Range": "bytes=0-3"})
        assert (text.status_code, "accept-ranges" in text.headers) == (200, False)

    def read() -> tuple[list[float], int]:
        with httpx.Client(base_url=f"{api.url}/api/v1") as client:
            file = Parts(client, asked)
            return parquet.read_table(file, columns=["value"])["value"].to_pylist(), file.asked

    values, requests = await asyncio.to_thread(read)
    assert values == [100.5] * 47
    assert requests >= 2


async def test_a_file_that_is_too_large_for_parts_is_given_whole(database_url: str) -> None:
    async with (
        served_api(database_url, sandbox=False, api={"file_bytes": 100_000}) as served,
        served.client() as client,
    ):
        noise = [float(number * 7919 % 10_007) / 7 for number in range(20_000)]
        await served.container.storage().time_series().store([block(noise)])
        asked = ASKED | {"format": "parquet", "to": "2026-06-01"}
        refused = await client.get(PATH, params=asked, headers={"Range": "bytes=-8"})
        assert refused.json()["type"] == ProblemType.LIMIT_EXCEEDED.uri
        assert "GRIDKEEPER_API__FILE_BYTES" in refused.json()["detail"]
        whole = await client.get(PATH, params=asked)
        assert parquet.read_table(io.BytesIO(whole.content)).num_rows == len(noise)
