"""`sam sync`: infrastructure with its companion stack of dependencies, then code alone, then whatever is saved."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tools import running_tool

from nodes import RunningNode
from shop import Shop
from waiting import wait_for

STACK = "synced"


@pytest.fixture(scope="module")
def shop(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop.set_up(node, tmp_path_factory.mktemp("shop") / "eb-demo")


def sync(shop: Shop, *options: str) -> str:
    """`yes` confirms that it is a stack for development."""
    command = ["sam", "sync", "--no-watch", "--stack-name", STACK, *options]
    return shop.text("sh", "-c", 'yes | "$@"', "sh", *command)


def digest(shop: Shop) -> str:
    physical = resources(shop)["orderServiceFunction"]
    configuration = shop.node.client("lambda").get_function_configuration(FunctionName=physical)
    return str(configuration["CodeSha256"])


def resources(shop: Shop) -> dict[str, str]:
    """The physical ids of the resources that are whole, by their logical ids."""
    found = shop.node.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    return {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for one in found
        if one["ResourceStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    }


def test_infrastructure_with_its_layers_of_dependencies(shop: Shop) -> None:
    said = sync(shop, "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
    assert "Sync infra completed" in said
    listed = shop.aws("cloudformation", "list-stack-resources", "--stack-name", STACK)
    assert "AWS::CloudFormation::Stack" in {one["ResourceType"] for one in listed["StackResourceSummaries"]}


def test_code_alone_comes_without_a_deployment(shop: Shop) -> None:
    before = digest(shop)
    source = shop.folder / "order" / "app.py"
    source.write_text(f"{source.read_text()}\n# changed\n")
    assert "Finished syncing Lambda Function orderServiceFunction" in sync(shop, "--code")
    assert digest(shop) != before


def save_until(file: Path, text: str, condition: Callable[[], bool]) -> None:
    """Write the text until the change has come: SAM misses what is saved just before it begins to watch."""
    for tries in range(8):
        file.write_text(f"{text}\n# saved {tries}\n")
        with contextlib.suppress(AssertionError):
            wait_for(condition, seconds=30)
            return
    raise AssertionError(f"the change of {file} did not come")


@pytest.mark.timeout(600)
def test_watch_brings_changes_of_code_and_of_the_template(shop: Shop, tmp_path: Path) -> None:
    before, log = digest(shop), tmp_path / "log"
    command = ["sam", "sync", "--watch", "--stack-name", STACK]
    capabilities = ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    with running_tool(shop.node, [*command, *capabilities], shop.folder, {"SAM_CLI_TELEMETRY": "0"}, log):
        wait_for(lambda: "nfra sync completed" in log.read_text(), seconds=180)
        source = shop.folder / "order" / "app.py"
        save_until(source, source.read_text(), lambda: digest(shop) != before)
        template = shop.folder / "template.yaml"
        more = "Resources:\n  Watched:\n    Type: AWS::SQS::Queue\n"
        changed = template.read_text().replace("Resources:\n", more, 1)
        save_until(template, changed, lambda: "Watched" in resources(shop))


def test_the_stack_goes_with_its_companion(shop: Shop) -> None:
    shop.aws("cloudformation", "delete-stack", "--stack-name", STACK)
    shop.aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", STACK)
    left = shop.run("aws", "cloudformation", "list-stacks", "--output", "json").stdout
    standing = [one for one in json.loads(left)["StackSummaries"] if one["StackStatus"] != "DELETE_COMPLETE"]
    assert [one["StackName"] for one in standing] == ["aws-sam-cli-managed-default"]
