"""Sends the outcome of an asynchronous invocation to its destination or dead-letter queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Call, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.trace_header import for_invocation
from nightbus.functions.interface import InvokeResult
from nightbus.messaging.queue import url_path
from nightbus.services.context import Platform
from nightbus.services.lambda_.invocations.queued import QueuedInvocation
from nightbus.services.lambda_.role_session import role_session


@dataclass(frozen=True, slots=True)
class Outcome:
    """`condition` is `Success` or why the event was given up; `result` that of the last attempt, if any ran."""

    invocation: QueuedInvocation
    condition: str
    attempts: int
    role: str
    executed_version: str = ""
    result: InvokeResult | None = None


def invocation_record(outcome: Outcome, now_ms: int) -> dict[str, Any]:
    """What destinations get as JSON, in AWS's shape."""
    invocation, result = outcome.invocation, outcome.result
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.{now_ms % 1000:03d}Z",
        "requestContext": {
            "requestId": invocation.request_id,
            "functionArn": f"{invocation.ref.arn}:{invocation.ref.version_or_alias}",
            "condition": outcome.condition,
            "approximateInvokeCount": outcome.attempts,
        },
        "requestPayload": orjson.Fragment(invocation.payload),
    }
    if result is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": outcome.executed_version}
        if result.error:
            record["responseContext"]["functionError"] = result.error
        record["responsePayload"] = _as_it_is(result.payload)
    return record


def _as_it_is(payload: bytes) -> Any:
    """Its JSON with every number as it was written, however deep; else its text."""
    parsed = _parsed(payload)
    return parsed if isinstance(parsed, str) else orjson.Fragment(payload)


async def tell(platform: Platform, destination: str, outcome: Outcome) -> None:
    """Raises AwsError when the destination does not take the record."""
    arn = Arn.parse(destination)
    record = orjson.dumps(invocation_record(outcome, platform.clock.now_ms()))
    call = _call(platform, arn, outcome)
    if arn.service == "lambda":
        params: dict[str, Any] = {"FunctionName": destination, "InvocationType": "Event", "Payload": record}
        await platform.operations.call("lambda", "Invoke", params, call)
        return
    if arn.service == "sqs":
        url = f"{platform.endpoint}{url_path(Scope(arn.account, arn.region), arn.resource)}"
        request = {"QueueUrl": url, "MessageBody": record.decode()}
        await platform.operations.call("sqs", "SendMessage", request, call)
        return
    if arn.service == "sns":
        request = {"TopicArn": destination, "Message": record.decode()}
        await platform.operations.call("sns", "Publish", request, call)
        return
    kind = "Success" if outcome.condition == "Success" else "Failure"
    entry = {
        "EventBusName": destination,
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {kind}",
        "Resources": [f"{outcome.invocation.ref.arn}:{outcome.invocation.ref.version_or_alias}", destination],
        "Detail": record.decode(),
    }
    reply = await platform.operations.call("events", "PutEvents", {"Entries": [entry]}, call)
    failed = reply["Entries"][0]
    if failed.get("ErrorCode"):
        raise AwsError(failed["ErrorCode"], failed.get("ErrorMessage", ""))


async def bury(platform: Platform, target_arn: str, outcome: Outcome) -> None:
    """The event itself to the function's own dead-letter queue or topic. Raises AwsError.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
    """
    arn = Arn.parse(target_arn)
    invocation, result = outcome.invocation, outcome.result
    known = {"RequestID": ("String", invocation.request_id), "ErrorCode": ("Number", "200")}
    if result is not None:
        known["ErrorMessage"] = ("String", _error_message(result) or outcome.condition)
    attributes = {name: {"DataType": kind, "StringValue": text} for name, (kind, text) in known.items()}
    call = _call(platform, arn, outcome)
    if arn.service == "sqs":
        url = f"{platform.endpoint}{url_path(Scope(arn.account, arn.region), arn.resource)}"
        request = {"QueueUrl": url, "MessageBody": invocation.payload, "MessageAttributes": attributes}
        await platform.operations.call("sqs", "SendMessage", request, call)
    else:
        request = {"TopicArn": target_arn, "Message": invocation.payload, "MessageAttributes": attributes}
        await platform.operations.call("sns", "Publish", request, call)


def _error_message(result: InvokeResult) -> str:
    payload = _parsed(result.payload)
    text = payload.get("errorMessage") if isinstance(payload, dict) else None
    return str(text or "")[:1024]


def error_told(result: InvokeResult) -> dict[str, str]:
    """What a function failed with."""
    payload = _parsed(result.payload)
    kind = payload.get("errorType") if isinstance(payload, dict) else None
    return {"code": str(kind or result.error or ""), "message": _error_message(result)}


def _call(platform: Platform, arn: Arn, outcome: Outcome) -> Call:
    """Lambda calls a destination under the function's own role; the invocation is the parent of what follows."""
    invocation = outcome.invocation
    caller = role_session(invocation.account, outcome.role, invocation.name)
    trace = for_invocation(invocation.trace, invocation.request_id, platform.clock.now_ms())
    return Call(Scope(arn.account, arn.region), caller, platform.endpoint, trace=trace)


def _parsed(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode("utf-8", "replace")
