"""The same application in plain CloudFormation, through `aws cloudformation package` and `deploy`, and through
`nightbus deploy`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nodes import RunningNode
from shop import RUNTIME, Shop
from waiting import wait_for


@pytest.fixture(scope="module")
def shop(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop.set_up(node, tmp_path_factory.mktemp("shop") / "eb-demo")


def outputs(shop: Shop, stack: str) -> dict[str, str]:
    described = shop.aws("cloudformation", "describe-stacks", "--stack-name", stack)["Stacks"][0]
    assert described["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def order_becomes_invoice(shop: Shop, stack: str, item: str) -> None:
    functions = outputs(shop, stack)
    invoked = shop.node.client("lambda").invoke(
        FunctionName=functions["OrderFunction"], Payload=json.dumps({"item": item})
    )
    assert "FunctionError" not in invoked
    logs = shop.node.client("logs")

    def lines() -> list[Any]:
        try:
            return [
                event
                for event in logs.filter_log_events(
                    logGroupName=f"/aws/lambda/{functions['InvoiceFunction']}"
                )["events"]
                if item in event["message"]
            ]
        except logs.exceptions.ResourceNotFoundException:
            return []

    assert wait_for(lines)


def test_aws_cloudformation_package_and_deploy(shop: Shop) -> None:
    shop.run("aws", "s3", "mb", "s3://artefacts")
    shop.run(
        "aws", "cloudformation", "package", "--template-file", "plain.yaml", "--s3-bucket", "artefacts",
        "--output-template-file", "packaged.yaml",
    )  # fmt: skip
    deployed = shop.text(
        "aws", "cloudformation", "deploy", "--template-file", "packaged.yaml", "--stack-name", "plain",
        "--capabilities", "CAPABILITY_IAM", "--parameter-overrides", f"Runtime={RUNTIME}",
    )  # fmt: skip
    assert "Successfully created/updated stack - plain" in deployed
    order_becomes_invoice(shop, "plain", "by-aws-cli")


def test_aws_cloudformation_deploy_again_changes_nothing(shop: Shop) -> None:
    again = shop.text(
        "aws", "cloudformation", "deploy", "--template-file", "packaged.yaml", "--stack-name", "plain",
        "--capabilities", "CAPABILITY_IAM", "--parameter-overrides", f"Runtime={RUNTIME}",
        "--no-fail-on-empty-changeset",
    )  # fmt: skip
    assert "No changes to deploy. Stack plain is up to date" in again


def test_aws_cloudformation_delete_stack(shop: Shop) -> None:
    functions = outputs(shop, "plain")
    shop.aws("cloudformation", "delete-stack", "--stack-name", "plain")
    shop.aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", "plain")
    gone = shop.run(
        "aws", "lambda", "get-function", "--function-name", functions["OrderFunction"], check=False
    )
    assert gone.returncode != 0
    assert "ResourceNotFoundException" in gone.stderr


@pytest.mark.parametrize("template", ["plain.yaml", "template.yaml"])
def test_nightbus_deploy_needs_no_other_tool(shop: Shop, template: str) -> None:
    stack = f"own-{template.partition('.')[0]}"
    command = ("nightbus", "deploy", template, "--stack-name", stack, "--port", str(shop.node.port))
    deployed = shop.text(*command, "--parameter-overrides", f"Runtime={RUNTIME}")
    assert "CREATE_COMPLETE" in deployed
    assert f"Stack {stack} is CREATE_COMPLETE" in deployed
    if template == "plain.yaml":
        order_becomes_invoice(shop, stack, "by-nightbus")
    assert "No changes" in shop.text(*command)


def test_nightbus_deploy_says_what_is_wrong_and_leaves_nothing(shop: Shop) -> None:
    (shop.folder / "bad.yaml").write_text("Resources:\n  Queue:\n    Type: AWS::Made::Up\n")
    failed = shop.run(
        "nightbus", "deploy", "bad.yaml", "--stack-name", "bad", "--port", str(shop.node.port), check=False
    )
    assert failed.returncode == 1
    assert "AWS::Made::Up" in failed.stderr
    assert "Traceback" not in failed.stderr
