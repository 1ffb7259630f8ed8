"""Adds CORS headers for web pages that the setting `allowed_origins` admits, as the service on AWS would.

S3 follows the bucket's CORS configuration. On AWS, the other services let every page read their responses; here they
let the admitted pages do so, by name and not by `*`. The gate has refused all other pages before.
Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html; Lambda's answers to preflight requests
as recorded in aws/aws-sdk-js issue 1080.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from nightbus.aws.calls import Call, Caller, Operations, Scope
from nightbus.aws.errors import AwsError
from nightbus.gateway.hosts import bucket_of
from nightbus.gateway.request import WireRequest

_EXPOSED = "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date,x-amz-log-result,x-amz-function-error"
_MAX_AGE_SECONDS = "172800"
_VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
_REFUSED = (
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
    "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
)


@dataclass(frozen=True, slots=True)
class CorsRequest:
    """The origin, and `method` and `headers` (in lower case) of a request that a page announces or has sent."""

    origin: str
    method: str
    headers: Sequence[str] = ()


def preflight_of(request: WireRequest, origin: str | None) -> CorsRequest:
    """Return what an OPTIONS request announces. Raises AwsError if it lacks a header that S3 requires."""
    if origin is None:
        raise AwsError("BadRequest", "Insufficient information. Origin request header needed.")
    method = request.headers.get("access-control-request-method")
    if not method:
        raise AwsError("BadRequest", "Invalid Access-Control-Request-Method: null")
    requested = request.headers.get("access-control-request-headers", "")
    names = [name.strip().lower() for name in requested.split(",") if name.strip()]
    return CorsRequest(origin, method, names)


def general_headers(cors_request: CorsRequest, *, preflight: bool) -> dict[str, str]:
    """Return the headers of services other than S3, which allow everything."""
    headers = {
        "access-control-allow-origin": cors_request.origin,
        "access-control-expose-headers": _EXPOSED,
        "vary": "Origin",
    }
    if preflight:
        headers |= {
            "access-control-allow-methods": cors_request.method,
            "access-control-max-age": _MAX_AGE_SECONDS,
        }
        if cors_request.headers:
            headers["access-control-allow-headers"] = ", ".join(cors_request.headers)
    return headers


def bucket_headers(rules: Sequence[Mapping[str, Any]], cors_request: CorsRequest) -> dict[str, str] | None:
    """Return the headers by the first rule of a bucket's CORS configuration that admits the request, else None."""
    for rule in rules:
        pattern = next((one for one in rule["AllowedOrigins"] if _like(one, cors_request.origin)), None)
        allowed = [name.lower() for name in rule.get("AllowedHeaders", [])]
        if pattern is None or cors_request.method not in rule["AllowedMethods"]:
            continue
        if all(any(_like(one, name) for one in allowed) for name in cors_request.headers):
            return _rule_headers(rule, pattern, cors_request)
    return None


def _rule_headers(rule: Mapping[str, Any], pattern: str, cors_request: CorsRequest) -> dict[str, str]:
    headers = {
        "access-control-allow-origin": "*" if pattern == "*" else cors_request.origin,
        "access-control-allow-methods": ", ".join(rule["AllowedMethods"]),
        "vary": _VARY,
    }
    if pattern != "*":
        headers["access-control-allow-credentials"] = "true"
    if cors_request.headers:
        headers["access-control-allow-headers"] = ", ".join(cors_request.headers)
    if rule.get("ExposeHeaders"):
        headers["access-control-expose-headers"] = ", ".join(rule["ExposeHeaders"])
    if rule.get("MaxAgeSeconds") is not None:
        headers["access-control-max-age"] = str(rule["MaxAgeSeconds"])
    return headers


def _like(pattern: str, text: str) -> bool:
    """Return whether the text matches a pattern with at most one `*`, as S3 allows."""
    head, star, tail = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(head) + len(tail) and text.startswith(head) and text.endswith(tail)


class CrossOrigin:
    """Makes the CORS headers of responses. It reads a bucket's configuration by `operations`."""

    def __init__(self, operations: Operations, scope: Scope) -> None:
        self._operations = operations
        self._call = Call(scope, Caller.root(scope.account), "", trusted=True)

    async def preflight(self, request: WireRequest, origin: str | None) -> dict[str, str]:
        """Return the headers of the response to an OPTIONS request. Raises AwsError with S3's text if it is refused."""
        cors_request = preflight_of(request, origin)
        bucket = _bucket_named(request)
        rules = None if bucket is None else await self._rules(bucket)
        if rules is None:
            return general_headers(cors_request, preflight=True)
        headers = bucket_headers(rules, cors_request) if rules else None
        if headers is not None:
            return headers
        kind = "OBJECT" if _key_named(request) else "BUCKET"
        message = _REFUSED if rules else "CORSResponse: CORS is not enabled for this bucket."
        fields = {"Method": cors_request.method, "ResourceType": kind}
        raise AwsError("AccessForbidden", message, 403, fields=fields)

    async def actual(self, request: WireRequest, origin: str, service: str) -> dict[str, str]:
        """Return the headers to add to the response to a request of a page of `origin`."""
        cors_request = CorsRequest(origin, request.method)
        if service != "s3":
            return general_headers(cors_request, preflight=False)
        bucket = request.labels.get("Bucket")
        rules = await self._rules(bucket) if bucket else None
        return bucket_headers(rules or (), cors_request) or {}

    async def _rules(self, bucket: str) -> Sequence[Mapping[str, Any]] | None:
        """Return the rules of the bucket's CORS configuration, none without one; None if the bucket does not exist."""
        try:
            reply = await self._operations.call("s3", "GetBucketCors", {"Bucket": bucket}, self._call)
        except AwsError as error:
            return () if error.code == "NoSuchCORSConfiguration" else None
        rules: Sequence[Mapping[str, Any]] = reply.get("CORSRules", ())
        return rules


def _bucket_named(request: WireRequest) -> str | None:
    in_host = bucket_of(request.headers.get("host", ""))
    return in_host or unquote(request.path.lstrip("/").partition("/")[0]) or None


def _key_named(request: WireRequest) -> bool:
    if bucket_of(request.headers.get("host", "")):
        return request.path not in ("", "/")
    return bool(request.path.lstrip("/").partition("/")[2])
