"""Extensions that misbehave after the answer: each ends, and the node and its other functions do not notice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from extension_code import layer_of, program
from lambda_rig import code, function_role
from waiting import wait_for

Client = Callable[..., Any]
ECHO = "def handler(event, context):\n    return event\n"


@pytest.fixture
def role(client: Client) -> str:
    return function_role(client("iam"))


def create(client: Client, role: str, body: str = "", **params: Any) -> str:
    name = f"abuse-{uuid4().hex[:8]}"
    layers = []
    if body:
        layer = layer_of(bad=program(f"def on_event(event):\n    if event['eventType'] == 'INVOKE':\n{body}"))
        made = client("lambda").publish_layer_version(LayerName=name, Content={"ZipFile": layer})
        layers.append(made["LayerVersionArn"])
    settings: dict[str, Any] = {
        "Runtime": "python3.12",
        "Handler": "app.handler",
        "Timeout": 5,
        "MemorySize": 256,
    }
    client("lambda").create_function(
        FunctionName=name, Role=role, Code={"ZipFile": code(ECHO)}, Layers=layers, **(settings | params)
    )
    client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def invoke(client: Client, name: str) -> Any:
    return json.load(client("lambda").invoke(FunctionName=name, Payload=b"1")["Payload"])


def wait_for_line(client: Client, name: str, text: str) -> str:
    def found() -> str:
        events = client("logs").filter_log_events(
            logGroupName=f"/aws/lambda/{name}", filterPattern=f'"{text}"'
        )
        return next((str(event["message"]) for event in events["events"]), "")

    return wait_for(found, 40)


def reports(client: Client, name: str) -> str:
    events = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern='"REPORT"')
    return "".join(str(event["message"]) for event in events["events"])


@pytest.mark.parametrize(
    ("body", "end"),
    [
        (
            "        while True:\n            try:\n                os.fork()\n            except OSError:\n"
            "                pass\n",
            "Status: ",
        ),
        ("        kept = os.urandom(1) * (2 << 30)\n", "Runtime.OutOfMemory"),
        ("        while True:\n            print('x' * 1000)\n", "Status: timeout"),
    ],
    ids=["fork bomb", "2 GB", "logs without end"],
)
def test_an_abusive_extension_ends_and_others_go_on(client: Client, role: str, body: str, end: str) -> None:
    bad, good = create(client, role, body), create(client, role)
    assert invoke(client, bad) == 1
    assert invoke(client, good) == 1
    wait_for_line(client, bad, "REPORT")
    for _ in range(
        2
    ):  # memory is looked at ten times a second, which may be late where the machine is very busy
        if end in reports(client, bad):
            break
        assert invoke(client, bad) == 1
    wait_for(lambda: end in reports(client, bad), 40)
    assert invoke(client, good) == 1
    assert invoke(client, bad) == 1
