"""Invocations: answered at once, or queued, retried on AWS's schedule and reported to destinations."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from blob_files import read_blob
from lambda_rig import SCOPE, Invocation, Rig, code, echo, failing, tail, until
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.trace_header import segment_of
from nightbus.delivery.trace_log import recorded_runs
from nightbus.functions.interface import InvokeResult, LogLine, LogPart
from nightbus.services.lambda_.invocations import asynchronous
from nightbus.services.lambda_.invocations.asynchronous import invoke_asynchronously
from nightbus.services.lambda_.invocations.queued import QUEUE
from nightbus.store.interface import SYSTEM, Change, Enqueue, QueueName, StaleLease

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:worker"
RULE = "arn:aws:events:eu-west-1:123456789012:rule/orders"


def passed_on(call: Call) -> str:
    """The invocation is the parent of what the function does."""
    return f"Root=1-2-3;Parent={call.request_id.replace('-', '')[:16]};Sampled=0;Lineage=1:4d4474a3:1"


async def test_the_answer_of_a_function(aws: Rig) -> None:
    call = aws.call(trace="Root=1-2-3")
    reply = await aws.by(call, "lambda", "Invoke", FunctionName="worker", Payload=b'{"a": 1}', LogType="Tail")
    assert (reply["StatusCode"], reply["Payload"], reply["ExecutedVersion"]) == (200, b'{"a": 1}', "$LATEST")
    assert tail(reply) == "START\nEND\n"
    assert reply["FunctionError"] is None
    (invocation,) = aws.runner.invocations
    assert (invocation.request_id, invocation.invoked_arn, invocation.trace) == (
        call.request_id,
        ARN,
        passed_on(call),
    )
    assert await read_blob(aws.store, invocation.spec.code_digest) == code()
    assert (invocation.spec.handler, invocation.spec.runtime) == ("app.handler", "python3.12")


async def test_an_error_of_the_function_is_an_answer(aws: Rig) -> None:
    aws.runner.answer = failing
    reply = await aws("lambda", "Invoke", FunctionName="worker")
    assert (reply["StatusCode"], reply["FunctionError"]) == (200, "Unhandled")
    assert json.loads(reply["Payload"])["errorMessage"] == "no"
    assert aws.runner.invocations[0].payload == b"{}"


async def test_equal_settings_share_environments_and_updates_do_not(aws: Rig) -> None:
    await aws("lambda", "Invoke", FunctionName="worker")
    await aws("lambda", "Invoke", FunctionName="worker")
    await aws("lambda", "UpdateFunctionConfiguration", FunctionName="worker", Timeout=9)
    await aws("lambda", "Invoke", FunctionName="worker")
    first, second, third = (invocation.spec for invocation in aws.runner.invocations)
    assert first == second
    assert hash(first) == hash(second)
    assert first != third


@pytest.mark.parametrize(
    ("params", "error", "status"),
    [
        ({"Payload": b"{not json"}, "InvalidRequestContentException", 400),
        ({"Payload": b"\xff"}, "InvalidRequestContentException", 400),
        ({"Payload": b'"' + b"x" * 6_291_455 + b'"'}, "RequestTooLargeException", 413),
        (
            {"Payload": b'"' + b"x" * 1_048_575 + b'"', "InvocationType": "Event"},
            "RequestTooLargeException",
            413,
        ),
        ({"ClientContext": "no json"}, "InvalidRequestContentException", 400),
        ({"Qualifier": "7"}, "ResourceNotFoundException", 404),
        ({"TenantId": "t"}, "NotImplementedException", 501),
    ],
)
async def test_refused_invocations(aws: Rig, params: dict[str, Any], error: str, status: int) -> None:
    with pytest.raises(AwsError) as caught:
        await aws("lambda", "Invoke", FunctionName="worker", **params)
    assert (caught.value.code, caught.value.status) == (error, status)
    assert aws.runner.invocations == []
    assert aws.queued == 0


async def test_a_dry_run_runs_nothing(aws: Rig) -> None:
    reply = await aws("lambda", "Invoke", FunctionName="worker", InvocationType="DryRun")
    assert reply["StatusCode"] == 204
    assert aws.runner.invocations == []


async def test_client_context_comes_as_json(aws: Rig) -> None:
    context = base64.b64encode(b'{"custom": {"a": "b"}}').decode()
    await aws("lambda", "Invoke", FunctionName="worker", ClientContext=context)
    assert json.loads(aws.runner.invocations[0].client_context) == {"custom": {"a": "b"}}


def rule_calls() -> Call:
    return Call(
        SCOPE, Caller.for_service(SCOPE.account, "events.amazonaws.com", RULE), "http://127.0.0.1:4566"
    )


async def test_a_service_needs_the_functions_permission(aws: Rig) -> None:
    with pytest.raises(AwsError, match="is not authorized") as caught:
        await aws.by(rule_calls(), "lambda", "Invoke", FunctionName="worker", InvocationType="Event")
    assert (caught.value.code, caught.value.status) == ("AccessDeniedException", 403)
    permission = {"Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    await aws(
        "lambda", "AddPermission", FunctionName="worker", StatementId="s", SourceArn=RULE + "s", **permission
    )
    with pytest.raises(AwsError, match="not authorized"):
        await aws.by(rule_calls(), "lambda", "Invoke", FunctionName="worker", InvocationType="Event")
    await aws("lambda", "AddPermission", FunctionName="worker", StatementId="t", SourceArn=RULE, **permission)
    reply = await aws.by(rule_calls(), "lambda", "Invoke", FunctionName="worker", InvocationType="Event")
    assert reply["StatusCode"] == 202


async def test_reserved_concurrency_throttles(aws: Rig) -> None:
    await aws("lambda", "PutFunctionConcurrency", FunctionName="worker", ReservedConcurrentExecutions=1)
    go = asyncio.Event()

    async def waiting(invocation: Invocation) -> InvokeResult:
        await go.wait()
        return await echo(invocation)

    aws.runner.answer = waiting
    first = asyncio.create_task(aws("lambda", "Invoke", FunctionName="worker"))
    await until(lambda: len(aws.runner.invocations) == 1)
    with pytest.raises(AwsError) as caught:
        await aws("lambda", "Invoke", FunctionName="worker")
    assert (caught.value.code, caught.value.status) == ("TooManyRequestsException", 429)
    go.set()
    assert (await first)["StatusCode"] == 200
    assert (await aws("lambda", "Invoke", FunctionName="worker"))["StatusCode"] == 200


async def test_an_alias_with_weights_runs_both_versions(aws: Rig) -> None:
    await aws("lambda", "PublishVersion", FunctionName="worker")
    await aws("lambda", "UpdateFunctionConfiguration", FunctionName="worker", Timeout=9)
    await aws("lambda", "PublishVersion", FunctionName="worker")
    routing = {"AdditionalVersionWeights": {"2": 0.5}}
    await aws(
        "lambda", "CreateAlias", FunctionName="worker", Name="a", FunctionVersion="1", RoutingConfig=routing
    )
    replies = [await aws("lambda", "Invoke", FunctionName="worker:a") for _ in range(100)]
    assert {reply["ExecutedVersion"] for reply in replies} == {"1", "2"}
    assert aws.runner.invocations[0].invoked_arn == f"{ARN}:a"


async def test_an_event_is_carried_out_once_and_kept_before(aws: Rig) -> None:
    call = aws.call(trace="Root=1-2-3")
    params = {"FunctionName": "worker", "InvocationType": "Event", "Payload": b'{"a": 1}'}
    reply = await aws.by(call, "lambda", "Invoke", **params)
    assert reply["StatusCode"] == 202
    assert aws.queued == 1
    worker = asyncio.create_task(invoke_asynchronously(aws.platform))
    await until(lambda: aws.queued == 0)
    worker.cancel()
    (invocation,) = aws.runner.invocations
    assert (invocation.request_id, invocation.trace) == (call.request_id, passed_on(call))
    assert json.loads(invocation.payload) == {"a": 1}


async def test_a_failing_function_is_tried_after_one_and_two_minutes(working: Rig) -> None:
    aws = working
    aws.runner.answer = failing
    bus = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
    destination = {"OnFailure": {"Destination": bus}}
    await aws("lambda", "PutFunctionEventInvokeConfig", FunctionName="worker", DestinationConfig=destination)
    await aws("lambda", "Invoke", FunctionName="worker", InvocationType="Event", Payload=b'{"a": 1}')
    times: list[int] = []
    for attempt, pause in enumerate((0.0, 60.0, 120.0), 1):
        await aws.clock.advance(pause)
        await until(lambda wanted=attempt: len(aws.runner.invocations) == wanted)  # type: ignore[misc]
        times.append(aws.clock.now_ms())
    await until(lambda: len(aws.operations.events) == 1)
    await until(lambda: aws.queued == 0)
    assert len({invocation.request_id for invocation in aws.runner.invocations}) == 1
    (entry,) = aws.operations.events
    assert (entry["EventBusName"], entry["Source"]) == (bus, "lambda")
    assert entry["DetailType"] == "Lambda Function Invocation Result - Failure"
    record = json.loads(entry["Detail"])
    assert record.pop("timestamp") == "2026-01-01T00:03:00.000Z"
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": aws.runner.invocations[0].request_id,
            "functionArn": f"{ARN}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"a": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "no", "errorType": "E"},
    }


async def test_each_attempt_is_noted_for_who_traces_it(working: Rig) -> None:
    aws = working

    async def failing_once(invocation: Invocation) -> InvokeResult:
        return await (failing if len(aws.runner.invocations) == 1 else echo)(invocation)

    aws.runner.answer = failing_once
    call = aws.call()
    await aws.by(call, "lambda", "Invoke", FunctionName="worker", InvocationType="Event")
    for attempt, pause in enumerate((0.0, 60.0), 1):
        await aws.clock.advance(pause)
        await until(lambda wanted=attempt: len(aws.runner.invocations) == wanted)  # type: ignore[misc]
    await until(lambda: aws.queued == 0)
    first, second = await recorded_runs(aws.store, segment_of(call.request_id))
    assert (first["outcome"], first["code"], first["message"]) == ("will be tried again", "E", "no")
    assert (second["outcome"], second["began"]) == ("succeeded", first["next"])
    assert (first["function"], first["request_id"]) == (ARN, call.request_id)


async def test_a_throttled_event_waits_and_ends_when_it_is_too_old(working: Rig) -> None:
    aws = working

    async def throttled(invocation: Invocation) -> InvokeResult:
        raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429)

    aws.runner.answer = throttled
    await aws("lambda", "PutFunctionEventInvokeConfig", FunctionName="worker", MaximumEventAgeInSeconds=60)
    await aws("lambda", "Invoke", FunctionName="worker", InvocationType="Event")
    for seen, pause in enumerate((0, 1, 2, 4, 8, 16), 1):
        await aws.clock.advance(pause)
        await until(lambda wanted=seen: len(aws.runner.invocations) == wanted)  # type: ignore[misc]
    await aws.clock.advance(40)
    await until(lambda: aws.queued == 0)
    assert len(aws.runner.invocations) == 6


async def test_an_event_of_a_deleted_function_is_dropped(aws: Rig) -> None:
    await aws("lambda", "Invoke", FunctionName="worker", InvocationType="Event")
    await aws("lambda", "DeleteFunction", FunctionName="worker")
    worker = asyncio.create_task(invoke_asynchronously(aws.platform))
    await until(lambda: aws.queued == 0)
    worker.cancel()
    assert aws.runner.invocations == []


async def test_a_functions_slow_invocations_stop_no_other_functions(working: Rig) -> None:
    released = asyncio.Event()

    async def answer(invocation: Invocation) -> InvokeResult:
        if invocation.spec.name == "worker":
            await released.wait()
        return await echo(invocation)

    working.runner.answer = answer
    await working.create("quick")

    async def invoke(name: str) -> None:
        await working("lambda", "Invoke", FunctionName=name, InvocationType="Event", Payload=b"{}")

    def begun(name: str) -> int:
        return sum(invocation.spec.name == name for invocation in working.runner.invocations)

    for _ in range(500):
        await invoke("worker")
    await until(lambda: begun("worker") >= 100)
    for _ in range(50):
        await invoke("quick")
    await until(lambda: begun("quick") == 50)
    assert begun("worker") == 100  # its share, and none of them has ended
    released.set()
    async with asyncio.timeout(30):
        while working.queued:
            await asyncio.sleep(0.01)
    assert begun("worker") == 500


async def test_an_invocation_that_cannot_be_read_stops_no_other(working: Rig) -> None:
    await working.store.commit(Enqueue(SYSTEM, QUEUE, b"no invocation", working.clock.now_ms()))
    await working("lambda", "Invoke", FunctionName="worker", InvocationType="Event", Payload=b"{}")
    await until(lambda: len(working.runner.invocations) == 1 and not working.queued)


@pytest.mark.parametrize("payload", [b'{"a": ', b'{"a": tru}', b'"\xff"', b"[1,]"])
async def test_a_long_payload_that_is_no_json_is_refused_as_a_short_one(aws: Rig, payload: bytes) -> None:
    with pytest.raises(AwsError) as refused:
        await aws("lambda", "Invoke", FunctionName="worker", Payload=b" " * 100_000 + payload)
    assert refused.value.code == "InvalidRequestContentException"
    assert refused.value.message.startswith("Could not parse request body into json: ")


@pytest.mark.parametrize("trouble", ["stale", "destination"])
async def test_what_ran_is_in_the_log_whatever_becomes_of_its_item(
    aws: Rig, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """The log is written with the acknowledgement, which another lease, or a failure after the run, can prevent."""
    part = LogPart("/aws/lambda/worker", "stream", [LogLine(1, "what it said\n")])
    written: list[LogPart] = []

    class Sink:
        async def write(self, scope: Scope, part: LogPart, also: Sequence[Change] = ()) -> None:
            if also and trouble == "stale":
                raise StaleLease(QueueName(scope, QUEUE), 1)
            written.append(part)

    async def says(invocation: Invocation) -> InvokeResult:
        return InvokeResult(b"1", None, b"", 1.0, "stream", part)

    def broken(*arguments: object) -> None:
        raise RuntimeError("no destination")

    if trouble == "destination":
        monkeypatch.setattr(asynchronous, "_end", broken)
    aws.runner.answer = says
    worker = asyncio.create_task(invoke_asynchronously(replace(aws.platform, log_sink=Sink())))
    await aws("lambda", "Invoke", FunctionName="worker", InvocationType="Event")
    await until(lambda: written == [part])
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
