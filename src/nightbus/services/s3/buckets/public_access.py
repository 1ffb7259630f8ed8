"""Restricts what anonymous callers and browsers get of an object.

Anonymous callers may read what the bucket's policy grants to everybody, unless RestrictPublicBuckets is set. Browsers
must not run an object's script in the origin of the node's APIs, for as long as no bucket is a website.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Caller
from nightbus.identity.request_keys import ABSENT
from nightbus.policies.callers import request_by
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import compiled_policy
from nightbus.services.context import Context
from nightbus.services.s3.errors import access_denied, invalid_request
from nightbus.services.s3.records import bucket_arn
from nightbus.store.interface import Record

# Media types that browsers show without running scripts, as long as `nosniff` keeps them from guessing another type.
_PASSIVE = ("audio/", "font/", "image/", "video/")
_PASSIVE_TYPES = frozenset(
    {
        "application/gzip",
        "application/json",
        "application/octet-stream",
        "application/pdf",
        "application/zip",
        "binary/octet-stream",
        "text/csv",
        "text/plain",
    }
)
_ACTIVE_TYPES = frozenset({"image/svg+xml"})


def check_anonymous(ctx: Context, bucket: Record, key: str, version_id: str | None) -> None:
    """Raise AwsError AccessDenied if the caller is anonymous and may not read the object."""
    if ctx.caller.is_anonymous:
        action = "s3:GetObject" if version_id is None else "s3:GetObjectVersion"
        _require_public(ctx, bucket, action, f"{bucket_arn(bucket)}/{key}")


def check_anonymous_listing(ctx: Context, bucket: Record) -> None:
    """Raise AwsError AccessDenied unless everybody may list the bucket."""
    _require_public(ctx, bucket, "s3:ListBucket", bucket_arn(bucket))


def _require_public(ctx: Context, bucket: Record, action: str, resource: str) -> None:
    document = bucket.value.get("Policy")
    if not document or bucket.value.get("PublicAccessBlock", {}).get("RestrictPublicBuckets"):
        raise access_denied()
    policy = compiled_policy(document, PolicyKind.RESOURCE, bucket.key)
    keys = {
        "aws:securetransport": "true",
        "s3:authtype": ABSENT,
        "s3:signatureversion": ABSENT,
        **(ctx.call_keys(policy) or {}),
    }
    if not policy.allows(request_by(ctx.caller, action, resource, keys)):
        raise access_denied()


def check_overrides(caller: Caller, overridden: Mapping[str, Any]) -> None:
    """Raise AwsError if an anonymous caller sets headers of the response."""
    if caller.is_anonymous and overridden:
        text = "Request specific response headers cannot be used for anonymous GET requests."
        raise invalid_request(text)


def browser_headers(content_type: str) -> dict[str, str]:
    """Return the headers that keep a browser from running an object: no type sniffing, an origin of its own."""
    headers = {"X-Content-Type-Options": "nosniff"}
    media_type = content_type.partition(";")[0].strip().lower()
    passive = media_type in _PASSIVE_TYPES or media_type.startswith(_PASSIVE)
    if not passive or media_type in _ACTIVE_TYPES:
        headers["Content-Security-Policy"] = "sandbox"
    return headers
