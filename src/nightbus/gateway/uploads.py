"""Streams the body of an upload to its handler, and decodes and verifies it while it is read."""

from __future__ import annotations

from collections.abc import AsyncIterator

from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import whole_number
from nightbus.aws.replies import ByteStream
from nightbus.gateway.checksums import ALGORITHMS, HEADER_PREFIX, BodyCheck
from nightbus.gateway.chunked_bodies import ChunkedBody, checked, is_chunked
from nightbus.gateway.request import WireRequest

_LARGEST = 5 * 1024**3


def upload(request: WireRequest, source: AsyncIterator[bytes]) -> ByteStream:
    """Return the body as a stream. Raises AwsError for an invalid length or checksum header."""
    length = _length(request)
    check = BodyCheck()
    if "content-md5" in request.headers:
        check.expect("md5", request.headers["content-md5"])
    for name, value in request.headers.items():
        algorithm = name.removeprefix(HEADER_PREFIX)
        if name.startswith(HEADER_PREFIX) and algorithm in ALGORITHMS:
            check.expect(algorithm, value)
    for name in request.headers.get("x-amz-trailer", "").split(","):
        if name.strip().lower().startswith(HEADER_PREFIX):
            check.watch(name.strip().lower().removeprefix(HEADER_PREFIX))
    if is_chunked(request.headers):
        body = ChunkedBody(source)
        return ByteStream(checked(aiter(body), check, length, body.trailers), length, body.trailers)
    return ByteStream(checked(source, check, length, {}), length)


def _length(request: WireRequest) -> int | None:
    """Return the length of the decoded body in bytes, None if the request does not say."""
    name = "x-amz-decoded-content-length" if is_chunked(request.headers) else "content-length"
    text = request.headers.get(name)
    if text is None:
        return None
    length = whole_number(text)
    if length is None:
        raise AwsError("InvalidArgument", f"{name} must be a number", fields={"ArgumentValue": text})
    if length > _LARGEST:
        raise AwsError(
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
            fields={"ProposedSize": text, "MaxSizeAllowed": str(_LARGEST)},
        )
    return length
