"""Restricts what anonymous callers and browsers get of an object.

Anonymous callers may read what the bucket's policy grants to everybody, unless RestrictPublicBuckets is set. Browsers
must not run an object's script in the origin of the node's APIs, for as long as no bucket is a website.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Caller
from nightbus.policies.callers import request_by
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import compiled_policy
from nightbus.services.s3.errors import access_denied, invalid_request
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


def check_anonymous(caller: Caller, bucket: Record, key: str, version_id: str | None) -> None:
    """Raise AwsError AccessDenied if the caller is anonymous and may not read the object."""
    if not caller.is_anonymous:
        return
    blocked = bucket.value.get("PublicAccessBlock", {}).get("RestrictPublicBuckets")
    action = "s3:GetObject" if version_id is None else "s3:GetObjectVersion"
    request = request_by(caller, action, f"arn:aws:s3:::{bucket.key}/{key}")
    policy = bucket.value.get("Policy")
    if blocked or not policy or not compiled_policy(policy, PolicyKind.RESOURCE, bucket.key).allows(request):
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
