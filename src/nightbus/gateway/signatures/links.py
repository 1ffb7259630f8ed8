"""Says how a link (a presigned URL) was signed and how long ago, for the condition keys of S3.

https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html
"""

from __future__ import annotations

from dataclasses import replace

from nightbus.aws.calls import Call
from nightbus.gateway.request import WireRequest
from nightbus.gateway.signatures import version_two
from nightbus.gateway.signatures.moments import iso_basic

_MS = 1000


def with_link(call: Call, request: WireRequest, now_ms: int) -> Call:
    """Return the call of a verified request, with what is known of its link if it is one. `now_ms` is UTC ms."""
    if "authorization" in request.headers:
        return call
    if version_two.is_link(request.query):
        return replace(call, link_version=2)
    signed = iso_basic(request.query.get("X-Amz-Date", "")) if "X-Amz-Signature" in request.query else None
    if signed is None:
        return call
    return replace(call, link_version=4, link_age_ms=max(0, now_ms - int(signed.timestamp()) * _MS))
