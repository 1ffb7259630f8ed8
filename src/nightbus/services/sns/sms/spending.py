"""Counts what the text messages of a month cost, which MonthlySpendLimit limits.

https://docs.aws.amazon.com/sns/latest/dg/channels-sms-awssupport-spend-threshold.html
"""

from __future__ import annotations

from datetime import UTC, datetime

from nightbus.aws.calls import Scope
from nightbus.store.interface import PutRecord, Store

SPENDING = "sns/sms-spending"
PRICE = 0.00645  # USD for a part, that of AWS's examples


async def spent_parts(store: Store, scope: Scope, now: int) -> int:
    """Return how many parts were sent in the month of `now` (UTC ms)."""
    record = await store.get(scope, SPENDING, _month(now))
    return 0 if record is None else int(record.value["parts"])


async def spending(store: Store, scope: Scope, parts: int, now: int) -> PutRecord:
    """Return the change that counts `parts` more."""
    record = await store.get(scope, SPENDING, _month(now))
    before, revision = (0, 0) if record is None else (int(record.value["parts"]), record.revision)
    return PutRecord(scope, SPENDING, _month(now), {"parts": before + parts}, expect=revision)


def _month(now: int) -> str:
    return f"{datetime.fromtimestamp(now / 1000, UTC):%Y-%m}"
