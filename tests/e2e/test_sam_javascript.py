"""A SAM application of functions that are not Python, by the real `sam`, with npm, esbuild and rustc."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tools import run_tool

from nodes import RunningNode
from waiting import wait_for

STACK = "javascript"
PROGRAM = Path(__file__).parents[1] / "unit" / "functions" / "bootstrap.rs"

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("npm", "rustc", "make"))), reason="there is no npm, rustc or make"
)


@pytest.fixture(scope="module")
def outputs(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("javascript") / "app"
    shutil.copytree(Path(__file__).parent / "javascript", folder)
    shutil.copy(PROGRAM, folder / "own")
    for package in ("plain", "typed"):
        run_tool(node, ["npm", "install", "--no-audit", "--no-fund"], folder / package, {}, seconds=200)
    path = {"PATH": f"{folder}/typed/node_modules/.bin:{node.environment()['PATH']}"}
    run_tool(node, ["sam", "build"], folder, path, seconds=300)
    deploy = ["sam", "deploy", "--stack-name", STACK, "--resolve-s3", "--capabilities", "CAPABILITY_IAM"]
    run_tool(node, [*deploy, "--no-confirm-changeset"], folder, path, seconds=300)
    (stack,) = node.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def invoke(node: RunningNode, name: str, event: Any) -> Any:
    reply = node.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return json.load(reply["Payload"])


def test_an_es_module_with_a_package_of_npm_and_a_layer(node: RunningNode, outputs: dict[str, str]) -> None:
    event = {"name": "some name", "time": "2 days"}
    assert invoke(node, outputs["Plain"], event) == "some-name in 2 days"


def test_typescript_by_esbuild_with_the_sdk_of_lambda(node: RunningNode, outputs: dict[str, str]) -> None:
    order = {"id": "7", "items": ["a", "b"]}
    entry = {"Source": "shop", "DetailType": "Placed", "Detail": json.dumps(order)}
    assert node.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    def sent() -> Any:
        queue = node.client("sqs")
        return queue.receive_message(QueueUrl=outputs["Orders"], WaitTimeSeconds=2).get("Messages")

    (message,) = wait_for(sent)
    assert json.loads(message["Body"]) == {"id": "7", "items": 2}
    failure = invoke(node, outputs["Typed"], {"detail": {"id": "8", "items": []}})
    assert (failure["errorType"], failure["errorMessage"]) == ("Error", "order 8 is empty")
    assert "app.ts:11:" in failure["trace"][1], "by the source map"


def test_a_program_that_a_makefile_builds(node: RunningNode, outputs: dict[str, str]) -> None:
    assert invoke(node, outputs["Own"], [1]) == {"event": [1], "handler": "own", "execution": "none"}
