"""S3's handlers over a real store: a model of versioned keys, races, and what is left on disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.replies import ByteStream
from nightbus.clock import VirtualClock
from nightbus.delivery.interface import EventRouter
from nightbus.functions.interface import FunctionRunner
from nightbus.identity.credentials import CredentialIssuer
from nightbus.keys.directory import Keys
from nightbus.messaging.queues import Queues
from nightbus.messaging.topics import Topics
from nightbus.node.operations import OperationRegistry
from nightbus.services.context import Platform
from nightbus.services.logs.writer import LogWriter
from nightbus.services.s3.buckets.buckets import reopen_buckets
from nightbus.services.s3.records import BUCKET
from nightbus.stacks.interface import StackEngine
from nightbus.store.interface import SYSTEM, PutRecord
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import Vault

SCOPE = Scope("123456789012", "us-east-1")
MB = 1024 * 1024


class S3:
    """One account's S3 on one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        clock = VirtualClock()
        self.store = SqliteStore.open(folder, clock, durable=False)
        self.operations = OperationRegistry()
        vault = Vault()
        self.platform = Platform(
            store=self.store,
            clock=clock,
            operations=self.operations,
            functions=cast(FunctionRunner, None),
            router=cast(EventRouter, None),
            queues=cast(Queues, None),
            topics=cast(Topics, None),
            stacks=cast(StackEngine, None),
            credentials=CredentialIssuer(b"1" * 32, clock),
            log_sink=LogWriter(self.store, clock),
            endpoint="http://127.0.0.1:4566",
            invocables=self.store,
            vault=vault,
            keys=Keys(self.store, vault, clock),
        )
        self.operations.attach(self.platform)

    async def __call__(self, operation: str, /, **params: Any) -> dict[str, Any]:
        call = Call(SCOPE, Caller.root(SCOPE.account), "http://127.0.0.1:4566")
        return await self.operations.call("s3", operation, params, call)

    async def read(self, key: str, **params: Any) -> bytes:
        body: ByteStream = (await self("GetObject", Bucket="bucket", Key=key, **params))["Body"]
        return await body.read()

    def on_disk(self) -> list[bytes]:
        found = []
        for file in (self.folder / "blobs").rglob("*"):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                found.append(file.read_bytes())
        return sorted(found)

    async def holds(self, *bodies: bytes) -> None:
        """Waits until just these bytes are on disk: releases are carried out after their commit."""
        wanted = sorted(set(bodies))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                while self.on_disk() != wanted:
                    await asyncio.sleep(0.002)
        assert self.on_disk() == wanted


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[S3]:
    s3 = S3(folder)
    try:
        await s3("CreateBucket", Bucket="bucket")
        yield s3
    finally:
        await s3.store.close()


@pytest.fixture
async def s3(tmp_path: Path) -> AsyncIterator[S3]:
    async with opened(tmp_path / "data") as made:
        yield made


