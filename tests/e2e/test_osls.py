"""The Serverless Framework's fork: deploy, invoke, one function's new code, logs, info and remove."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from test_cdk import MODULES, RUNTIME
from tools import run_tool

from nodes import RunningNode
from waiting import wait_for

SOURCE = Path(__file__).parent / "osls-service"

pytestmark = pytest.mark.skipif(
    not (MODULES / "osls").exists() or shutil.which("node") is None,
    reason="osls is not installed: `scripts/install test` does that where npm is there",
)


class Osls:
    """The service's folder, in which `osls` runs."""

    def __init__(self, node: RunningNode, folder: Path) -> None:
        self.node = node
        self.folder = shutil.copytree(SOURCE, folder)

    def run(self, *arguments: str) -> str:
        path = f"{MODULES / '.bin'}{os.pathsep}{self.node.environment()['PATH']}"
        environment = {"RUNTIME": RUNTIME, "PATH": path, "SLS_TELEMETRY_DISABLED": "1"}
        return run_tool(self.node, ["osls", *arguments], self.folder, environment, seconds=180)


@pytest.fixture(scope="module")
def osls(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> Osls:
    return Osls(node, tmp_path_factory.mktemp("osls") / "service")


def test_a_service_is_deployed_and_driven(osls: Osls) -> None:
    assert "Service deployed to stack shop-dev" in osls.run("deploy")
    assert '"a": 1' in osls.run("invoke", "--function", "invoice", "--data", '{"a": 1}')
    (stack,) = osls.node.client("cloudformation").describe_stacks(StackName="shop-dev")["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    osls.node.client("sqs").send_message(QueueUrl=outputs["OrdersUrl"], MessageBody="by queue")
    entry = {"Source": "shop", "DetailType": "OrderPlaced", "Detail": '{"item": "by event"}'}
    osls.node.client("events").put_events(Entries=[entry])
    for text in ("by queue", "by event"):
        wait_for(partial(lines_with, osls.node, text))


def lines_with(node: RunningNode, text: str) -> list[Any]:
    found = node.client("logs").filter_log_events(
        logGroupName="/aws/lambda/shop-dev-invoice", filterPattern=f'"{text}"'
    )
    return list(found["events"])


def test_one_function_gets_new_code(osls: Osls) -> None:
    source = osls.folder / "app.py"
    source.write_text(source.read_text().replace("invoice for", "bill for"))
    assert "Function code deployed" in osls.run("deploy", "function", "--function", "invoice")
    osls.run("invoke", "--function", "invoice", "--data", '{"a": 2}')
    assert "bill for {'a': 2}" in osls.run("logs", "--function", "invoice")
    assert "shop-dev-invoice" in osls.run("info", "--verbose")


def test_remove_leaves_no_stack(osls: Osls) -> None:
    assert "successfully removed" in osls.run("remove")
    assert osls.node.client("cloudformation").describe_stacks()["Stacks"] == []
