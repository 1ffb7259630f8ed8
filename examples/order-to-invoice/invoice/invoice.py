"""What does an order cost? Amounts are decimal; each line is rounded to the cent, tax once on the sum."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

_CENT = Decimal("0.01")


def invoice_of(order: dict[str, Any], number: str, date: str, tax_rate: str) -> dict[str, Any]:
    """The invoice as it is stored: amounts as text with two decimals."""
    lines = [_line(item) for item in order["items"]]
    net = sum((Decimal(line["amount"]) for line in lines), Decimal(0))
    tax = _cents(net * Decimal(tax_rate))
    return {
        "number": number,
        "date": date,
        "orderId": order["orderId"],
        "currency": order.get("currency", "EUR"),
        "customer": order["customer"],
        "lines": lines,
        "net": str(_cents(net)),
        "taxRate": tax_rate,
        "tax": str(tax),
        "total": str(_cents(net) + tax),
    }


def _line(item: dict[str, Any]) -> dict[str, Any]:
    price = _cents(Decimal(str(item["price"])))
    return {
        "name": item["name"],
        "quantity": item["quantity"],
        "price": str(price),
        "amount": str(price * item["quantity"]),
    }


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)
