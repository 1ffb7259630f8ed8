"""The example does something real: an order becomes one invoice, however often its event comes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from nightbus.store.folder import folder_holder
from nodes import RunningNode, clean_environment
from shop import RUNTIME
from waiting import wait_for

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "order-to-invoice"
ORDER = json.loads((EXAMPLE / "events" / "order.json").read_text())
BAD_ORDER = json.loads((EXAMPLE / "events" / "bad-order.json").read_text())


class Deployed:
    def __init__(self, node: RunningNode) -> None:
        self.node = node
        stack = node.client("cloudformation").describe_stacks(StackName="example")["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        self.s3 = node.client("s3")

    def invoke(self, function: str, event: Any) -> Any:
        reply = self.node.client("lambda").invoke(
            FunctionName=self.outputs[function], Payload=json.dumps(event)
        )
        answer = json.loads(reply["Payload"].read())
        assert "FunctionError" not in reply, answer
        return answer

    def keys(self, prefix: str) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.outputs["InvoiceBucket"], Prefix=prefix)
        return [entry["Key"] for entry in listed.get("Contents", [])]

    def read(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.outputs["InvoiceBucket"], Key=key)["Body"].read()
        return body

    def invoices(self) -> dict[str, dict[str, Any]]:
        """By order."""
        found = [json.loads(self.read(key)) for key in self.keys("invoices/") if key.endswith(".json")]
        return {invoice["orderId"]: invoice for invoice in found}

    def ledger(self) -> dict[str, Any]:
        """All days' entries by invoice number."""
        entries: dict[str, Any] = {}
        for key in self.keys("ledger/"):
            entries |= json.loads(self.read(key))["entries"]
        return entries


@pytest.fixture(scope="module")
def example(node: RunningNode) -> Deployed:
    done = subprocess.run(
        ["nightbus", "deploy", str(EXAMPLE / "template.yaml"), "--stack-name", "example", "--port", str(node.port),
         "--parameter-overrides", f"Runtime={RUNTIME}"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return Deployed(node)


def test_an_order_becomes_an_invoice_with_a_pdf_and_enters_the_ledger(example: Deployed) -> None:
    answer = example.invoke("OrderFunction", ORDER | {"orderId": "order-1"})
    assert answer["accepted"]
    invoice = wait_for(lambda: example.invoices().get("order-1"))
    assert (invoice["net"], invoice["tax"], invoice["total"]) == ("1880.70", "357.33", "2238.03")
    entry = wait_for(lambda: example.ledger().get(invoice["number"]))
    assert entry["total"] == "2238.03"
    page = PdfReader(io.BytesIO(example.read(f"invoices/{invoice['number']}.pdf"))).pages[0].extract_text()
    assert invoice["number"] in page
    assert "2238.03" in page


def test_the_whole_way_of_an_order_is_shown(example: Deployed) -> None:
    event_id = example.invoke("OrderFunction", ORDER | {"orderId": "order-to-trace"})["eventId"]
    done = subprocess.run(
        ["nightbus", "trace", event_id, "--wait", "60", "--port", str(example.node.port)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"published by function {example.outputs['OrderFunction']}, request ")
    told = [line.lstrip("│├└─ ").split("  ")[0] for line in lines]
    assert f"event {event_id}" in told
    assert sum(line.startswith("rule example-") for line in told) == 2
    assert "Invoice Created" in done.stdout
    assert sum(line.startswith("run 1") for line in told) == 2  # the invoice's function, and the ledger's


def test_a_bad_order_is_refused_with_every_reason(example: Deployed) -> None:
    before = example.invoices()
    answer = example.invoke("OrderFunction", BAD_ORDER)
    assert answer == {
        "accepted": False,
        "reasons": [
            "customer.email is missing",
            "item 1: quantity must be a whole number from 1 to 10000",
            "item 1: price must be an amount above 0 with at most two decimals",
        ],
    }
    assert example.invoices() == before


def test_the_same_event_many_times_at_once_gives_one_invoice(example: Deployed) -> None:
    event = {
        "id": "5d7b0f2e-0000-4000-8000-000000000001",
        "time": "2026-03-01T10:00:00Z",
        "source": "demo.orders",
        "detail": ORDER | {"orderId": "again", "state": "created"},
    }
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: example.invoke("InvoiceFunction", event), range(8)))
    numbers = {answer["number"] for answer in answers}
    assert len(numbers) == 1
    assert (
        sum(
            invoice["orderId"] == "again"
            for invoice in map(json.loads, map(example.read, json_keys(example)))
        )
        == 1
    )
    wait_for(lambda: numbers <= set(example.ledger()))


def json_keys(example: Deployed) -> list[str]:
    return [key for key in example.keys("invoices/") if key.endswith(".json")]


def test_orders_at_once_get_numbers_of_their_own(example: Deployed) -> None:
    orders = [f"at-once-{at}" for at in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: example.invoke("OrderFunction", ORDER | {"orderId": name}), orders))
    wait_for(lambda: set(orders) <= set(example.invoices()), 60)
    invoices = example.invoices()
    assert len({invoices[name]["number"] for name in orders}) == len(orders)
    wait_for(lambda: {invoices[name]["number"] for name in orders} <= set(example.ledger()), 60)


def test_the_demo_shows_an_order_becoming_an_invoice_beside_a_node_of_somebody_else(tmp_path: Path) -> None:
    other = RunningNode(tmp_path / "other", dev_credentials=False)
    for key in (
        "credentials",
        "operator.key",
    ):  # as if the node were another user's, whose keys we cannot read
        (tmp_path / "other" / key).unlink()
    environment = clean_environment() | {
        "NIGHTBUS_PORT": str(other.port),
        "NIGHTBUS_DEMO_FOLDER": str(tmp_path / "demo"),
        "COLUMNS": "80",
    }
    try:
        done = subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "demo.py")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            stdin=subprocess.DEVNULL,
        )
        holder = folder_holder(tmp_path / "demo" / "data")
        assert done.returncode == 0, done.stdout + done.stderr
        assert holder is not None
        for shown in (
            "Order Created",
            "→ invoice: delivered",
            "REPORT RequestId",
            "2238.03",
            "INV-",
            "Done in",
            f"http://127.0.0.1:{holder.port}",
            "sam logs --stack-name order-to-invoice --tail\n",  # in one piece, to be copied
        ):
            assert shown in done.stdout
        assert list((tmp_path / "demo").glob("INV-*.pdf"))
    finally:
        other.stop()
        if (holder := folder_holder(tmp_path / "demo" / "data")) is not None:
            stop = ["nightbus", "stop", "--port", str(holder.port), "--data", str(tmp_path / "demo" / "data")]
            stopped = subprocess.run(stop, env=environment, check=False, capture_output=True, text=True)
            assert stopped.returncode == 0, stopped.stderr
