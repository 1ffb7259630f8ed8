"""The Telemetry API and the Logs API by real subscribers: what they get, and what a dead one costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from extension_code import EVENT_LOOP, LISTEN, layer_of, program
from lambda_rig import code, function_role
from waiting import wait_for

Client = Callable[..., Any]
CODE = "def handler(event, context):\n    print('said', event)\n    return event\n"


@pytest.fixture
def role(client: Client) -> str:
    return function_role(client("iam"))


def create(client: Client, role: str, body: str, **params: Any) -> str:
    name = f"tele-{uuid4().hex[:8]}"
    layer = layer_of(telescope=program(LISTEN + body, EVENT_LOOP))
    made = client("lambda").publish_layer_version(LayerName=name, Content={"ZipFile": layer})
    client("lambda").create_function(
        FunctionName=name,
        Role=role,
        Runtime="python3.12",
        Handler="app.handler",
        Timeout=20,
        Code={"ZipFile": code(CODE)},
        Layers=[made["LayerVersionArn"]],
        **params,
    )
    client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def invoke(client: Client, name: str, event: Any) -> Any:
    reply = client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    assert "FunctionError" not in reply, reply["Payload"].read()
    return json.load(reply["Payload"])


def log_of(client: Client, name: str) -> list[str]:
    try:
        found = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    except client("logs").exceptions.ResourceNotFoundException:
        return []
    return [event["message"].rstrip("\n") for event in found]


def wait_for_events(client: Client, name: str, last: str, count: int = 1) -> list[dict[str, Any]]:
    def found() -> list[dict[str, Any]]:
        got = [json.loads(line[4:]) for line in log_of(client, name) if line.startswith("got ")]
        return got if sum(one["type"] == last for one in got) >= count else []

    return wait_for(found)


def test_a_subscriber_gets_what_the_platform_and_the_function_say(client: Client, role: str) -> None:
    name = create(client, role, "listen()\nsubscribe('/2022-07-01/telemetry')\n")
    assert invoke(client, name, 1) == 1
    got = wait_for_events(client, name, "platform.report")
    assert [one["type"] for one in got] == [
        "platform.initStart",
        "platform.telemetrySubscription",
        "platform.extension",
        "platform.initRuntimeDone",
        "platform.initReport",
        "platform.start",
        "function",
        "platform.runtimeDone",
        "platform.report",
    ]
    by_type = {one["type"]: one for one in got}
    assert by_type["function"]["record"] == "said 1\n"
    assert by_type["platform.telemetrySubscription"]["record"] == {
        "name": "telescope",
        "state": "Subscribed",
        "types": ["platform", "function"],
    }
    assert by_type["platform.extension"]["record"] == {
        "name": "telescope",
        "state": "Ready",
        "events": ["INVOKE", "SHUTDOWN"],
    }
    done, report = by_type["platform.runtimeDone"]["record"], by_type["platform.report"]["record"]
    assert done["requestId"] == report["requestId"] == by_type["platform.start"]["record"]["requestId"]
    assert (done["status"], done["metrics"]["producedBytes"]) == ("success", 1)
    assert [span["name"] for span in done["spans"]] == ["responseLatency", "responseDuration"]
    assert report["metrics"]["memorySizeMB"] == 128
    assert "TELEMETRY\tName: telescope\tState: Subscribed\tTypes: [Platform, Function]" in log_of(
        client, name
    )


def test_two_environments_listen_on_one_port(client: Client, role: str) -> None:
    body = "listen()\nsubscribe('/2022-07-01/telemetry')\n"
    for name in (create(client, role, body), create(client, role, body)):
        invoke(client, name, name)
        got = wait_for_events(client, name, "platform.report")
        assert [one["record"] for one in got if one["type"] == "function"] == [f"said {name}\n"]


def test_a_function_that_logs_json_sends_objects(client: Client, role: str) -> None:
    body = "listen()\nsubscribe('/2022-07-01/telemetry', types=['function'])\n"
    name = create(client, role, body, LoggingConfig={"LogFormat": "JSON"})
    source = "import logging\ndef handler(event, context):\n    logging.getLogger().warning('careful')\n"
    client("lambda").update_function_code(FunctionName=name, ZipFile=code(source))
    client("lambda").get_waiter("function_updated_v2").wait(FunctionName=name)
    invoke(client, name, 1)
    (event,) = wait_for_events(client, name, "function")
    assert (event["record"]["level"], event["record"]["message"]) == ("WARNING", "careful")


def test_a_subscriber_of_the_logs_api(client: Client, role: str) -> None:
    body = "listen()\nsubscribe('/2020-08-15/logs', schemaVersion='2021-03-18')\n"
    name = create(client, role, body)
    invoke(client, name, 2)
    got = wait_for_events(client, name, "platform.report")
    kinds = [one["type"] for one in got]
    assert kinds[0] == "platform.logsSubscription"
    assert kinds[-5:] == [
        "platform.start", "function", "platform.runtimeDone", "platform.end", "platform.report",
    ]  # fmt: skip
    start = next(one for one in got if one["type"] == "platform.start")
    assert list(start["record"]) == ["requestId", "version"]
    assert "LOGS\tName: telescope\tState: Subscribed\tTypes: [Platform, Function]" in log_of(client, name)


def test_what_is_refused(client: Client, role: str) -> None:
    body = """
path = "/2022-07-01/telemetry"
subscribe(path, schemaVersion="1")
subscribe(path, types=["other"])
subscribe(path, buffering={"maxItems": 1})
subscribe(path, destination={"protocol": "HTTP", "URI": "http://127.0.0.1:4243"})
subscribe(path, destination={"protocol": "TCP", "port": 4243})
identifier, known = "unknown", identifier
subscribe(path)
identifier = known
"""
    name = create(client, role, body)
    invoke(client, name, 3)
    replies = [json.loads(line[11:]) for line in log_of(client, name) if line.startswith("subscribed ")]
    assert [status for status, _ in replies] == [400] * 5 + [403]
    assert {answer["errorType"] for _, answer in replies[:5]} == {"ValidationError"}


def test_a_dead_listener_harms_nobody_and_a_late_one_hears_of_what_was_dropped(
    client: Client, role: str
) -> None:
    body = """
subscribe("/2022-07-01/telemetry")
def on_event(event):
    if event["eventType"] == "INVOKE" and os.path.exists("/tmp/late"):
        listen()
        os.unlink("/tmp/late")
"""
    name = create(client, role, body, MemorySize=512)
    source = """
def handler(event, context):
    if event == "late":
        open("/tmp/late", "w").close()
    else:
        for number in range(event):
            print("x" * 1000)
    return event
"""
    client("lambda").update_function_code(FunctionName=name, ZipFile=code(source))
    client("lambda").get_waiter("function_updated_v2").wait(FunctionName=name)
    assert invoke(client, name, 2000) == 2000
    assert invoke(client, name, "late") == "late"
    assert invoke(client, name, 1) == 1

    def dropped() -> list[dict[str, Any]]:
        found = client("logs").filter_log_events(
            logGroupName=f"/aws/lambda/{name}", filterPattern='"platform.logsDropped"'
        )["events"]
        return [json.loads(event["message"][4:]) for event in found]

    record = wait_for(dropped)[0]["record"]
    assert record["droppedRecords"] > 1000
    assert list(record) == ["reason", "droppedRecords", "droppedBytes"]
