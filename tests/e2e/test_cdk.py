"""The newest CDK from npm: an application from its bootstrap to its end."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from tools import run_tool

from nodes import RunningNode
from waiting import wait_for

EXAMPLE = Path(__file__).parents[2] / "examples" / "cdk"
MODULES = Path(sys.prefix) / "cdk" / "node_modules"
RUNTIME = f"python3.{sys.version_info.minor}"
_SECONDS = 240

pytestmark = pytest.mark.skipif(
    not (MODULES / "aws-cdk").exists() or shutil.which("node") is None,
    reason="the CDK is not installed: `scripts/install test` does that where npm is there",
)


class Cdk:
    """The application's folder, in which `cdk` runs."""

    def __init__(self, node: RunningNode, folder: Path) -> None:
        self.node = node
        self.folder = shutil.copytree(EXAMPLE, folder)

    def run(self, *arguments: str) -> str:
        """What `cdk` printed on either stream. Fails where it fails."""
        environment = {
            "NODE_PATH": str(MODULES),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "PATH": f"{MODULES / '.bin'}{os.pathsep}{self.node.environment()['PATH']}",
        }
        command = ["cdk", "--no-color", "--no-notices", "--context", f"runtime={RUNTIME}", *arguments]
        return run_tool(self.node, command, self.folder, environment, seconds=_SECONDS)

    def outputs(self) -> dict[str, str]:
        (stack,) = self.node.client("cloudformation").describe_stacks(StackName="Shop")["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.fixture(scope="module")
def cdk(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> Cdk:
    return Cdk(node, tmp_path_factory.mktemp("cdk") / "app")


def test_bootstrap_makes_the_bucket_for_assets(cdk: Cdk) -> None:
    said = cdk.run("bootstrap", "--template", "bootstrap.yaml", "aws://000000000000/us-east-1")
    assert "bootstrapped" in said
    cdk.node.client("s3").head_bucket(Bucket="cdk-hnb659fds-assets-000000000000-us-east-1")


def test_deploy_brings_the_order_to_the_function_and_the_queue(cdk: Cdk) -> None:
    assert "Shop" in cdk.run("deploy", "--require-approval", "never")
    outputs = cdk.outputs()
    entry = {"Source": "shop", "DetailType": "OrderPlaced", "Detail": json.dumps({"item": "tea"})}
    assert cdk.node.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    sqs = cdk.node.client("sqs")
    (message,) = wait_for(
        lambda: sqs.receive_message(QueueUrl=outputs["QueueUrl"], WaitTimeSeconds=1).get("Messages")
    )
    assert json.loads(message["Body"])["detail"] == {"item": "tea"}
    wait_for(lambda: invoices(cdk, outputs["FunctionName"], "invoice for tea"))


def invoices(cdk: Cdk, function: str, text: str) -> list[Any]:
    logs = cdk.node.client("logs")
    try:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event for event in events if text in event["message"]]


def test_diff_finds_nothing_after_a_deployment(cdk: Cdk) -> None:
    assert "There were no differences" in cdk.run("diff", "--fail")


def test_diff_and_deploy_of_a_change_are_of_that_change(cdk: Cdk) -> None:
    app = cdk.folder / "app.js"
    app.write_text(
        app.read_text().replace('new Queue(stack, "Orders")', 'new Queue(stack, "Orders", { fifo: false, '
                                'visibilityTimeout: require("aws-cdk-lib").Duration.seconds(77) })')
    )  # fmt: skip
    said = cdk.run("diff")
    assert re.search(r"VisibilityTimeout", said), said
    cdk.run("deploy", "--require-approval", "never", "--method", "direct")
    url = cdk.outputs()["QueueUrl"]
    found = cdk.node.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert found["Attributes"]["VisibilityTimeout"] == "77"


def test_destroy_leaves_nothing(cdk: Cdk) -> None:
    cdk.run("destroy", "--force")
    stacks = cdk.node.client("cloudformation")
    left = stacks.list_stacks(StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_FAILED"])
    assert [stack["StackName"] for stack in left["StackSummaries"]] == ["CDKToolkit"]
