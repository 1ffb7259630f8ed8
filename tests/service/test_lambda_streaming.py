"""InvokeWithResponseStream by boto3: what a function sends arrives as it is sent, and the end says how it went."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_rig import code
from nodes import TWO_NODES, RunningNode
from streaming_function import Gate, streaming_code
from url_rig import make
from waiting import wait_for

Client = Callable[..., Any]


@pytest.fixture(scope="module")
def name(node: Any) -> str:
    """A function that streams, for all tests of the module."""
    return make(node.client, streaming_code())


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.close()


def begin(client: Client, name: str, event: Any, **options: Any) -> Any:
    payload = json.dumps(event).encode()
    return client("lambda").invoke_with_response_stream(FunctionName=name, Payload=payload, **options)


def outcome(reply: Any) -> tuple[bytes, dict[str, Any]]:
    """All that was streamed, and the event at the end."""
    *chunks, last = list(reply["EventStream"])
    return b"".join(one["PayloadChunk"]["Payload"] for one in chunks), last["InvokeComplete"]


def test_chunks_arrive_as_they_are_sent(client: Client, name: str, gate: Gate) -> None:
    event = {"do": "chunks", "chunks": ["first", "second"], "gate": gate.port}
    reply = begin(client, name, event, LogType="Tail")
    assert (reply["StatusCode"], reply["ExecutedVersion"]) == (200, "$LATEST")
    assert reply["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    events = iter(reply["EventStream"])
    assert next(events) == {"PayloadChunk": {"Payload": b"first"}}
    gate.open()
    assert next(events) == {"PayloadChunk": {"Payload": b"second"}}
    gate.open()
    complete = next(events)["InvokeComplete"]
    assert "REPORT RequestId" in base64.b64decode(complete["LogResult"]).decode()
    assert set(complete) == {"LogResult"}
    assert list(events) == []


def test_a_program_of_the_functions_own_streams(client: Client, gate: Gate) -> None:
    name = make(client, streaming_code(), runtime="provided.al2023")
    events = iter(
        begin(client, name, {"do": "chunks", "chunks": ["a", "b"], "gate": gate.port})["EventStream"]
    )
    assert next(events) == {"PayloadChunk": {"Payload": b"a"}}
    gate.open()
    assert next(events) == {"PayloadChunk": {"Payload": b"b"}}
    gate.open()
    assert next(events) == {"InvokeComplete": {}}


def test_a_function_that_is_pending_is_waited_for(client: Client, name: str) -> None:
    functions = client("lambda")
    role = functions.get_function_configuration(FunctionName=name)["Role"]
    settings = {"Runtime": "python3.12", "Handler": "app.handler", "Role": role}
    functions.create_function(FunctionName=f"{name}-new", Code={"ZipFile": streaming_code()}, **settings)
    assert outcome(begin(client, f"{name}-new", {"do": "chunks", "chunks": ["a"]})) == (b"a", {})


def test_a_function_that_does_not_stream_answers_in_one_chunk(client: Client, name: str) -> None:
    payload, complete = outcome(begin(client, name, {"do": "whole"}))
    assert (json.loads(payload), complete) == ({"do": "whole"}, {})
    plain = make(client, code())
    assert outcome(begin(client, plain, [1])) == (b"[1]", {})


@pytest.mark.parametrize(
    ("event", "streamed", "error"),
    [
        ({"do": "fails"}, b"begun", ("Custom.Broken", '"in the middle"')),
        ({"do": "hangs"}, b"begun", ("Sandbox.Timedout", "Task timed out after 3.00 seconds")),
        ({"do": "exits"}, b"begun", ("Runtime.ExitError", "exit status 3")),
        ({"do": "cut"}, b"begun", ("Runtime.TruncatedResponse", "truncated")),
        ({"do": "error"}, None, ("Custom.No", '"no"')),
    ],
)
def test_the_end_says_what_went_wrong(
    client: Client, name: str, event: Any, streamed: bytes | None, error: tuple[str, str]
) -> None:
    payload, complete = outcome(begin(client, name, event, LogType="Tail"))
    assert complete["ErrorCode"] == error[0]
    assert error[1] in complete["ErrorDetails"]
    assert payload == (complete["ErrorDetails"].encode() if streamed is None else streamed)
    log = base64.b64decode(complete["LogResult"]).decode()
    assert "REPORT RequestId" in log
    assert outcome(begin(client, name, {"do": "whole"}))[1] == {}


def test_a_streamed_response_is_whole_for_invoke(client: Client, name: str) -> None:
    functions = client("lambda")

    def invoke(event: Any) -> Any:
        return functions.invoke(FunctionName=name, Payload=json.dumps(event).encode())

    assert invoke({"do": "chunks", "chunks": ["a", "b"]})["Payload"].read() == b"ab"
    failed = invoke({"do": "fails"})
    assert failed["FunctionError"] == "Unhandled"
    assert json.loads(failed["Payload"].read())["errorType"] == "Custom.Broken"
    too_large = invoke({"do": "large", "bytes": 7 * 1024 * 1024})
    assert json.loads(too_large["Payload"].read())["errorType"] == "Function.ResponseSizeTooLarge"


def test_a_stream_may_be_larger_than_a_response(client: Client, name: str) -> None:
    payload, complete = outcome(begin(client, name, {"do": "large", "bytes": 16 * 1024 * 1024}))
    assert (len(payload), complete) == (16 * 1024 * 1024, {})


def test_a_slow_client_slows_the_function_and_a_client_that_leaves_does_not_end_it(client: Client) -> None:
    name = make(client, streaming_code(), timeout=60)
    reply = begin(client, name, {"do": "large", "bytes": 64 * 1024 * 1024})
    raw = reply["EventStream"]._raw_stream  # boto3 has no other way to read slowly
    assert raw.read(100_000)
    logs = client("logs")

    def lines() -> list[str]:
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        except logs.exceptions.ResourceNotFoundException:  # nothing was logged yet
            return []
        return [one["message"].strip() for one in events]

    wait_for(lambda: any(line.startswith("sent") for line in lines()))
    assert not any(line.startswith("ended") for line in lines())
    reply["EventStream"].close()
    wait_for(lambda: any(line.startswith("ended with 202") for line in lines()))
    wait_for(lambda: any(line.startswith("REPORT") for line in lines()))


def test_a_stream_goes_on_while_its_function_is_updated(client: Client, gate: Gate) -> None:
    name, functions = make(client, streaming_code(), timeout=30), client("lambda")
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    events = iter(
        begin(client, name, {"do": "chunks", "chunks": ["a", "b"], "gate": gate.port})["EventStream"]
    )
    assert next(events) == {"PayloadChunk": {"Payload": b"a"}}
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        begin(client, name, {"do": "whole"})
    functions.update_function_code(FunctionName=name, ZipFile=code())
    gate.open()
    assert next(events) == {"PayloadChunk": {"Payload": b"b"}}
    gate.open()
    assert next(events) == {"InvokeComplete": {}}
    assert outcome(begin(client, name, {"new": True})) == (b'{"new": true}', {})


def test_an_asynchronous_invocation_of_a_function_that_streams(client: Client) -> None:
    name, sqs = make(client, streaming_code()), client("sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client("lambda").put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    event = json.dumps({"do": "chunks", "chunks": ["no ", "JSON"]})
    client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=event)
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    assert json.loads(message["Body"])["responsePayload"] == "no JSON"


def test_refused_before_the_stream_begins(client: Client, name: str) -> None:
    def code_of(**params: Any) -> str:
        with pytest.raises(ClientError) as caught:
            client("lambda").invoke_with_response_stream(**{"FunctionName": name, **params})
        return str(caught.value.response["Error"]["Code"])

    assert code_of(FunctionName="nobody") == "ResourceNotFoundException"
    assert code_of(Payload=b"{no") == "InvalidRequestContentException"
    client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert code_of() == "TooManyRequestsException"
    client("lambda").delete_function_concurrency(FunctionName=name)
    assert (
        client("lambda").invoke_with_response_stream(FunctionName=name, InvocationType="DryRun")["StatusCode"]
        == 204
    )


@pytest.mark.skipif(TWO_NODES, reason="two nodes end when their process is told to, without a grace")
def test_a_node_that_stops_ends_what_still_streams() -> None:
    node = RunningNode()
    made = make(node.client, streaming_code(), timeout=60)
    reply = begin(node.client, made, {"do": "hangs"})
    events = iter(reply["EventStream"])
    assert next(events) == {"PayloadChunk": {"Payload": b"begun"}}
    assert node.stop() == 0
    complete = next(events)["InvokeComplete"]
    assert (complete["ErrorCode"], "stopped" in complete["ErrorDetails"]) == ("ServiceException", True)
    assert not [line for line in node.output if "Traceback" in line or "ERROR" in line], node.output
