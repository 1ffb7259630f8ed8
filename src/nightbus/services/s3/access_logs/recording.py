"""Notes the requests to buckets with logging, and writes the noted lines to the target buckets once a minute.

A bucket without logging costs a look into its record, which each operation reads anyway.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_hex
from nightbus.aws.replies import Reply
from nightbus.services.context import Context, Handler, Platform
from nightbus.services.s3.access_logs.log_lines import LoggedRequest, log_line, object_key
from nightbus.services.s3.records import BUCKET, LOGGED_BUCKET, bucket_arn, canonical_id
from nightbus.store.interface import SYSTEM, Record

log = logging.getLogger("nightbus.s3")

_EVERY_SECONDS = 60.0
_SERVICE = "logging.s3.amazonaws.com"


def recorded(operation: str, handler: Handler) -> Handler:
    """Return the handler, which also notes a request to a bucket with logging."""

    @functools.wraps(handler)
    async def run(ctx: Context, **parameters: Any) -> Any:
        token = LOGGED_BUCKET.set(None)
        began = ctx.now_ms()
        status, code = 500, "InternalError"
        output: Mapping[str, Any] = {}
        try:
            result = await handler(ctx, **parameters)
            output = (result.output if isinstance(result, Reply) else result) or {}
            status, code = (result.status if isinstance(result, Reply) else None) or 200, ""
            return result
        except AwsError as error:
            status, code = error.status, error.code
            raise
        finally:
            bucket = LOGGED_BUCKET.get()
            LOGGED_BUCKET.reset(token)
            if bucket is not None:
                line = log_line(_request(ctx, bucket, operation, parameters, output, status, code, began))
                ctx.platform.access_logs.add(bucket.key, line)

    return run


def _request(
    ctx: Context,
    bucket: Record,
    operation: str,
    parameters: Mapping[str, Any],
    output: Mapping[str, Any],
    status: int,
    code: str,
    began: int,
) -> LoggedRequest:
    size = output.get("ContentLength")
    version_id = parameters.get("version_id") or output.get("VersionId") or ""
    return LoggedRequest(
        owner=canonical_id(bucket.value["Account"]),
        bucket=bucket.key,
        time=began,
        address=ctx.call.source_ip,
        requester="" if ctx.caller.is_anonymous else ctx.caller.arn,
        request_id=ctx.call.request_id,
        operation=operation,
        key=str(parameters.get("key") or ""),
        status=status,
        code=code,
        sent=size if operation == "GetObject" else None,
        size=size,
        milliseconds=ctx.now_ms() - began,
        version_id=str(version_id),
        is_signed=not ctx.caller.is_anonymous,
    )


async def write_access_logs(platform: Platform) -> None:
    """Write the noted lines until cancelled."""
    while True:
        await platform.clock.sleep(_EVERY_SECONDS)
        for name, lines in platform.access_logs.take().items():
            try:
                await _write(platform, name, lines)
            except Exception as failure:  # of the target bucket, or the store's while the disk is full
                platform.access_logs.put_back(name, lines)
                reason = failure.message if isinstance(failure, AwsError) else failure
                log.warning("the access log of bucket %s is not written yet: %s", name, reason)


async def _write(platform: Platform, name: str, lines: list[str]) -> None:
    record = await platform.store.get(SYSTEM, BUCKET, name)
    enabled = record.value.get("Logging") if record is not None else None
    if record is None or not enabled:
        return
    account, region = record.value["Account"], record.value["Region"]
    key = object_key(enabled, name, account, region, platform.clock.now_ms(), new_hex(16).upper())
    body = ("\n".join(lines) + "\n").encode("utf-8", "replace")
    caller = Caller.for_service(account, _SERVICE, bucket_arn(record))
    request = {"Bucket": str(enabled["TargetBucket"]), "Key": key, "Body": body}
    await platform.operations.call(
        "s3", "PutObject", request, Call(Scope(account, region), caller, platform.endpoint)
    )
