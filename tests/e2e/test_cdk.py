"""The newest CDK from npm: an application from its bootstrap to its end.

A developer whose user may assume the bootstrap's roles, and nothing else, deploys, compares and destroys, as the CDK's
guide recommends: https://docs.aws.amazon.com/cdk/v2/guide/configure-access.html
The administrator bootstraps, and does what the CDK does with the caller's own rights: drift, hotswaps, watching,
collection.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from tools import run_tool, running_tool

from nodes import RunningNode
from waiting import wait_for

EXAMPLE = Path(__file__).parents[2] / "examples" / "cdk"
CONSTRUCTS = Path(__file__).parent / "cdk-constructs"
MODULES = Path(sys.prefix) / "cdk" / "node_modules"
RUNTIME = f"python3.{sys.version_info.minor}"
COMMAND = ("cdk", "--no-color", "--no-notices", "--context", f"runtime={RUNTIME}")
_SECONDS = 240

pytestmark = pytest.mark.skipif(
    not (MODULES / "aws-cdk").exists() or shutil.which("node") is None,
    reason="the CDK is not installed: `scripts/install test` does that where npm is there",
)


class Cdk:
    """The application's folder, in which `cdk` runs."""

    def __init__(
        self, node: RunningNode, folder: Path, source: Path = EXAMPLE, keys: dict[str, str] | None = None
    ) -> None:
        self.node = node
        self.keys = keys or {}
        self.folder = shutil.copytree(source, folder)

    def environment(self) -> dict[str, str]:
        return {
            "NODE_PATH": str(MODULES),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "PATH": f"{MODULES / '.bin'}{os.pathsep}{self.node.environment()['PATH']}",
        }

    def run(self, *arguments: str, as_administrator: bool = False) -> str:
        """What `cdk` printed on either stream. Fails where it fails."""
        environment = {**({} if as_administrator else self.keys), **self.environment()}
        return run_tool(self.node, [*COMMAND, *arguments], self.folder, environment, seconds=_SECONDS)

    def outputs(self, stack_name: str = "Shop") -> dict[str, str]:
        (stack,) = self.node.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.fixture(scope="module")
def developer(node: RunningNode) -> dict[str, str]:
    iam = node.client("iam")
    iam.create_user(UserName="developer")
    roles = "arn:aws:iam::000000000000:role/cdk-*"
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": roles}
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    iam.put_user_policy(UserName="developer", PolicyName="cdk", PolicyDocument=document)
    key = iam.create_access_key(UserName="developer")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


