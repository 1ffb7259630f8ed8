"""Whatever is sent to an operation of EventBridge, it answers with success or AWS's error, and nothing breaks."""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from events_errors import ACCOUNT, PREFIX, RACES, REFUSED, REPLAY, SOURCE
from events_world import make_world
from nodes import RunningNode

CALLS = 150
MODEL = ServiceModel(Loader().load_service_model("events", "service-2"), "events")
# Few names, so that calls meet what others made.
NAMES = ["default", "shop", "r", "t", "kept", "both", "other", "a/b", SOURCE, "Events-Archive-kept", "aws.s3"]
RESOURCES = [
    *("", "event-bus/shop", "event-bus/", "event-bus/default"),
    *("rule/r", "rule/shop/r", "rule/shop/Events-Archive-kept", "archive/kept"),
]
TEXTS = [
    *NAMES,
    *(PREFIX + one for one in RESOURCES),
    *(f"arn:aws:{service}:us-east-1:{ACCOUNT}:a" for service in ("sqs", "sns", "lambda", "logs", "iam")),
    f"arn:aws:events:us-west-2:{ACCOUNT}:event-bus/shop",
    "arn:aws:events:us-east-1:600000000004:event-bus/shop",
    ACCOUNT,
    "us-west-2",
    "",
    " ",
    "|",
    "arn:::::",
    "\ud800",
    "\0",
    "é" * 300,
    "x" * 5000,
    "{}",
    "[]",
    "null",
    '{"source": ["a"]}',
    '{"source": [{"prefix": 1}]}',
    '{"$or": [{"source": ["a"]}, {"detail": {"n": [{"numeric": [">", 1]}]}}]}',
    '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "events:*", "Resource": "*"}]}',
    '{"Statement": [{"Effect": "Deny", "Principal": {"AWS": 1}, "Action": {}, "Condition": {"Null": {"a": []}}}]}',
    '{"Statement": {"Effect": "Allow", "Condition": {"StringLike": {"events:source": [null, {}]}}}}',
    '{"n": NaN}',
    "[" * 2000,
    "rate(1 minute)",
    "rate(0 days)",
    "cron(0 12 * * ? *)",
    "cron(99 99 L W # *)",
    "$.detail",
    "$.detail[0].a..b",
    "<aws.events.event.json>",
    "MTIzNDU2",
]
NUMBERS = [0, 1, 2, 10, 60, 100, 101, -1, 2**31, 2**63, 10**30]
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**400,
    "",
    "text",
    [],
    [None],
    {},
    {"a": None},
    [[[]]],
    {"": {"": 1}},
    "\ud800",
]
TIMES = [0, 1.5, 1_700_000_000, -1, 10**12, 10**18, "2026-01-01T00:00:00Z", "never"]


def made(shape: Shape, chance: random.Random, depth: int = 0) -> Any:
    """A value of the shape's type: what is required, some of the rest, mostly within the limits."""
    if isinstance(shape, StructureShape):
        return {
            name: made(member, chance, depth + 1)
            for name, member in shape.members.items()
            if name in shape.required_members or chance.random() < 0.4
        }
    if isinstance(shape, ListShape):
        most = min(shape.metadata.get("max", 3), 11 if chance.random() < 0.1 else 3)
        return [made(shape.member, chance, depth + 1) for _ in range(chance.randint(0, most))]
    if isinstance(shape, MapShape):
        return {made(shape.key, chance): made(shape.value, chance) for _ in range(chance.randint(0, 3))}
    if shape.type_name == "string":
        allowed = getattr(shape, "enum", None)
        return chance.choice(allowed) if allowed else text(shape, chance)
    if shape.type_name == "boolean":
        return chance.random() < 0.5
    return chance.choice(TIMES if shape.type_name == "timestamp" else NUMBERS)


def text(shape: Shape, chance: random.Random) -> str:
    """Names are mostly good ones: what is refused at the door tells nothing of what is behind."""
    if chance.random() < 0.7:
        if "Arn" in shape.name and "Name" not in shape.name:
            return chance.choice([one for one in TEXTS if one.startswith("arn:aws")])
        if "Name" in shape.name or shape.name in ("TargetId", "StatementId"):
            return chance.choice(NAMES)
    return chance.choice(TEXTS)