async def failing(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.")


async def test_an_overwritten_object_leaves_no_bytes(s3: S3) -> None:
    for body in (b"1", b"2", b"2", b"3"):
        await s3("PutObject", Bucket="bucket", Key="k", Body=body)
    await s3.holds(b"3")
    await s3("CopyObject", Bucket="bucket", Key="copy", CopySource="bucket/k")
    await s3("DeleteObject", Bucket="bucket", Key="k")
    assert await s3.read("copy") == b"3"
    await s3("DeleteObject", Bucket="bucket", Key="copy")
    await s3.holds()


async def test_an_upload_that_fails_leaves_nothing(s3: S3) -> None:
    with pytest.raises(AwsError, match="BadDigest"):
        await s3("PutObject", Bucket="bucket", Key="k", Body=ByteStream(failing(b"half")))
    with pytest.raises(AwsError, match="x-amz-sdk-checksum-algorithm specified"):
        await s3("PutObject", Bucket="bucket", Key="k", Body=b"bare", ChecksumAlgorithm="CRC32")
    await s3.holds()
    with pytest.raises(AwsError, match="NoSuchKey"):
        await s3.read("k")


async def test_a_reader_keeps_what_it_began_to_read(s3: S3) -> None:
    await s3("PutObject", Bucket="bucket", Key="k", Body=b"old" * MB)
    body: ByteStream = (await s3("GetObject", Bucket="bucket", Key="k"))["Body"]
    await s3("PutObject", Bucket="bucket", Key="k", Body=b"new")
    await s3.holds(b"new")
    assert await body.read() == b"old" * MB


async def test_of_writers_at_once_one_is_the_first(s3: S3) -> None:
    bodies = [str(number).encode() for number in range(12)]
    results = await asyncio.gather(
        *(s3("PutObject", Bucket="bucket", Key="k", Body=body, IfNoneMatch="*") for body in bodies),
        return_exceptions=True,
    )
    refused = [one for one in results if isinstance(one, AwsError)]
    assert len(refused) == 11
    assert {one.code for one in refused} == {"PreconditionFailed"}
    await s3.holds(await s3.read("k"))


async def test_versions_written_at_once_are_all_kept(s3: S3) -> None:
    await s3("PutBucketVersioning", Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    written = await asyncio.gather(
        *(s3("PutObject", Bucket="bucket", Key="k", Body=bytes([number])) for number in range(12))
    )
    listed = (await s3("ListObjectVersions", Bucket="bucket"))["Versions"]
    assert {one["VersionId"] for one in listed} == {one["VersionId"] for one in written}
    assert [one["IsLatest"] for one in listed] == [True] + [False] * 11
    await asyncio.gather(
        *(s3("DeleteObject", Bucket="bucket", Key="k", VersionId=one["VersionId"]) for one in written)
    )
    assert (await s3("ListObjectVersions", Bucket="bucket"))["Versions"] == []
    await s3.holds()


async def _outcomes(*work: Awaitable[Any]) -> list[Any]:
    return list(await asyncio.gather(*work, return_exceptions=True))


async def test_a_bucket_goes_or_the_object_comes(s3: S3) -> None:
    """Never both: what was acknowledged is not in a bucket that is gone."""
    for number in range(25):
        name = f"race-{number}"
        await s3("CreateBucket", Bucket=name)
        put, gone = await _outcomes(
            s3("PutObject", Bucket=name, Key="k", Body=b"x"), s3("DeleteBucket", Bucket=name)
        )
        if isinstance(gone, BaseException):
            assert isinstance(gone, AwsError)
            assert gone.code in ("BucketNotEmpty", "OperationAborted")
            assert not isinstance(put, BaseException)
            assert len((await s3("ListObjectsV2", Bucket=name))["Contents"]) == 1
        else:
            assert isinstance(put, AwsError)
            assert put.code == "NoSuchBucket"


async def test_a_bucket_that_a_crash_left_closed_is_open_again(s3: S3) -> None:
    record = await s3.store.get(SYSTEM, BUCKET, "bucket")
    assert record is not None
    await s3.store.commit(PutRecord(SYSTEM, BUCKET, "bucket", {**record.value, "Closing": True}))
    with pytest.raises(AwsError, match="NoSuchBucket"):
        await s3("PutObject", Bucket="bucket", Key="k", Body=b"x")
    duty = asyncio.create_task(reopen_buckets(s3.platform))
    async with asyncio.timeout(10):
        while (record := await s3.store.get(SYSTEM, BUCKET, "bucket")) is None or "Closing" in record.value:
            await asyncio.sleep(0.002)
    await s3("PutObject", Bucket="bucket", Key="k", Body=b"x")
    duty.cancel()


async def test_parts_are_released_with_their_upload(s3: S3) -> None:
    begun = await s3("CreateMultipartUpload", Bucket="bucket", Key="k")
    at = {"Bucket": "bucket", "Key": "k", "UploadId": begun["UploadId"]}
    one = await s3("UploadPart", **at, PartNumber=1, Body=b"a" * (5 * MB))
    two = await s3("UploadPart", **at, PartNumber=2, Body=b"b")
    parts = [{"PartNumber": number, "ETag": part["ETag"]} for number, part in ((1, one), (2, two))]
    results = await asyncio.gather(
        *(s3("CompleteMultipartUpload", **at, MultipartUpload={"Parts": parts}) for _ in range(2)),
        return_exceptions=True,
    )
    (failed,) = [one for one in results if isinstance(one, BaseException)]
    assert isinstance(failed, AwsError)
    assert failed.code == "NoSuchUpload"
    await s3.holds(b"a" * (5 * MB) + b"b")
    begun = await s3("CreateMultipartUpload", Bucket="bucket", Key="other")
    at = {"Bucket": "bucket", "Key": "other", "UploadId": begun["UploadId"]}
    await s3("UploadPart", **at, PartNumber=1, Body=b"part")
    await s3("AbortMultipartUpload", **at)
    await s3.holds(b"a" * (5 * MB) + b"b")


Step = tuple[str, str, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(["a", "a/b"]), st.integers(0, 3)),
        st.tuples(st.just("delete"), st.sampled_from(["a", "a/b"]), st.just(0)),
        st.tuples(st.just("remove"), st.sampled_from(["a", "a/b"]), st.integers(0, 3)),
        st.tuples(st.just("switch"), st.sampled_from(["Enabled", "Suspended"]), st.just(0)),
    ),
    max_size=14,
)


