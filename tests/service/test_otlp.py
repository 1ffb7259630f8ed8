"""Metrics and the way of an event arrive at a collector that speaks OTLP/HTTP."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambda_rig import allow, code, trust
from nodes import RunningNode
from otlp_receiver import Receiver, attributes, receiving
from waiting import wait_for

_ROOT = "1-5759e988-bd862e3fe1be46a994272793"
_TRACE = "5759e988bd862e3fe1be46a994272793"
_CALLER = "53995c3f42cd8ad8"
_ORDER = """
import boto3
events, sqs = boto3.client("events"), boto3.client("sqs")
def handler(event, context):
    if event.get("detail", {}).get("fail"):
        raise ValueError("no")
    events.put_events(Entries=[{"Source": "invoices", "DetailType": "Invoice", "Detail": "{}"}])
"""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def node(receiver: Receiver) -> Iterator[RunningNode]:
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
    }
    node = RunningNode(None, variables)
    _deploy(node)
    yield node
    assert node.stop() == 0


def _deploy(node: RunningNode) -> None:
    """Orders go to a function, which puts invoices; invoices go to a queue, from which another function reads."""
    iam, functions, sqs = node.client("iam"), node.client("lambda"), node.client("sqs")
    role = iam.create_role(RoleName="f", AssumeRolePolicyDocument=json.dumps(trust("lambda.amazonaws.com")))
    allow(iam, "f", "events:PutEvents", "logs:*", "sqs:*")
    for name, text in (("order", _ORDER), ("ledger", "def handler(event, context):\n    pass\n")):
        functions.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=role["Role"]["Arn"],
            Handler="app.handler",
            Code={"ZipFile": code(text)},
        )
    functions.add_permission(
        FunctionName="order",
        StatementId="e",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Statement": [everybody]})
    url = sqs.create_queue(QueueName="invoices", Attributes={"Policy": policy})["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    order = functions.get_function_configuration(FunctionName="order")["FunctionArn"]
    _rule(node, "orders", order)
    _rule(node, "invoices", queue)
    _rule(node, "lost", f"{queue}-gone")
    functions.create_event_source_mapping(FunctionName="ledger", EventSourceArn=queue)


def _rule(node: RunningNode, source: str, target: str) -> None:
    events = node.client("events")
    events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    retry = {"MaximumRetryAttempts": 0}
    events.put_targets(Rule=source, Targets=[{"Id": "t", "Arn": target, "RetryPolicy": retry}])


def _put(node: RunningNode, source: str, trace: str = "", detail: str = "{}") -> str:
    entry = {"Source": source, "DetailType": "Order", "Detail": detail}
    if trace:
        entry["TraceHeader"] = trace
    answer = node.client("events").put_events(Entries=[entry])
    return str(answer["Entries"][0]["EventId"])


def test_the_way_of_an_event_is_one_trace(node: RunningNode, receiver: Receiver) -> None:
    _put(node, "orders", f"Root={_ROOT};Parent={_CALLER};Sampled=1")

    def trace() -> list[Any]:
        return [span for span in receiver.spans if span.trace_id.hex() == _TRACE]

    wait_for(lambda: any(span.name == "ledger" for span in trace()), 60)
    spans = {span.span_id: span for span in trace()}
    (ledger,) = (span for span in spans.values() if span.name == "ledger")
    way, span = [ledger.name], ledger
    while span.parent_span_id in spans:
        span = spans[span.parent_span_id]
        way.append(span.name)
    order = ["PutEvents default", "rule orders", "deliver order", "order"]
    invoice = ["PutEvents default", "rule invoices", "deliver invoices", "ledger"]
    assert way[::-1] == order + invoice
    assert span.parent_span_id.hex() == _CALLER
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano > 0 for span in spans.values())
    (cold,) = (span for span in spans.values() if span.name == "order")
    assert attributes(cold)["faas.coldstart"] is True
    assert attributes(span)["aws.eventbridge.source"] == "orders"


def test_an_event_without_a_header_begins_a_trace(node: RunningNode, receiver: Receiver) -> None:
    event_id = _put(node, "nobody")

    def found() -> list[Any]:
        spans = receiver.named("PutEvents default")
        return [span for span in spans if attributes(span)["messaging.message.id"] == event_id]

    (span,) = wait_for(found)
    assert len(span.trace_id) == 16 and not span.parent_span_id


def test_a_failed_delivery_and_a_failed_function_are_errors(node: RunningNode, receiver: Receiver) -> None:
    _put(node, "lost")
    (lost,) = wait_for(lambda: receiver.named("deliver invoices-gone"))
    assert lost.status.code == 2 and lost.status.message
    assert attributes(lost)["nightbus.outcome"] == "given_up"
    _put(node, "orders", detail='{"fail": true}')
    failed = wait_for(lambda: [span for span in receiver.named("order") if span.status.code == 2])
    assert attributes(failed[0])["error.type"] == "Unhandled"


def test_a_traceparent_of_w3c_is_taken(node: RunningNode, receiver: Receiver) -> None:
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    events = node.client("events")
    header = f"00-{trace}-{parent}-01"
    events.meta.events.register(
        "before-sign.events.PutEvents", lambda request, **_: request.headers.add_header("traceparent", header)
    )
    events.put_events(Entries=[{"Source": "w3c", "DetailType": "Order", "Detail": "{}"}])
    (span,) = wait_for(lambda: [span for span in receiver.spans if span.trace_id.hex() == trace])
    assert span.parent_span_id.hex() == parent


def test_the_node_says_who_it_is(node: RunningNode, receiver: Receiver) -> None:
    _put(node, "nobody")
    wait_for(lambda: receiver.resources)
    resource = receiver.resources[-1]
    assert resource["service.name"] == "nightbus"
    assert resource["service.instance.id"] == node.endpoint
    assert resource["deployment.environment.name"] == "test"


def test_metrics_arrive_with_their_kinds(node: RunningNode, receiver: Receiver) -> None:
    _put(node, "orders")

    def latest(name: str) -> Any:
        return next((metric for metric in reversed(receiver.metrics) if metric.name == name), None)

    accepted = wait_for(
        lambda: (m := latest("nightbus_events_accepted")) and m.sum.data_points[0].as_int and m
    )
    assert accepted.sum.is_monotonic and accepted.sum.aggregation_temporality == 2
    durations = latest("nightbus_request_duration_seconds")
    assert durations.unit == "s"
    point = durations.histogram.data_points[0]
    assert sum(point.bucket_counts) == point.count > 0
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    assert latest("nightbus_queue_messages").gauge.data_points


def test_a_collector_that_is_down_is_said_once_and_holds_nobody_up() -> None:
    with receiving() as receiver:
        receiver.status = 400  # is not tried again
        node = RunningNode(None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.endpoint}/v1/traces"})
        _put(node, "x")
        wait_for(lambda: any("spans are not exported" in line for line in node.output))
        receiver.status = 200
        _put(node, "x")
        wait_for(lambda: any("spans are exported again" in line for line in node.output))
        _put(node, "last")
        assert node.stop() == 0
        assert [attributes(span)["aws.eventbridge.source"] for span in receiver.spans][-1] == "last"
        assert not receiver.metrics


@pytest.mark.parametrize("variables", [{}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_nothing_of_opentelemetry_is_imported_where_nothing_is_exported(variables: dict[str, str]) -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"} if variables else {}
    node = RunningNode(None, variables | endpoint)
    try:
        _put(node, "x")
        mapped = Path(f"/proc/{node.process.pid}/maps").read_text()
        assert "google/_upb" not in mapped  # the compiled part of protobuf
        queues = node.client("sqs")
        assert queues.list_queues()
    finally:
        assert node.stop() == 0


def test_a_node_does_not_wait_for_a_collector_that_does_not_answer_when_it_stops() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_METRIC_EXPORT_INTERVAL": "1000"}
        node = RunningNode(None, variables)
        try:
            _put(node, "stops")
            silent.settimeout(20)
            silent.accept()
        finally:
            began = time.monotonic()
            assert node.stop() == 0
        assert time.monotonic() - began < 9  # OpenTelemetry's timeout is 10 seconds for each attempt