EVENT = {
    "id": "1",
    "account": "1",
    "source": "a",
    "time": "t",
    "region": "r",
    "resources": [],
    "detail-type": "d",
}
ENTRY = {"Source": "shop", "DetailType": "order", "Detail": '{"n": 1}', "EventBusName": "shop"}
EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("PutEvents", {"Entries": [ENTRY]}),
    ("PutPartnerEvents", {"Entries": [{**ENTRY, "Source": SOURCE}]}),
    ("StartReplay", {**REPLAY, "ReplayName": "other", "EventStartTime": 1, "EventEndTime": 2}),
    ("TestEventPattern", {"EventPattern": '{"source": ["a"]}', "Event": json.dumps(EVENT)}),
    *((operation, params) for (operation, _), (params, _) in REFUSED.items()),
    *((operation, params) for operation, (params, _, _) in RACES.items()),
    *(one for _, rivals, before in RACES.values() for one in (*rivals, *before)),
]


def examples(operation: str) -> list[dict[str, Any]]:
    """Requests that make sense, or nearly."""
    found = [params for name, params in EXAMPLES if name == operation]
    return [json.loads(json.dumps(params, default=str)) for params in found] or [{}]


def changed(shape: Shape, value: Any, chance: random.Random) -> Any:
    """The same with something else of the right type somewhere within."""
    if isinstance(shape, StructureShape) and isinstance(value, dict) and shape.members:
        name = chance.choice(list(shape.members))
        member = shape.members[name]
        inner = changed(member, value[name], chance) if name in value else made(member, chance)
        return {**value, name: inner}
    if isinstance(shape, ListShape) and isinstance(value, list) and value and chance.random() < 0.7:
        return [changed(shape.member, value[0], chance), *value[1:]]
    return made(shape, chance)


def request(operation: OperationModel, at: int, chance: random.Random) -> Any:
    shape = operation.input_shape
    if shape is None:
        return {}
    body = (
        made(shape, chance) if at % 4 < 2 else changed(shape, chance.choice(examples(operation.name)), chance)
    )
    return spoilt(body, chance) if at % 2 else body


def spoilt(value: Any, chance: random.Random) -> Any:
    """The same with something of another type somewhere within."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice(list(value))
        return {**value, name: spoilt(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.7:
        at = chance.randrange(len(value))
        return [*value[:at], spoilt(value[at], chance), *value[at + 1 :]]
    return chance.choice(ODD)


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[RunningNode]:
    """A node of its own, since little of what it holds afterwards makes sense."""
    running = RunningNode()
    make_world(running)
    yield running
    assert running.stop() == 0
    assert not any("Traceback" in line for line in running.output)


def send(connection: http.client.HTTPConnection, operation: OperationModel, body: Any) -> tuple[int, Any]:
    credential = f"{ACCOUNT}/20260101/us-east-1/events/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, Signature=0",
        "X-Amz-Target": f"AWSEvents.{operation.name}",
        "Content-Type": "application/x-amz-json-1.1",
    }
    connection.request("POST", "/", json.dumps(body).encode(), headers)
    reply = connection.getresponse()
    return reply.status, json.loads(reply.read() or b"{}")


@pytest.mark.parametrize("name", MODEL.operation_names)
def test_every_answer_is_success_or_an_error_of_aws(fuzzed: RunningNode, name: str) -> None:
    operation, chance = MODEL.operation_model(name), random.Random(name)
    connection = http.client.HTTPConnection("127.0.0.1", fuzzed.port, timeout=30)
    before = len(fuzzed.output)
    for at in range(CALLS):
        body = request(operation, at, chance)
        status, answer = send(connection, operation, body)
        told = f"{name} {json.dumps(body)[:2000]}: {status} {answer}"
        assert status in (200, 400, 501), told
        assert status == 200 or (answer["__type"] and "message" in {key.lower() for key in answer}), told
    connection.close()
    assert "Traceback" not in "".join(fuzzed.output[before:]), name
