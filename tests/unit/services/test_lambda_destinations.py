"""Destinations and dead-letter queues of functions learn how an asynchronous invocation ended, once and for certain."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lambda_rig import Invocation, Rig, failing, until
from nightbus.aws.calls import Call
from nightbus.aws.errors import AwsError
from nightbus.aws.trace_header import segment_of
from nightbus.delivery.trace_log import recorded_runs
from nightbus.functions.interface import InvokeResult
from nightbus.services.lambda_.invocations.asynchronous import invoke_asynchronously
from nightbus.services.lambda_.invocations.destination_jobs import DestinationJobs
from nightbus.services.sqs.content import check_text
from nightbus.store.interface import SYSTEM, Enqueue

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:worker"
RULE = "arn:aws:events:eu-west-1:123456789012:rule/orders"


async def test_a_destination_that_is_busy_is_tried_again(
    working: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws, tries = working, 0
    answer = aws.operations.handle

    async def busy_twice(service: str, operation: str, params: Any, call: Call) -> Any:
        nonlocal tries
        tries += operation == "PutEvents"
        if operation == "PutEvents" and tries < 3:
            raise AwsError("ThrottlingException", "Rate exceeded", 400)
        return await answer(service, operation, params, call)

    monkeypatch.setattr(aws.operations, "handle", busy_twice)
    bus = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
    destination = {"OnSuccess": {"Destination": bus}}
    await aws("lambda", "PutFunctionEventInvokeConfig", FunctionName="worker", DestinationConfig=destination)
    call = aws.call()
    await aws.by(call, "lambda", "Invoke", FunctionName="worker", InvocationType="Event", Payload=b"{}")
    await until(lambda: tries == 1)
    (run,) = await recorded_runs(aws.store, segment_of(call.request_id))
    assert (run["outcome"], run["pending"]) == ("succeeded", [bus])
    while tries < 3:
        await aws.clock.advance(1)
        await asyncio.sleep(0.005)
    async with asyncio.timeout(20):
        while "pending" in run:
            await asyncio.sleep(0.005)
            (run,) = await recorded_runs(aws.store, segment_of(call.request_id))
    assert run["sent_to"] == [bus]
    assert len(aws.operations.events) == 1


async def test_an_invocation_and_the_records_of_its_end_are_one_commit(aws: Rig) -> None:
    """So a crash loses no record, and sends none twice: here nobody delivers them yet."""
    aws.runner.answer = failing
    bus = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
    await aws(
        "lambda",
        "PutFunctionEventInvokeConfig",
        FunctionName="worker",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": bus}},
    )
    queue = "arn:aws:sqs:eu-west-1:123456789012:dead"
    dead = {"TargetArn": queue}
    await aws("lambda", "UpdateFunctionConfiguration", FunctionName="worker", DeadLetterConfig=dead)
    await aws("lambda", "Invoke", FunctionName="worker", InvocationType="Event", Payload=b'{"a": 1}')
    worker = asyncio.create_task(invoke_asynchronously(aws.platform))
    await until(lambda: aws.queued == 2)
    worker.cancel()
    jobs = DestinationJobs(aws.platform)
    items = await aws.store.lease(SYSTEM, DestinationJobs.name, 10, 60_000)
    record, letter = (jobs.decode(item.data) for item in items)
    assert (record.address, letter.address) == (bus, queue)
    assert json.loads(record.input)["requestContext"]["condition"] == "RetriesExhausted"
    assert letter.input == b'{"a": 1}'
    assert jobs.decode(jobs.encode(record)) == record


async def test_an_error_that_no_queue_takes_as_it_is_is_in_the_dead_letter_all_the_same(aws: Rig) -> None:
    async def fails(invocation: Invocation) -> InvokeResult:
        return InvokeResult(b'{"errorMessage": "bad\\u0000 byte"}', "Unhandled", b"", 1.0, "stream")

    aws.runner.answer = fails
    queue = "arn:aws:sqs:eu-west-1:123456789012:dead"
    await aws("lambda", "PutFunctionEventInvokeConfig", FunctionName="worker", MaximumRetryAttempts=0)
    await aws(
        "lambda", "UpdateFunctionConfiguration", FunctionName="worker", DeadLetterConfig={"TargetArn": queue}
    )
    await aws("lambda", "Invoke", FunctionName="worker", InvocationType="Event", Payload=b"{}")
    worker = asyncio.create_task(invoke_asynchronously(aws.platform))
    await until(
        lambda: any(
            isinstance(one, Enqueue) and one.queue == DestinationJobs.name for one in aws.store.committed
        )
    )
    worker.cancel()
    (item,) = await aws.store.lease(SYSTEM, DestinationJobs.name, 10, 60_000)
    letter = DestinationJobs(aws.platform).decode(item.data)
    text = letter.target["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert "\x00" not in text
    assert text.startswith("bad\N{REPLACEMENT CHARACTER} ")
    check_text(text)


async def test_success_is_told_to_a_function(working: Rig) -> None:
    aws = working
    await aws.create("listener")
    destination = {"OnSuccess": {"Destination": ARN.replace("worker", "listener")}}
    await aws("lambda", "PutFunctionEventInvokeConfig", FunctionName="worker", DestinationConfig=destination)
    await aws("lambda", "Invoke", FunctionName="worker", InvocationType="Event", Payload=b'{"a": 1}')
    await until(lambda: len(aws.runner.invocations) == 2)
    assert aws.runner.invocations[1].spec.name == "listener"
    record = json.loads(aws.runner.invocations[1].payload)
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == {"a": 1}


async def test_no_concurrency_at_all_ends_an_event_at_once(working: Rig) -> None:
    aws = working
    bus = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
    destination = {"OnFailure": {"Destination": bus}}
    await aws("lambda", "PutFunctionEventInvokeConfig", FunctionName="worker", DestinationConfig=destination)
    await aws("lambda", "PutFunctionConcurrency", FunctionName="worker", ReservedConcurrentExecutions=0)
    await aws("lambda", "Invoke", FunctionName="worker", InvocationType="Event")
    await until(lambda: len(aws.operations.events) == 1)
    context = json.loads(aws.operations.events[0]["Detail"])["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("ZeroReservedConcurrency", 0)
    assert aws.runner.invocations == []
