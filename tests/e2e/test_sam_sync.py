"""`sam sync`: infrastructure with its companion stack of dependencies, then code alone."""

from __future__ import annotations

import json

import pytest

from nodes import RunningNode
from shop import Shop

STACK = "synced"


@pytest.fixture(scope="module")
def shop(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop.set_up(node, tmp_path_factory.mktemp("shop") / "eb-demo")


def sync(shop: Shop, *options: str) -> str:
    """`yes` confirms that it is a stack for development."""
    command = ["sam", "sync", "--no-watch", "--stack-name", STACK, *options]
    return shop.text("sh", "-c", 'yes | "$@"', "sh", *command)


def digest(shop: Shop) -> str:
    resource = shop.aws(
        "cloudformation", "describe-stack-resource", "--stack-name", STACK,
        "--logical-resource-id", "orderServiceFunction",
    )["StackResourceDetail"]  # fmt: skip
    configuration = shop.aws(
        "lambda", "get-function-configuration", "--function-name", resource["PhysicalResourceId"]
    )
    return str(configuration["CodeSha256"])


def test_infrastructure_with_its_layers_of_dependencies(shop: Shop) -> None:
    said = sync(shop, "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
    assert "Sync infra completed" in said
    resources = shop.aws("cloudformation", "list-stack-resources", "--stack-name", STACK)[
        "StackResourceSummaries"
    ]
    assert "AWS::CloudFormation::Stack" in {one["ResourceType"] for one in resources}


def test_code_alone_comes_without_a_deployment(shop: Shop) -> None:
    before = digest(shop)
    source = shop.folder / "order" / "app.py"
    source.write_text(f"{source.read_text()}\n# changed\n")
    assert "Finished syncing Lambda Function orderServiceFunction" in sync(shop, "--code")
    assert digest(shop) != before


def test_the_stack_goes_with_its_companion(shop: Shop) -> None:
    shop.aws("cloudformation", "delete-stack", "--stack-name", STACK)
    shop.aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", STACK)
    left = shop.run("aws", "cloudformation", "list-stacks", "--output", "json").stdout
    standing = [one for one in json.loads(left)["StackSummaries"] if one["StackStatus"] != "DELETE_COMPLETE"]
    assert [one["StackName"] for one in standing] == ["aws-sam-cli-managed-default"]
