"""The pure parts of the example: checking, adding up, the page."""

from __future__ import annotations

import importlib
import io
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

EXAMPLE = Path(__file__).parents[3] / "examples" / "order-to-invoice"
GOOD: dict[str, Any] = {
    "customer": {"name": "Ada", "email": "ada@example.com"},
    "items": [{"name": "Cards", "quantity": 3, "price": 12.9}],
}


def load(folder: str, module: str) -> ModuleType:
    """A function's module as Lambda would import it: by its bare name from its own folder."""
    sys.modules.pop(module, None)
    sys.path.insert(0, str(EXAMPLE / folder))
    try:
        return importlib.import_module(module)
    finally:
        sys.path.pop(0)
        sys.modules.pop(module, None)


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def order(**changes: Any) -> dict[str, Any]:
    return GOOD | changes


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([], "an order is a JSON object"),
        (order(items=[]), "items must be a list with at least one item"),
        (order(customer=None), "customer must have a name and an email"),
        (order(customer={"name": "Ada", "email": "nowhere"}), "customer.email 'nowhere' is not an address"),
        (order(currency="XXX"), "currency must be one of EUR, GBP, USD"),
        (order(items=[{"name": "x", "quantity": 0, "price": 1}]), "quantity must be a whole number"),
        (order(items=[{"name": "x", "quantity": True, "price": 1}]), "quantity must be a whole number"),
        (order(items=[{"name": "x", "quantity": 1, "price": 1.005}]), "price must be an amount above 0"),
        (order(items=[{"name": "x", "quantity": 1, "price": -1}]), "price must be an amount above 0"),
        (order(items=[{"name": "x", "quantity": 1, "price": "NaN"}]), "price must be an amount above 0"),
        (order(items=[{"quantity": 1, "price": 1}]), "item 1 has no name"),
    ],
)
def test_a_bad_order_is_refused_with_the_reason(bad: Any, reason: str) -> None:
    assert any(reason in problem for problem in load("order", "app").problems(bad))


def test_a_good_order_has_no_problems() -> None:
    assert load("order", "app").problems(GOOD) == []


@given(
    st.lists(
        st.tuples(st.integers(1, 10_000), st.decimals(min_value="0.01", max_value=1_000_000, places=2)),
        min_size=1,
        max_size=20,
    ),
    st.decimals(min_value=0, max_value=1, places=3),
)
def test_amounts_add_up_to_the_cent(lines: list[tuple[int, Decimal]], rate: Decimal) -> None:
    items = [{"name": "x", "quantity": quantity, "price": str(price)} for quantity, price in lines]
    invoice = load("invoice", "invoice").invoice_of(
        order(orderId="o", items=items), "INV-1", "2026-01-01", str(rate)
    )
    net = sum(quantity * price for quantity, price in lines)
    assert Decimal(invoice["net"]) == net
    assert abs(Decimal(invoice["tax"]) - net * rate) <= Decimal("0.005")
    assert Decimal(invoice["total"]) == Decimal(invoice["net"]) + Decimal(invoice["tax"])


def test_the_pdf_shows_the_invoice_and_is_the_same_each_time() -> None:
    invoice = load("invoice", "invoice").invoice_of(
        order(orderId="o-1"), "INV-2026-000007", "2026-01-01", "0.19"
    )
    render = load("invoice", "pdf").render
    document = render(invoice)
    text = PdfReader(io.BytesIO(document)).pages[0].extract_text()
    assert "INV-2026-000007" in text
    assert "46.05" in text  # 38.70 and 7.35 of tax
    assert render(invoice) == document


def test_an_invoice_raises_the_total_of_its_day() -> None:
    with_entry = load("ledger", "app").with_entry
    invoice = {
        "number": "INV-1",
        "orderId": "o",
        "currency": "EUR",
        "net": "1",
        "tax": "0",
        "total": "10.50",
        "pdf": "",
    }
    once = with_entry({"entries": {}, "totals": {}}, invoice)
    twice = with_entry(once, invoice | {"number": "INV-2"})
    assert twice["totals"] == {"EUR": "21.00"}
    assert list(twice["entries"]) == ["INV-1", "INV-2"]
