"""Writes and reads receipt handles, which name an item and its lease, opaque to their holder."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

_TOO_LARGE = 1 << 63


class Receipt(NamedTuple):
    item: int
    token: int  # of the lease
    received: int  # UTC ms


def write_receipt(queue: str, receipt: Receipt) -> str:
    text = f"{queue} {receipt.item} {receipt.token} {receipt.received}"
    return base64.b64encode(text.encode()).decode()


def read_receipt(queue: str, handle: str) -> Receipt | None:
    """None for what is no handle of this queue."""
    try:
        whose, item, token, received = base64.b64decode(handle, validate=True).decode().split(" ")
        receipt = Receipt(int(item), int(token), int(received))
        return receipt if whose == queue and max(receipt) < _TOO_LARGE and min(receipt) >= 0 else None
    except (ValueError, binascii.Error):
        return None
