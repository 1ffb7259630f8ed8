"""Blobs of a shared store may lie in a bucket of a service with S3's protocol: here, of a node."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from nightbus.store.interface import StoreUnavailable
from nightbus.store.postgres.blob_homes import PIECE
from nightbus.store.postgres.blob_homes.bucket import BucketHome
from nightbus.store.postgres.blob_homes.places import Bucket
from nodes import RunningNode

BUCKET = "blobs-of-a-cluster"


@pytest.fixture(scope="module")
def home(node: RunningNode) -> BucketHome:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in node.environment().items():
            patch.setenv(name, value)
        node.client("s3").create_bucket(Bucket=BUCKET)
        made = BucketHome(Bucket(BUCKET, "nodes/", node.endpoint, "us-east-1"))
        made._client()
    return made


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data) or 1, PIECE):
        yield data[at : at + PIECE]


async def read(home: BucketHome, content: int) -> bytes:
    return b"".join([piece async for piece in home.read(content)])


@pytest.mark.parametrize("size", [0, 1, PIECE + 1, 8 * PIECE, 20 * PIECE + 3])
async def test_what_is_written_is_read_until_it_is_deleted(
    size: int, home: BucketHome, client: Callable[..., Any]
) -> None:
    data, content = os.urandom(size), 1_000 + size
    await home.write(content, pieces(data))
    assert await read(home, content) == data
    found = await asyncio.to_thread(
        client("s3").list_objects_v2, Bucket=BUCKET, Prefix=f"nodes/{content:016x}"
    )
    assert [one["Size"] for one in found["Contents"]] == [size]
    for _ in range(2):
        await home.delete(content)
    with pytest.raises(KeyError):
        await read(home, content)


async def test_a_stream_that_breaks_leaves_nothing(home: BucketHome, client: Callable[..., Any]) -> None:
    async def broken() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b"x" * PIECE
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        await home.write(77, broken())
    with pytest.raises(KeyError):
        await read(home, 77)
    uploads = await asyncio.to_thread(client("s3").list_multipart_uploads, Bucket=BUCKET)
    assert "Uploads" not in uploads


async def test_a_bucket_that_refuses_or_is_away_is_told_as_a_failure_that_may_pass(home: BucketHome) -> None:
    other = BucketHome(Bucket("no-such-bucket-here", "", home._settings.endpoint, "us-east-1"))
    other._made = home._client()
    with pytest.raises(
        StoreUnavailable, match=r"The bucket no-such-bucket-here with the blobs: .*NoSuchBucket"
    ):
        await other.write(1, pieces(b"x"))
    with pytest.raises(StoreUnavailable, match="no-such-bucket-here"):
        await read(other, 1)
