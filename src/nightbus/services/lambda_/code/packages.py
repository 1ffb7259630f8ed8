"""Reads the code of a function or a layer from the request or from S3, checks it, and stores it as a blob."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.functions.packages import LARGEST_UNZIPPED, check_package
from nightbus.services.context import Context
from nightbus.services.lambda_.errors import invalid_parameter_value
from nightbus.services.lambda_.records import LayerUse
from nightbus.store.interface import Blob


@dataclass(frozen=True, slots=True)
class Package:
    """A zip file in the store. `unzipped` is the size of its contents in bytes."""

    digest: str
    size: int
    unzipped: int

    @property
    def sha256(self) -> str:
        """The digest in base64, as Lambda's replies have it."""
        return base64.b64encode(bytes.fromhex(self.digest)).decode()


async def take_package(ctx: Context, source: Mapping[str, Any], operation: str) -> Package:
    """Store the code that `source`, which has the members of FunctionCode, contains or names. Raises AwsError.

    The blob has no owner until the caller commits one.
    """
    for member in ("ImageUri", "SourceKMSKeyArn"):
        if source.get(member):
            raise not_supported("lambda", operation, member)
    if source.get("S3ObjectStorageMode") not in (None, "COPY"):
        raise not_supported("lambda", operation, f"S3ObjectStorageMode {source['S3ObjectStorageMode']}")
    zipped, bucket = source.get("ZipFile"), source.get("S3Bucket")
    if zipped is not None and bucket is not None:
        raise invalid_parameter_value(
            "Please do not provide other FunctionCode parameters when providing a ZipFile."
        )
    if zipped is not None:
        blob = await ctx.store.put_blob(_bytes(zipped))
    elif bucket is not None and source.get("S3Key") is not None:
        blob = await _from_s3(ctx, bucket, source["S3Key"], source.get("S3ObjectVersion"))
    else:
        raise invalid_parameter_value("Please provide a source for function code.")
    with await ctx.store.open_blob(blob.digest) as package:
        unzipped = await asyncio.to_thread(check_package, package)
    return Package(blob.digest, blob.size, unzipped)


def check_total(unzipped: int, layers: Sequence[LayerUse]) -> None:
    """Raise AwsError if the code (`unzipped` bytes) and its layers exceed Lambda's limit for an environment."""
    total = unzipped + sum(layer["unzipped"] for layer in layers)
    if total > LARGEST_UNZIPPED:
        raise invalid_parameter_value(
            f"Function code combined with layers exceeds the maximum allowed size of {LARGEST_UNZIPPED} bytes. "
            f"The actual size is {total} bytes."
        )


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


async def _from_s3(ctx: Context, bucket: str, key: str, version: str | None) -> Blob:
    request = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
    try:
        reply = await ctx.operation("s3", "GetObject", **request)
    except AwsError as error:
        if error.status >= 500:
            raise
        raise invalid_parameter_value(
            f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: {error.message}"
        ) from None
    return await ctx.store.put_blob(reply["Body"].chunks)
