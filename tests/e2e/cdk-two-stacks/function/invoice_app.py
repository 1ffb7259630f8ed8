"""Makes invoices of orders that are placed."""

from __future__ import annotations

from typing import Any


def handler(event: dict[str, Any], context: Any) -> None:
    print("invoice for", event["detail"]["item"])
