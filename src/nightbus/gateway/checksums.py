"""Verifies the checksums that S3 clients send with an upload, while the body is read."""

from __future__ import annotations

import base64
import hashlib

from nightbus.aws.checksums import ALGORITHMS, Digest, new_digest
from nightbus.aws.errors import AwsError

__all__ = ["ALGORITHMS", "HEADER_PREFIX", "BodyCheck"]

HEADER_PREFIX = "x-amz-checksum-"


class BodyCheck:
    """The claimed checksums of one body. `expect` may be called late, since trailers come after the body."""

    def __init__(self) -> None:
        self._expected: dict[str, str] = {}
        self._digests: dict[str, Digest] = {}

    def watch(self, algorithm: str) -> None:
        """Compute this checksum while the body is read. Raises AwsError for an unknown algorithm."""
        if algorithm not in ALGORITHMS and algorithm != "md5":
            raise AwsError(
                "InvalidRequest", f"The algorithm {algorithm.upper()} of the trailer is not supported."
            )
        if algorithm not in self._digests:
            self._digests[algorithm] = (
                hashlib.md5(usedforsecurity=False) if algorithm == "md5" else new_digest(algorithm)
            )

    def expect(self, algorithm: str, value: str) -> None:
        self.watch(algorithm)
        self._expected[algorithm] = value

    def update(self, data: bytes) -> None:
        for digest in self._digests.values():
            digest.update(data)

    def verify(self) -> None:
        """Raise AwsError BadDigest or InvalidDigest, with S3's text, if a checksum differs."""
        for algorithm, claimed in self._expected.items():
            actual = base64.b64encode(self._digests[algorithm].digest()).decode()
            if actual == claimed:
                continue
            if algorithm == "md5":
                if not _is_md5(claimed):
                    raise AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.")
                raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.")
            text = f"The {algorithm.upper()} you specified did not match the calculated checksum."
            raise AwsError("BadDigest", text)


def _is_md5(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except ValueError:
        return False
