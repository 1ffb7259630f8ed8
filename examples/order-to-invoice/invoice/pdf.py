"""What does an invoice look like on paper? The same invoice gives the same bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fpdf import FPDF

_WIDTHS = (90, 25, 35, 40)


def render(invoice: dict[str, Any]) -> bytes:
    page = FPDF(format="A4")
    page.set_creation_date(datetime.fromisoformat(invoice["date"]).replace(tzinfo=UTC))
    page.set_title(f"Invoice {invoice['number']}")
    page.add_page()
    _head(page, invoice)
    _table(page, invoice)
    return bytes(page.output())


def _head(page: FPDF, invoice: dict[str, Any]) -> None:
    page.set_font("Helvetica", "B", 20)
    page.cell(0, 14, f"Invoice {invoice['number']}", new_x="LMARGIN", new_y="NEXT")
    page.set_font("Helvetica", size=11)
    customer = invoice["customer"]
    for line in (
        f"Date: {invoice['date']}",
        f"Order: {invoice['orderId']}",
        f"Customer: {customer['name']} <{customer['email']}>",
    ):
        page.cell(0, 7, _printable(line), new_x="LMARGIN", new_y="NEXT")
    page.ln(6)


def _table(page: FPDF, invoice: dict[str, Any]) -> None:
    rows = [(line["name"], str(line["quantity"]), line["price"], line["amount"]) for line in invoice["lines"]]
    percent = (Decimal(invoice["taxRate"]) * 100).normalize()
    sums = [
        ("Net", "", "", invoice["net"]),
        (f"Tax {percent:f} %", "", "", invoice["tax"]),
        (f"Total {invoice['currency']}", "", "", invoice["total"]),
    ]
    with page.table(col_widths=_WIDTHS, text_align=("LEFT", "RIGHT", "RIGHT", "RIGHT")) as table:
        for row in [("Item", "Quantity", "Price", "Amount"), *rows, *sums]:
            table.row([_printable(text) for text in row])


def _printable(text: str) -> str:
    """The built-in fonts know Latin-1 only; what they lack is shown as a question mark."""
    return text.encode("latin-1", "replace").decode("latin-1")
