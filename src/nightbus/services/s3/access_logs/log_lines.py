"""Formats the lines of server access logs, and names the objects that hold them. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html. What a handler does not know of its request, such
as the user agent, is `-`, as it is on AWS where a field does not apply.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

_VERBS = {
    "Get": "GET",
    "Head": "HEAD",
    "List": "GET",
    "Put": "PUT",
    "Copy": "COPY",
    "Upload": "PUT",
    "Create": "POST",
    "Complete": "POST",
    "Restore": "POST",
    "Delete": "DELETE",
    "Abort": "DELETE",
}
_NAMES = {
    "CreateBucket": "REST.PUT.BUCKET",
    "DeleteObjects": "REST.POST.MULTI_OBJECT_DELETE",
    "ListObjects": "REST.GET.BUCKET",
    "ListObjectsV2": "REST.GET.BUCKET",
    "ListObjectVersions": "REST.GET.BUCKETVERSIONS",
    "UploadPart": "REST.PUT.PART",
    "UploadPartCopy": "REST.COPY.PART",
    "CreateMultipartUpload": "REST.POST.UPLOADS",
    "CompleteMultipartUpload": "REST.POST.UPLOAD",
    "AbortMultipartUpload": "REST.DELETE.UPLOAD",
    "ListParts": "REST.GET.UPLOAD",
    "ListMultipartUploads": "REST.GET.UPLOADS",
}
_FIRST_WORD = re.compile(r"[A-Z][a-z]+")


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request to a bucket. `time` is UTC ms; `sent` and `size` are bytes, None where there are none."""

    owner: str
    bucket: str
    time: int
    address: str
    requester: str
    request_id: str
    operation: str
    key: str
    status: int
    code: str
    sent: int | None
    size: int | None
    milliseconds: int
    version_id: str
    is_signed: bool


def operation_name(operation: str) -> str:
    """Return what a log calls an operation: `REST.PUT.OBJECT` for PutObject."""
    if operation in _NAMES:
        return _NAMES[operation]
    word = _FIRST_WORD.match(operation)
    verb = word[0] if word else ""
    return f"REST.{_VERBS.get(verb, 'POST')}.{operation[len(verb) :].upper()}"


def log_line(request: LoggedRequest) -> str:
    time = datetime.fromtimestamp(request.time / 1000, UTC).strftime("[%d/%b/%Y:%H:%M:%S +0000]")
    key = quote(request.key) or "-"
    name = operation_name(request.operation)
    method = name.split(".")[1].replace("COPY", "PUT")
    path = f"/{request.bucket}/{quote(request.key)}" if request.key else f"/{request.bucket}"
    fields: list[Any] = [
        request.owner, request.bucket, time, request.address or "-", request.requester or "-",
        request.request_id, name, key, f'"{method} {path} HTTP/1.1"', request.status, request.code or "-",
        _number(request.sent), _number(request.size), request.milliseconds, "-", '"-"', '"-"',
        request.version_id or "-", "-", "SigV4" if request.is_signed else "-", "-",
        "AuthHeader" if request.is_signed else "-", "-", "-", "-", "-",
    ]  # fmt: skip
    return " ".join(str(one) for one in fields)


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def object_key(
    enabled: Mapping[str, Any], bucket: str, account: str, region: str, now_ms: int, unique: str
) -> str:
    """Return the key of a log object by the logging's `TargetObjectKeyFormat`."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    prefix, name = str(enabled.get("TargetPrefix", "")), f"{now:%Y-%m-%d-%H-%M-%S}-{unique}"
    if (enabled.get("TargetObjectKeyFormat") or {}).get("PartitionedPrefix") is None:
        return f"{prefix}{name}"
    return f"{prefix}{account}/{region}/{bucket}/{now:%Y/%m/%d}/{name}"
