"""Says by which hash a request signed its body, and verifies bodies that are read as streams.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html (the values of
x-amz-content-sha256), .../sigv4-streaming.html (chunks) and .../sigv4-streaming-trailers.html (trailers).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from nightbus.aws.errors import AwsError
from nightbus.gateway.signatures.errors import Dialect, mismatch, wrong_payload_hash
from nightbus.gateway.signatures.signing_keys import SigningKey, is_same

UNSIGNED = "UNSIGNED-PAYLOAD"
CHUNKED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
CHUNKED_WITH_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_WITH_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_SPECIAL = frozenset({UNSIGNED, CHUNKED, CHUNKED_WITH_TRAILER, UNSIGNED_WITH_TRAILER})
_HASH = re.compile(r"[0-9a-f]{64}")
_EMPTY = hashlib.sha256().hexdigest()


def s3_payload(headers: Mapping[str, str], query: Mapping[str, str], *, by_query: bool) -> str:
    """Return the payload's line of the canonical request. Raises AwsError for a missing or an invalid one."""
    claimed = headers.get("x-amz-content-sha256")
    if by_query:
        return claimed or query.get("X-Amz-Content-Sha256") or UNSIGNED
    if claimed is None:
        text = "Missing required header for this request: x-amz-content-sha256"
        raise AwsError("InvalidRequest", text)
    if claimed not in _SPECIAL and _HASH.fullmatch(claimed) is None:
        text = f"x-amz-content-sha256 must be {UNSIGNED}, {UNSIGNED_WITH_TRAILER}, {CHUNKED},"
        text += f" {CHUNKED_WITH_TRAILER} or a valid sha256 value."
        fields = {"ArgumentName": "x-amz-content-sha256", "ArgumentValue": claimed[:128]}
        raise AwsError("InvalidArgument", text, fields=fields)
    return claimed


@dataclass(frozen=True, slots=True)
class SignedPayload:
    """What the signature of a verified request says of the body that follows.

    `claimed` is the payload's line of the canonical request; key, time, scope and `seed` are those of the signature.
    """

    claimed: str
    key: SigningKey
    timestamp: str
    scope: str
    seed: str

    @property
    def is_hash(self) -> bool:
        return _HASH.fullmatch(self.claimed) is not None

    @property
    def chunks(self) -> ChunkSignatures | None:
        """Return the verifier of the chunks, None for a body whose chunks are not signed."""
        if self.claimed not in (CHUNKED, CHUNKED_WITH_TRAILER):
            return None
        return ChunkSignatures(self, has_trailer=self.claimed == CHUNKED_WITH_TRAILER)

    async def verified(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the body unchanged. Raises AwsError at its end if it is not the one whose hash was signed."""
        digest = hashlib.sha256()
        async for chunk in body:
            digest.update(chunk)
            yield chunk
        self.check(digest.hexdigest())

    def check(self, computed: str) -> None:
        """Raise AwsError unless the body's hash is the signed one."""
        if self.is_hash and not is_same(computed, self.claimed):
            raise wrong_payload_hash(self.claimed, computed)


class ChunkSignatures:
    """The chain of the chunks' signatures: each one signs the one before, the first one that of the request."""

    def __init__(self, payload: SignedPayload, *, has_trailer: bool) -> None:
        self._payload = payload
        self._has_trailer = has_trailer
        self._previous = payload.seed
        self._claimed = ""
        self._digest = hashlib.sha256()

    def begin(self, extension: str) -> None:
        """Begin a chunk. `extension` is what follows its size: `chunk-signature=…`."""
        name, _, value = extension.strip().partition("=")
        self._claimed = value.strip() if name.strip() == "chunk-signature" else ""
        self._digest = hashlib.sha256()

    def update(self, data: bytes) -> None:
        self._digest.update(data)

    def end(self) -> None:
        """End the chunk. Raises AwsError if its signature is wrong."""
        digest = self._digest.hexdigest()
        self._verify(f"AWS4-HMAC-SHA256-PAYLOAD\n{self._head()}\n{_EMPTY}\n{digest}", self._claimed)

    def end_of_body(self, trailers: Mapping[str, str]) -> None:
        """Raise AwsError if the signature of the trailers is wrong, or if there are trailers that are not signed."""
        signed = {name: value for name, value in trailers.items() if name != "x-amz-trailer-signature"}
        if not self._has_trailer:
            if signed:
                raise mismatch(Dialect.S3, "")
            return
        text = "".join(f"{name}:{value}\n" for name, value in signed.items())
        digest = hashlib.sha256(text.encode("latin-1", "replace")).hexdigest()
        self._verify(
            f"AWS4-HMAC-SHA256-TRAILER\n{self._head()}\n{digest}", trailers.get("x-amz-trailer-signature", "")
        )

    def _head(self) -> str:
        return f"{self._payload.timestamp}\n{self._payload.scope}\n{self._previous}"

    def _verify(self, to_sign: str, claimed: str) -> None:
        computed = self._payload.key.signature(to_sign)
        if not is_same(computed, claimed):
            raise mismatch(Dialect.S3, to_sign)
        self._previous = computed
