"""Streams the body of an upload to its handler, and decodes and verifies it while it is read."""

from __future__ import annotations

from collections.abc import AsyncIterator

from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import whole_number
from nightbus.aws.replies import ByteStream
from nightbus.gateway.checksums import ALGORITHMS, HEADER_PREFIX, BodyCheck
from nightbus.gateway.chunked_bodies import ChunkedBody, checked, is_chunked
from nightbus.gateway.request import WireRequest
from nightbus.gateway.signatures.payloads import SignedPayload

_LARGEST = 5 * 1024**3


def upload(
    request: WireRequest, source: AsyncIterator[bytes], payload: SignedPayload | None = None
) -> ByteStream:
    """Return the body as a stream. Raises AwsError for an invalid length or checksum header.

    `payload` says what was signed of it, None if nothing has to be verified. A body whose hash was signed has no
    chunks, whatever its Content-Encoding says, which need not be signed.
    """
    in_chunks = is_chunked(request.headers)
    if payload is not None and payload.is_hash:
        source, in_chunks = payload.verified(source), False
    length = _length(request, in_chunks=in_chunks)
    check = BodyCheck()
    if "content-md5" in request.headers:
        check.expect("md5", request.headers["content-md5"])
    for name, value in request.headers.items():
        algorithm = name.removeprefix(HEADER_PREFIX)
        if name.startswith(HEADER_PREFIX) and algorithm in ALGORITHMS:
            check.expect(algorithm, value)
    promised = _promised(request)
    for name in promised:
        check.watch(name.removeprefix(HEADER_PREFIX))
    if in_chunks:
        body = ChunkedBody(source, payload.chunks if payload is not None else None)
        stream = checked(aiter(body), check, length, body.trailers, promised)
        return ByteStream(stream, length, body.trailers)
    return ByteStream(checked(source, check, length, {}), length)


def _promised(request: WireRequest) -> list[str]:
    """Return the checksums that the headers say come as trailers."""
    names = (name.strip().lower() for name in request.headers.get("x-amz-trailer", "").split(","))
    return [name for name in names if name.startswith(HEADER_PREFIX)]


async def decoded(request: WireRequest, payload: SignedPayload) -> bytes:
    """Return a body that was read whole without its chunks. Raises AwsError if a chunk's signature is wrong."""
    if not is_chunked(request.headers) or payload.is_hash:
        return request.body

    async def whole() -> AsyncIterator[bytes]:
        yield request.body

    return await upload(request, whole(), payload).read()


def _length(request: WireRequest, *, in_chunks: bool) -> int | None:
    """Return the length of the decoded body in bytes, None if the request does not say."""
    name = "x-amz-decoded-content-length" if in_chunks else "content-length"
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
