"""Refuses expired presigned URLs of signature versions 2 and 4. `gateway/signatures` verifies them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import whole_number
from nightbus.gateway.request import WireRequest

_LAST_SECOND = 253_402_300_799  # of the year 9999
_LONGEST_SECONDS = 7 * 24 * 3600
_DEFAULT_SECONDS = "900"  # AWS's default for services other than S3


def check_expiry(request: WireRequest, now_ms: int, service: str = "s3") -> None:
    """Raise AwsError AccessDenied if the URL has expired. `now_ms` is UTC ms."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    if "X-Amz-Signature" in request.query:
        _check_v4(request, now, "" if service == "s3" else _DEFAULT_SECONDS)
    elif "AWSAccessKeyId" in request.query and "Expires" in request.query:
        text = request.query["Expires"]
        seconds = whole_number(text)
        if seconds is None:
            raise AwsError("AccessDenied", f"Invalid date (should be seconds since epoch): {text[:80]}", 403)
        _refuse_after(datetime.fromtimestamp(min(seconds, _LAST_SECOND), UTC), now)


def _check_v4(request: WireRequest, now: datetime, default_seconds: str) -> None:
    try:
        signed = datetime.strptime(request.query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        seconds = int(request.query.get("X-Amz-Expires", default_seconds)[:12])
    except (KeyError, ValueError) as wrong:
        text = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential,"
        text += " X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        raise AwsError("AuthorizationQueryParametersError", text) from wrong
    if not 0 <= seconds <= _LONGEST_SECONDS:
        text = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be"
        raise AwsError("AuthorizationQueryParametersError", f"{text} less than {_LONGEST_SECONDS} seconds")
    lifetime = timedelta(seconds=seconds)
    if (
        now - signed > lifetime
    ):  # compared as numbers, because the expiry of a URL signed in the year 9999 is not a date
        _refuse_after(signed + lifetime, now, seconds)


def _refuse_after(end: datetime, now: datetime, seconds: int | None = None) -> None:
    if now <= end:
        return
    fields = {"Expires": end.strftime("%Y-%m-%dT%H:%M:%SZ"), "ServerTime": now.strftime("%Y-%m-%dT%H:%M:%SZ")}
    if seconds is not None:
        fields = {"X-Amz-Expires": str(seconds), **fields}
    raise AwsError("AccessDenied", "Request has expired", 403, fields=fields)