@pytest.fixture(scope="module")
def cdk(node: RunningNode, developer: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Cdk:
    return Cdk(node, tmp_path_factory.mktemp("cdk") / "app", keys=developer)


def test_bootstrap_makes_what_the_cdk_needs(cdk: Cdk) -> None:
    """By the CDK's own template: a bucket with a key, a repository, roles, a parameter with the version."""
    said = cdk.run("bootstrap", "aws://000000000000/us-east-1", as_administrator=True)
    assert "bootstrapped" in said
    bucket = "cdk-hnb659fds-assets-000000000000-us-east-1"
    rules = cdk.node.client("s3").get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert {rule["ID"] for rule in rules} == {"CleanupOldVersions", "AbortIncompleteMultipartUploads"}
    repository = "cdk-hnb659fds-container-assets-000000000000-us-east-1"
    cdk.node.client("ecr").describe_repositories(repositoryNames=[repository])
    version = cdk.node.client("ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
    assert int(version["Parameter"]["Value"]) > 20


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
    cdk.run("deploy", "--require-approval", "never")
    url = cdk.outputs()["QueueUrl"]
    found = cdk.node.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert found["Attributes"]["VisibilityTimeout"] == "77"


def test_drift_finds_what_was_changed_behind_its_back(cdk: Cdk) -> None:
    assert "No drift detected" in cdk.run("drift", "Shop", "--fail", as_administrator=True)
    cdk.node.client("sqs").set_queue_attributes(
        QueueUrl=cdk.outputs()["QueueUrl"], Attributes={"VisibilityTimeout": "11"}
    )
    said = cdk.run("drift", "Shop", as_administrator=True)
    assert "1 resource has drifted" in said, said
    assert re.search(r"/?VisibilityTimeout", said), said


@pytest.mark.timeout(600)
def test_watch_swaps_the_code_that_was_saved(cdk: Cdk, tmp_path: Path) -> None:
    """As the administrator: a hotswap is made with the caller's own rights."""
    log, source = tmp_path / "log", cdk.folder / "function" / "app.py"
    settings = {**json.loads((cdk.folder / "cdk.json").read_text()), "watch": {"include": "function/**"}}
    (cdk.folder / "cdk.json").write_text(json.dumps(settings))
    function, functions = cdk.outputs()["FunctionName"], cdk.node.client("lambda")
    before = functions.get_function_configuration(FunctionName=function)["CodeSha256"]
    deployed = stack_events(cdk)
    command = [*COMMAND, "watch", "--no-logs", "Shop"]
    with running_tool(cdk.node, command, cdk.folder, cdk.environment(), log):
        wait_for(lambda: "Triggering initial" in log.read_text(), seconds=120)
        source.write_text(source.read_text().replace("invoice for", "watched for"))
        wait_for(
            lambda: functions.get_function_configuration(FunctionName=function)["CodeSha256"] != before,
            seconds=180,
        )
    order(cdk)
    wait_for(lambda: invoices(cdk, function, "watched for tea"))
    assert "hotswap" in log.read_text() and stack_events(cdk) == deployed


def stack_events(cdk: Cdk) -> list[str]:
    """The events of the stack, to which a hotswap adds none."""
    found = cdk.node.client("cloudformation").describe_stack_events(StackName="Shop")["StackEvents"]
    return [event["EventId"] for event in found]


def test_destroy_leaves_nothing(cdk: Cdk) -> None:
    cdk.run("destroy", "--force")
    stacks = cdk.node.client("cloudformation")
    left = stacks.list_stacks(StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_FAILED"])
    assert [stack["StackName"] for stack in left["StackSummaries"]] == ["CDKToolkit"]


@pytest.fixture(scope="module")
def constructs(node: RunningNode, developer: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Cdk:
    """The application with custom resources, synthesized once: that takes longer than all the rest."""
    app = Cdk(node, tmp_path_factory.mktemp("constructs") / "app", CONSTRUCTS, developer)
    app.run("synth", "--quiet")
    return app


def test_constructs_with_custom_resources_are_deployed(constructs: Cdk) -> None:
    node = constructs.node
    constructs.run("--app", "cdk.out", "deploy", "--all", "--require-approval", "never")
    outputs = constructs.outputs("Constructs")
    assert outputs["Answer"] == "TEA?"
    s3, bucket = node.client("s3"), outputs["Bucket"]
    assert b"<h1>" in s3.get_object(Bucket=bucket, Key="site/index.html")["Body"].read()
    assert s3.get_object(Bucket=bucket, Key="site/told.txt")["Body"].read() == b"hello"
    assert node.client("ssm").get_parameter(Name="/shop/told")["Parameter"]["Value"] == "told"
    group = f"/aws/lambda/{outputs['FunctionName']}"
    (described,) = node.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert described["retentionInDays"] == 7
    s3.put_object(Bucket=bucket, Key="in/order.json", Body=b"{}")
    wait_for(lambda: any("in/order.json" in body for body in received(constructs, outputs["QueueUrl"])))
    order(constructs)
    wait_for(lambda: any("OrderPlaced" in body for body in received(constructs, outputs["QueueUrl"])))
    wait_for(lambda: invoices(constructs, outputs["FunctionName"], "invoice for tea"))
    logs = node.client("logs")
    wait_for(lambda: logs.filter_log_events(logGroupName=outputs["LogGroup"])["events"])
    node.client("sqs").get_queue_attributes(QueueUrl=outputs["InnerUrl"], AttributeNames=["QueueArn"])


def received(cdk: Cdk, url: str) -> list[str]:
    messages = cdk.node.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10)
    return [message["Body"] for message in messages.get("Messages", [])]


def order(cdk: Cdk) -> None:
    entry = {"Source": "shop", "DetailType": "OrderPlaced", "Detail": json.dumps({"item": "tea"})}
    assert cdk.node.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_nothing_has_drifted_until_a_hotswap(constructs: Cdk) -> None:
    assert "No drift detected" in constructs.run(
        "--app", "cdk.out", "drift", "Constructs", as_administrator=True
    )
    source = constructs.folder / "function" / "app.py"
    source.write_text(source.read_text().replace("invoice for", "bill for"))
    constructs.run("synth", "--quiet")
    said = constructs.run(
        "--app",
        "cdk.out",
        "deploy",
        "Constructs",
        "--exclusively",
        "--hotswap",
        "--require-approval",
        "never",
        as_administrator=True,
    )
    assert "hotswap" in said
    order(constructs)
    wait_for(lambda: invoices(constructs, constructs.outputs("Constructs")["FunctionName"], "bill for tea"))


def test_old_assets_are_collected(constructs: Cdk) -> None:
    said = constructs.run(
        "--unstable=gc", "gc", "--confirm=false", "--rollback-buffer-days", "0", "--created-buffer-days", "0",
        "aws://000000000000/us-east-1", as_administrator=True,
    )  # fmt: skip
    assert re.search(r"files scanned: .* [1-9]\d* assets .*deleted", said), said


def test_destroy_empties_the_bucket_and_leaves_no_stack(constructs: Cdk) -> None:
    bucket = constructs.outputs("Constructs")["Bucket"]
    constructs.run("--app", "cdk.out", "destroy", "--all", "--force")
    found = [one["Name"] for one in constructs.node.client("s3").list_buckets()["Buckets"]]
    assert bucket not in found
    with pytest.raises(constructs.node.client("ssm").exceptions.ParameterNotFound):
        constructs.node.client("ssm").get_parameter(Name="/shop/told")
