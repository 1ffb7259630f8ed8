"""Keeps the bytes of blobs as objects of a bucket of S3, or of a service with its protocol.

boto3 waits on threads, since it knows no event loop. A larger blob is a multipart upload, so that a node has one part
of it in memory at a time. Credentials come from where boto3 looks for them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from nightbus.store.changes import StoreUnavailable
from nightbus.store.postgres.blob_homes import PIECE
from nightbus.store.postgres.blob_homes.places import Bucket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PART = 8 * PIECE  # S3 takes no smaller one than 5 MB, but for the last:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_MOST_WITHOUT_PARTS = _PART
P = ParamSpec("P")
T = TypeVar("T")


class BucketHome:
    """Implements `nightbus.store.postgres.blob_homes.BlobHome`."""

    name = "s3"

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket.name
        self._settings = bucket
        self._made: S3Client | None = None

    async def write(self, content: int, pieces: AsyncIterator[bytes]) -> None:
        key = self._key(content)
        part, uploaded, upload = bytearray(), list[dict[str, Any]](), ""
        try:
            async for piece in pieces:
                part += piece
                if len(part) >= _PART:
                    upload = upload or await self._do(_begin, key)
                    uploaded.append(await self._do(_upload_part, key, upload, len(uploaded) + 1, bytes(part)))
                    part.clear()
            if not upload:
                return await self._do(_put, key, bytes(part))
            if part:
                uploaded.append(await self._do(_upload_part, key, upload, len(uploaded) + 1, bytes(part)))
            await self._do(_complete, key, upload, uploaded)
        except BaseException:
            if upload:
                with contextlib.suppress(Exception):
                    await self._do(_abort, key, upload)
            raise

    async def read(self, content: int) -> AsyncIterator[bytes]:
        body = await self._do(_get, self._key(content))
        if body is None:
            raise KeyError(content)
        with contextlib.closing(body):
            yield await asyncio.to_thread(self._said, body.read, PIECE)
            while piece := await asyncio.to_thread(self._said, body.read, PIECE):
                yield piece

    async def delete(self, content: int) -> None:
        await self._do(_delete, self._key(content))

    def _key(self, content: int) -> str:
        return f"{self._settings.prefix}{content:016x}"

    async def _do(
        self, work: Callable[Concatenate[S3Client, str, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await asyncio.to_thread(
            self._said, lambda: work(self._client(), self._bucket, *args, **kwargs)
        )

    def _said(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Raises StoreUnavailable where the service refuses or does not answer."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return work(*args, **kwargs)
        except (BotoCoreError, ClientError) as failure:
            raise StoreUnavailable(f"The bucket {self._bucket} with the blobs: {failure}") from failure

    def _client(self) -> S3Client:
        if self._made is None:
            import boto3

            self._made = boto3.session.Session().client(
                "s3", endpoint_url=self._settings.endpoint, region_name=self._settings.region
            )
        return self._made


def _begin(client: S3Client, bucket: str, key: str) -> str:
    return client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]


def _upload_part(
    client: S3Client, bucket: str, key: str, upload: str, number: int, data: bytes
) -> dict[str, Any]:
    reply = client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=data)
    return {"PartNumber": number, "ETag": reply["ETag"]}


def _complete(client: S3Client, bucket: str, key: str, upload: str, parts: list[dict[str, Any]]) -> None:
    client.complete_multipart_upload(
        Bucket=bucket,
        Key=key,
        UploadId=upload,
        MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
    )


def _abort(client: S3Client, bucket: str, key: str, upload: str) -> None:
    client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)


def _put(client: S3Client, bucket: str, key: str, data: bytes) -> None:
    client.put_object(Bucket=bucket, Key=key, Body=data)


def _get(client: S3Client, bucket: str, key: str) -> Any:
    """The body, None where there is no such object."""
    try:
        return client.get_object(Bucket=bucket, Key=key)["Body"]
    except client.exceptions.NoSuchKey:
        return None


def _delete(client: S3Client, bucket: str, key: str) -> None:
    client.delete_object(Bucket=bucket, Key=key)