class Model:
    """What S3 says versioning does: keys with their versions newest first, None for a delete marker."""

    def __init__(self) -> None:
        self.status = ""
        self.keys: dict[str, list[tuple[str, bytes | None]]] = {"a": [], "a/b": []}

    def add(self, key: str, version: str, body: bytes | None) -> None:
        kept = [one for one in self.keys[key] if one[0] != "null" or version != "null"]
        self.keys[key] = [(version, body), *kept]

    def bodies(self) -> list[bytes]:
        return [body for versions in self.keys.values() for _, body in versions if body is not None]


@settings(max_examples=40)
@given(steps=STEPS)
def test_versions_do_what_the_model_does(steps: list[Step], tmp_path_factory: pytest.TempPathFactory) -> None:
    asyncio.run(_follow(steps, tmp_path_factory.mktemp("s3")))


async def _follow(steps: list[Step], folder: Path) -> None:
    model = Model()
    async with opened(folder / "data") as s3:
        for step in steps:
            await _apply(s3, model, step)
            listed = await s3("ListObjectVersions", Bucket="bucket")
            for key, versions in model.keys.items():
                found = {one["VersionId"]: one["IsLatest"] for one in listed["Versions"] if one["Key"] == key}
                assert list(found) == [version for version, body in versions if body is not None]
                for version, body in versions:
                    if body is not None:
                        assert await s3.read(key, VersionId=version) == body
                        assert found[version] == (version == versions[0][0])
            current = (await s3("ListObjectsV2", Bucket="bucket"))["Contents"]
            standing = [
                key for key, versions in model.keys.items() if versions and versions[0][1] is not None
            ]
            assert [one["Key"] for one in current] == standing
        await s3.holds(*model.bodies())


async def _apply(s3: S3, model: Model, step: Step) -> None:
    kind, name, number = step
    if kind == "switch":
        model.status = name
        await s3("PutBucketVersioning", Bucket="bucket", VersioningConfiguration={"Status": name})
    elif kind == "put":
        body = bytes([number])
        told = await s3("PutObject", Bucket="bucket", Key=name, Body=body)
        assert (told.get("VersionId") is None) == (model.status == "")
        model.add(name, told.get("VersionId") or "null", body)
    elif kind == "delete":
        told = await s3("DeleteObject", Bucket="bucket", Key=name)
        if model.status:
            model.add(name, told["VersionId"], None)
        else:
            model.keys[name] = []
    elif number < len(model.keys[name]):
        version, _ = model.keys[name].pop(number)
        await s3("DeleteObject", Bucket="bucket", Key=name, VersionId=version)
