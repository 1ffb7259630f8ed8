"""`sam remote test-event` keeps events on a node, and `sam remote invoke` sends them to functions."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodes import RunningNode

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      InlineCode: |
        def handler(event, context):
            return {"echo": event}
"""


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    node = RunningNode()
    cloudformation = node.client("cloudformation")
    cloudformation.create_stack(
        StackName="shop", TemplateBody=TEMPLATE, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName="shop", WaiterConfig={"Delay": 1})
    yield node
    assert node.stop() == 0


def sam(node: RunningNode, *arguments: str) -> str:
    environment = node.environment() | {"SAM_CLI_TELEMETRY": "0"}
    ended = subprocess.run(["sam", *arguments], env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_events_are_kept_listed_sent_and_deleted(node: RunningNode, tmp_path: Path) -> None:
    where = ("--stack-name", "shop", "Echo")
    for name, event in (("small", {"n": 1}), ("large", {"n": 2, "items": [{"sku": "a"}]})):
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(event))
        sam(node, "remote", "test-event", "put", *where, "--name", name, "--file", str(file))
    assert sam(node, "remote", "test-event", "list", *where).split() == ["small", "large"]
    got = sam(node, "remote", "test-event", "get", *where, "--name", "large")
    assert json.loads(got) == {"n": 2, "items": [{"sku": "a"}]}
    answer = sam(node, "remote", "invoke", *where, "--test-event-name", "small")
    assert json.loads(answer) == {"echo": {"n": 1}}
    sam(node, "remote", "test-event", "delete", *where, "--name", "small")
    registry = "lambda-testevent-schemas"
    (schema,) = node.client("schemas").list_schemas(RegistryName=registry)["Schemas"]
    kept = node.client("schemas").describe_schema(RegistryName=registry, SchemaName=schema["SchemaName"])
    assert list(json.loads(kept["Content"])["components"]["examples"]) == ["large"]
