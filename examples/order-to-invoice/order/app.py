"""Is this an order? If so it goes onto the bus; if not, the caller learns every reason."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal, InvalidOperation
from typing import Any

import boto3

events = boto3.client("events")

_CURRENCIES = ("EUR", "GBP", "USD")
_MOST_ITEMS = 100
_LARGEST_QUANTITY = 10_000
_HIGHEST_PRICE = Decimal(1_000_000)


def handler(event: Any, context: Any) -> dict[str, Any]:
    reasons = problems(event)
    if reasons:
        print(f"Order refused: {'; '.join(reasons)}")
        return {"accepted": False, "reasons": reasons}
    order = {
        "orderId": event.get("orderId") or str(uuid.uuid4()),
        "currency": event.get("currency", "EUR"),
        "customer": event["customer"],
        "items": event["items"],
        "state": "created",
    }
    reply = events.put_events(
        Entries=[{"Source": "demo.orders", "DetailType": "Order Created", "Detail": json.dumps(order)}]
    )
    print(json.dumps(reply))
    if reply["FailedEntryCount"]:
        raise RuntimeError(f"The bus refused the order: {reply['Entries'][0]['ErrorMessage']}")
    return {"accepted": True, "orderId": order["orderId"], "eventId": reply["Entries"][0]["EventId"]}


def problems(order: Any) -> list[str]:
    """Every reason why this is not an order that can be invoiced; empty when it is one."""
    if not isinstance(order, dict):
        return ["an order is a JSON object"]
    found = _customer_problems(order.get("customer"))
    if order.get("currency", "EUR") not in _CURRENCIES:
        found.append(f"currency must be one of {', '.join(_CURRENCIES)}")
    if "orderId" in order and not _is_text(order["orderId"]):
        found.append("orderId must be a text")
    items = order.get("items")
    if not isinstance(items, list) or not items:
        return [*found, "items must be a list with at least one item"]
    if len(items) > _MOST_ITEMS:
        return [*found, f"an order has at most {_MOST_ITEMS} items"]
    return found + [problem for at, item in enumerate(items, 1) for problem in _item_problems(at, item)]


def _customer_problems(customer: Any) -> list[str]:
    if not isinstance(customer, dict):
        return ["customer must have a name and an email"]
    found = [
        f"customer.{field} is missing" for field in ("name", "email") if not _is_text(customer.get(field))
    ]
    email = customer.get("email")
    if isinstance(email, str) and email.strip() and not 0 < email.find("@") < len(email) - 1:
        found.append(f"customer.email {email!r} is not an address")
    return found


def _item_problems(at: int, item: Any) -> list[str]:
    if not isinstance(item, dict):
        return [f"item {at} is not an object"]
    found = []
    if not _is_text(item.get("name")):
        found.append(f"item {at} has no name")
    quantity = item.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 1 <= quantity <= _LARGEST_QUANTITY:
        found.append(f"item {at}: quantity must be a whole number from 1 to {_LARGEST_QUANTITY}")
    price = _amount(item.get("price"))
    if price is None or not 0 < price <= _HIGHEST_PRICE:
        found.append(f"item {at}: price must be an amount above 0 with at most two decimals")
    return found


def _amount(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        amount = Decimal(str(value))
        return amount if amount.is_finite() and amount == amount.quantize(Decimal("0.01")) else None
    except InvalidOperation:
        return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
