"""The policies that `nightbus policy suggest` writes are enough for the example, put into its template as they are.

The example is deployed by `sam deploy` without any policy on a node that only audits, an order is placed, and its
functions then get what was suggested; on the same data, with policies enforced, another order passes.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from nodes import RunningNode, clean_environment
from shop import RUNTIME
from waiting import wait_for

EXAMPLE = Path(__file__).parents[2] / "examples" / "order-to-invoice"
ORDER = json.loads((EXAMPLE / "events" / "order.json").read_text())
FUNCTIONS = ("OrderFunction", "InvoiceFunction", "LedgerFunction")
_POLICIES = re.compile(r"^      Policies:\n(?:        .*\n)+", re.MULTILINE)


def run(*command: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def deploy(node: RunningNode, shop: Path) -> None:
    run(
        "sam", "deploy", "--stack-name", "suggested", "--resolve-s3", "--capabilities", "CAPABILITY_IAM",
        "--no-confirm-changeset", "--no-progressbar", "--parameter-overrides", f"Runtime={RUNTIME}",
        folder=shop, environment=node.environment(),
    )  # fmt: skip


def place_order(node: RunningNode, order: str) -> None:
    """Place an order, and wait until it is in the ledger."""
    (stack,) = node.client("cloudformation").describe_stacks(StackName="suggested")["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    reply = node.client("lambda").invoke(
        FunctionName=outputs["OrderFunction"], Payload=json.dumps(ORDER | {"orderId": order})
    )
    assert "FunctionError" not in reply, reply["Payload"].read()
    s3, bucket = node.client("s3"), outputs["InvoiceBucket"]

    def in_ledger() -> bool:
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix="ledger/").get("Contents", ())]
        return any(order.encode() in s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys)

    wait_for(in_ledger)


def suggestions(node: RunningNode, data: Path, shop: Path) -> dict[str, str]:
    """The block of each function, as it is printed."""
    environment = clean_environment() | {"NIGHTBUS_DATA": str(data)}
    text = run(
        "nightbus", "policy", "suggest", "suggested", "--port", str(node.port), folder=shop, environment=environment
    )  # fmt: skip
    blocks = dict(block.split("\n", 1) for block in text.strip().split("\n\n"))
    return {
        name: "".join(f"      {line}\n" for line in block.splitlines())
        for heading, block in blocks.items()
        for name in FUNCTIONS
        if heading.startswith(f"# {name} ")
    }


def with_policies(template: str, blocks: dict[str, str]) -> str:
    for name, block in blocks.items():
        head = re.search(rf"^  {name}:\n    Type: \S+\n    Properties:\n", template, re.MULTILINE)
        assert head is not None
        template = template[: head.end()] + block + template[head.end() :]
    return template


def test_the_example_runs_with_the_suggested_policies(tmp_path: Path) -> None:
    shop, data = tmp_path / "shop", tmp_path / "data"
    shutil.copytree(EXAMPLE, shop)
    source = shop / "template.yaml"
    source.write_text(_POLICIES.sub("", source.read_text()))
    audited = RunningNode(data, environ={"NIGHTBUS_AUTHORIZATION": "audit"}, dev_credentials=False)
    try:
        built_for = ("--parameter-overrides", f"Runtime={RUNTIME}")
        run("sam", "build", *built_for, folder=shop, environment=audited.environment())
        built = shop / ".aws-sam" / "build" / "template.yaml"
        assert "Policies" not in built.read_text()
        deploy(audited, shop)
        place_order(audited, "order-1")
        found = suggestions(audited, data, shop)
    finally:
        assert audited.stop() == 0
    assert set(found) == set(FUNCTIONS)
    built.write_text(with_policies(built.read_text(), found))
    enforced = RunningNode(data, environ={"NIGHTBUS_AUTHORIZATION": "enforce"}, dev_credentials=False)
    try:
        deploy(enforced, shop)
        place_order(enforced, "order-2")
    finally:
        assert enforced.stop() == 0
