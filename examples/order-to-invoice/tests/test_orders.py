"""The shop on a node of its own: its functions run, its rules match, and a day of retries takes no time.

    pip install nightbus pytest
    pytest examples/order-to-invoice/tests

The first run installs the packages of `invoice/requirements.txt` once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nightbus.testing import Nightbus

SHOP = Path(__file__).parents[1]
ORDER = json.loads((SHOP / "events" / "order.json").read_text())
BAD_ORDER = json.loads((SHOP / "events" / "bad-order.json").read_text())


@pytest.fixture(scope="module")
def deployed(nightbus_module: Nightbus) -> Nightbus:
    """The shop, deployed once; each test has orders of its own."""
    parameters = {"Runtime": f"python3.{sys.version_info.minor}"}
    nightbus_module.deploy(SHOP / "template.yaml", parameters=parameters, warm=True)
    return nightbus_module


@pytest.fixture
def shop(deployed: Nightbus) -> Iterator[Nightbus]:
    yield deployed
    deployed.faults.heal()
    deployed.messages("FailedOrders")


def invoices(shop: Nightbus, order: str) -> list[dict[str, Any]]:
    """The invoices of an order."""
    s3, bucket = shop.client("s3"), shop.stacks[0]["InvoiceBucket"]
    found = s3.list_objects_v2(Bucket=bucket, Prefix="invoices/").get("Contents", [])
    keys = [one["Key"] for one in found if one["Key"].endswith(".json")]
    stored = [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
    return [invoice for invoice in stored if invoice["orderId"] == order]


def test_an_order_becomes_an_invoice_in_the_ledger(shop: Nightbus) -> None:
    accepted = shop.invoke("OrderFunction", {**ORDER, "orderId": "engine"})
    shop.settle()

    of_order = {"detail": {"orderId": "engine"}}
    shop.events.assert_matched(rule="OrderCreatedRule", event=accepted["eventId"])
    shop.events.assert_matched(rule="InvoiceCreatedRule", event=of_order)
    shop.events.assert_delivered(target="LedgerFunction", event=of_order)
    (invoice,) = invoices(shop, "engine")
    assert invoice["total"] == "2238.03"
    assert any(f"Invoice {invoice['number']}" in line for line in shop.logs("InvoiceFunction"))


def test_the_same_event_twice_gives_one_invoice(shop: Nightbus) -> None:
    accepted = shop.invoke("OrderFunction", {**ORDER, "orderId": "twice"})
    shop.settle()
    event = shop.trace(accepted["eventId"]).event
    again = shop.invoke("InvoiceFunction", event)
    assert [invoice["number"] for invoice in invoices(shop, "twice")] == [again["number"]]


def test_a_bad_order_is_refused_with_every_reason(shop: Nightbus) -> None:
    before = shop.events.all()
    answer = shop.invoke("OrderFunction", BAD_ORDER)
    shop.settle()
    assert not answer["accepted"]
    assert len(answer["reasons"]) == 3
    assert shop.events.all() == before


def test_an_order_is_refused_without_the_permission_to_publish(shop: Nightbus) -> None:
    role = shop.client("lambda").get_function(FunctionName=shop.stacks[0]["OrderFunction"])
    role_name = role["Configuration"]["Role"].rpartition("/")[2]
    deny = {"Effect": "Deny", "Action": "events:PutEvents", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": deny})
    iam = shop.client("iam")
    iam.put_role_policy(RoleName=role_name, PolicyName="no-events", PolicyDocument=document)
    try:
        with pytest.raises(AssertionError, match="AccessDenied"):
            shop.invoke("OrderFunction", {**ORDER, "orderId": "denied"})
        shop.settle()
        assert shop.events.all({"detail": {"orderId": "denied"}}) == []
    finally:
        iam.delete_role_policy(RoleName=role_name, PolicyName="no-events")


def test_a_failing_invoice_is_tried_three_times_and_kept(shop: Nightbus) -> None:
    shop.faults.fail("InvoiceFunction", times=3, error="PrinterOnFire")
    accepted = shop.invoke("OrderFunction", {**ORDER, "orderId": "failing"})
    shop.settle()
    shop.clock.advance("1m")
    assert shop.messages("FailedOrders") == []
    shop.clock.advance("2m")

    (letter,) = shop.messages("FailedOrders")
    assert json.loads(letter)["id"] == accepted["eventId"]
    shop.events.assert_not_delivered(target="InvoiceFunction", event=accepted["eventId"])
    assert invoices(shop, "failing") == []


def test_an_invoice_that_fails_twice_is_made_after_three_minutes(shop: Nightbus) -> None:
    shop.faults.time_out("InvoiceFunction", times=2)
    accepted = shop.invoke("OrderFunction", {**ORDER, "orderId": "late"})
    shop.clock.advance("3m")
    shop.events.assert_delivered(target="InvoiceFunction", event=accepted["eventId"])
    assert len(invoices(shop, "late")) == 1


def test_the_bus_tries_for_24_hours_and_then_keeps_the_order(shop: Nightbus) -> None:
    shop.faults.refuse("InvoiceFunction", error="ServiceException")
    accepted = shop.invoke("OrderFunction", {**ORDER, "orderId": "refused"})
    shop.clock.advance("12h")
    assert shop.messages("FailedOrders") == []
    shop.clock.advance("12h")

    (letter,) = shop.messages("FailedOrders")
    assert json.loads(letter)["id"] == accepted["eventId"]
    shop.events.assert_matched(rule="OrderCreatedRule", event=accepted["eventId"])
    shop.events.assert_not_delivered(target="InvoiceFunction", event=accepted["eventId"])
