"""An order function without its right to publish: the refusal names the missing statement, and adding it helps."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nodes import RunningNode, clean_environment
from shop import RUNTIME

EXAMPLE = Path(__file__).parents[2] / "examples" / "order-to-invoice"
ORDER = json.loads((EXAMPLE / "events" / "order.json").read_text())
_POLICIES = re.compile(r"(CodeUri: order/\n      Handler: app.handler\n)      Policies:\n(?:        .*\n)+")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path / "data", dev_credentials=False)
    yield running
    assert running.stop() == 0


def test_the_missing_statement_is_named_and_makes_the_order_pass(node: RunningNode, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shutil.copytree(EXAMPLE, shop)
    template = shop / "template.yaml"
    whole = template.read_text()
    template.write_text(_POLICIES.sub(r"\1", whole))
    assert template.read_text() != whole

    def nightbus(*arguments: str) -> str:
        done = subprocess.run(
            ["nightbus", *arguments, "--port", str(node.port)],
            env=clean_environment() | {"NIGHTBUS_DATA": str(tmp_path / "data")},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def deploy() -> None:
        nightbus(
            "deploy", str(template), "--stack-name", "denied", "--parameter-overrides", f"Runtime={RUNTIME}"
        )

    def place_order() -> tuple[Any, str]:
        stack = node.client("cloudformation").describe_stack_resource(
            StackName="denied", LogicalResourceId="OrderFunction"
        )
        reply = node.client("lambda").invoke(
            FunctionName=stack["StackResourceDetail"]["PhysicalResourceId"],
            LogType="Tail",
            Payload=json.dumps(ORDER),
        )
        return json.loads(reply["Payload"].read()), base64.b64decode(reply["LogResult"]).decode()

    deploy()
    answer, log = place_order()
    assert "is not authorized to perform: events:PutEvents on resource: " in answer["errorMessage"]
    assert "AccessDenied" in log
    explained = nightbus("why-denied")
    assert "add this to Policies of OrderFunction in the template of stack denied" in explained
    missing = explained.split("):\n", 1)[1]
    added = "".join(f"    {line}\n" for line in missing.splitlines() if line.strip())
    template.write_text(_POLICIES.sub(lambda found: f"{found[1]}      Policies:\n{added}", whole))
    deploy()
    answer, _ = place_order()
    assert answer["accepted"]
