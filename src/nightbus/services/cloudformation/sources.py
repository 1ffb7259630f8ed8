"""Fetches the text of a template from the request, from an object in S3, or from the stack's last deployment."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from nightbus.aws.errors import AwsError
from nightbus.aws.replies import ByteStream
from nightbus.services.context import Context
from nightbus.stacks.templates.template import INLINE_LIMIT, URL_LIMIT

T = TypeVar("T")
_AWS_PATH_HOST = re.compile(r"s3([.-][a-z0-9-]+)?\.amazonaws\.com(\.cn)?$")
_AWS_BUCKET_HOST = re.compile(r"(?P<bucket>.+?)\.s3([.-][a-z0-9-]+)?\.amazonaws\.com(\.cn)?$")
_LOCAL_HOST = re.compile(r"(?P<bucket>.+?)\.(?:s3\.)?localhost$")


def invalid_template(message: str) -> AwsError:
    return AwsError("ValidationError", message)


async def template_text(
    ctx: Context, body: str | None, url: str | None, previous: str | None, use_previous: bool = False
) -> str:
    """Return the template's text. Raises AwsError ValidationError unless the request names exactly one source."""
    if use_previous and body is None and url is None:
        if previous is None:
            raise invalid_template("UsePreviousTemplate is only valid for an existing stack.")
        return previous
    if (body is None) == (url is None) or use_previous:
        raise invalid_template("Either Template URL or Template Body must be specified.")
    if body is not None:
        return _checked_body(body)
    return await text_from_s3(ctx, url or "")


def _checked_body(body: str) -> str:
    if not body:
        raise invalid_template(
            "1 validation error detected: Value '' at 'templateBody' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        )
    if len(body.encode()) > INLINE_LIMIT:
        raise invalid_template(
            f"1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
            f"Member must have length less than or equal to {INLINE_LIMIT}"
        )
    return body


async def read_in_thread(text: str, reader: Callable[..., T], *args: Any) -> T:
    """Return `reader(text, *args)`. It runs in a thread if the text is large, since reading it may take seconds."""
    if len(text) > INLINE_LIMIT:
        return await asyncio.to_thread(reader, text, *args)
    return reader(text, *args)


async def text_from_s3(ctx: Context, url: str) -> str:
    bucket, key, version = object_of(url, ctx.call.endpoint)
    try:
        return await object_text(ctx, bucket, key, version)
    except AwsError as error:
        if error.code == "ValidationError":
            raise
        raise invalid_template(
            f"S3 error: {error.message}\nFor more information check "
            "http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"
        ) from error


async def object_text(ctx: Context, bucket: str, key: str, version: str) -> str:
    """Return the text of an object. Raises S3's AwsError, and a ValidationError if it is too large or no text."""
    params = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}
    reply = await ctx.operation("s3", "GetObject", **params)
    try:
        return (await _bounded(reply.get("Body", b""))).decode()
    except UnicodeDecodeError as broken:
        raise invalid_template("Template format error: the template is not UTF-8 text.") from broken


async def _bounded(body: bytes | ByteStream) -> bytes:
    too_large = invalid_template(f"Template may not exceed {URL_LIMIT} bytes in size.")
    data = bytearray()
    if isinstance(body, bytes):
        data += body
    else:
        async for chunk in body.chunks:
            data += chunk
            if len(data) > URL_LIMIT:
                raise too_large
    if len(data) > URL_LIMIT:
        raise too_large
    return bytes(data)


def object_of(url: str, endpoint: str) -> tuple[str, str, str]:
    """Return the bucket, the key and the version of an S3 URL, which has the bucket in its path or in its host name.

    `endpoint` is the node's URL as the client calls it, so that any name of the node counts as a name of S3.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # half an address of IPv6
        raise invalid_template("TemplateURL must be a supported URL.") from None
    host = (parts.hostname or "").lower()
    path = unquote(parts.path).lstrip("/")
    version = parse_qs(parts.query).get("versionId", [""])[0]
    local = {"127.0.0.1", "localhost", "::1", (urlsplit(endpoint).hostname or "").lower()}
    if parts.scheme not in ("http", "https") or not host:
        raise invalid_template("TemplateURL must be a supported URL.")
    if host in local or _AWS_PATH_HOST.match(host):
        bucket, _, key = path.partition("/")
    else:
        match = _AWS_BUCKET_HOST.match(host) or _LOCAL_HOST.match(host)
        if match is None:
            raise invalid_template("TemplateURL must be a supported URL.")
        bucket, key = match["bucket"], path
    if not bucket or not key:
        raise invalid_template("TemplateURL must reference a valid S3 object to which you have access.")
    return bucket, key, version
