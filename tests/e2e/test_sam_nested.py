"""`sam deploy` of an application with applications in it, and the commands that read such a stack."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from tools import run_tool

from nodes import RunningNode

SOURCE = Path(__file__).parent / "sam-nested"
STACK = "nested"


class Application:
    """A copy of the application for the Python that runs the tests."""

    def __init__(self, node: RunningNode, folder: Path) -> None:
        self.node = node
        self.folder = shutil.copytree(SOURCE, folder)
        for template in folder.rglob("template.yaml"):
            runtime = f"python3.{sys.version_info.minor}"
            template.write_text(template.read_text().replace("PYTHON", runtime))

    def sam(self, *arguments: str) -> str:
        environment = {"SAM_CLI_TELEMETRY": "0", "PATH": self.node.environment()["PATH"]}
        return run_tool(self.node, ["sam", *arguments], self.folder, environment, seconds=180)

    def stacks(self) -> list[str]:
        described = self.node.client("cloudformation").describe_stacks()["Stacks"]
        return [stack["StackName"] for stack in described if stack["StackName"].startswith(STACK)]


@pytest.fixture(scope="module")
def application(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> Application:
    return Application(node, tmp_path_factory.mktemp("nested") / "app")


def test_deploy_makes_a_stack_of_each_application(application: Application) -> None:
    application.sam(
        "deploy", "--stack-name", STACK, "--resolve-s3", "--no-confirm-changeset",
        "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND",
    )  # fmt: skip
    assert len(application.stacks()) == 3


def test_a_function_of_an_inner_application_is_invoked(application: Application) -> None:
    said = application.sam(
        "remote", "invoke", "Inner/InnerFn", "--stack-name", STACK, "--event", '{"item": "tea"}'
    )
    assert '{"received": {"item": "tea"}}' in said
    assert "received {'item': 'tea'}" in application.sam("logs", "--stack-name", STACK)


def test_delete_takes_the_inner_stacks_with_it(application: Application) -> None:
    outputs = json.loads(application.sam("list", "stack-outputs", "--stack-name", STACK, "--output", "json"))
    assert {output["OutputKey"] for output in outputs} == {"FnName", "Url"}
    application.node.client("cloudformation").delete_stack(StackName=STACK)
    waiter = application.node.client("cloudformation").get_waiter("stack_delete_complete")
    waiter.wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert application.stacks() == []
