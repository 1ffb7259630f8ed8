"""What was invoiced on each day? One document per day; a number that comes twice is entered once.

Two invoices may arrive at the same moment: the document is written only if nobody wrote it since it was read
(`IfMatch`), else it is read again.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal
from typing import Any

import boto3
from botocore.exceptions import ClientError

s3 = boto3.client("s3")

BUCKET = os.environ.get("BUCKET", "")
_ATTEMPTS = 20


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    invoice = event["detail"]
    key = f"ledger/{invoice['date']}.json"
    for _ in range(_ATTEMPTS):
        ledger, tag = _read(key)
        if invoice["number"] in ledger["entries"]:
            print(f"Invoice {invoice['number']} is in the ledger of {invoice['date']} already")
            return ledger
        entered = with_entry(ledger, invoice)
        if _write(key, entered, tag):
            print(f"Ledger of {invoice['date']}: {json.dumps(entered['totals'])}")
            return entered
    raise RuntimeError(f"{key} was changed by others {_ATTEMPTS} times in a row")


def with_entry(ledger: dict[str, Any], invoice: dict[str, Any]) -> dict[str, Any]:
    """The ledger with the invoice entered and its currency's total raised."""
    currency = invoice["currency"]
    total = Decimal(ledger["totals"].get(currency, "0.00")) + Decimal(invoice["total"])
    entry = {name: invoice[name] for name in ("orderId", "currency", "net", "tax", "total", "pdf")}
    return {
        "entries": ledger["entries"] | {invoice["number"]: entry},
        "totals": ledger["totals"] | {currency: str(total)},
    }


def _read(key: str) -> tuple[dict[str, Any], str | None]:
    try:
        found = s3.get_object(Bucket=BUCKET, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return {"entries": {}, "totals": {}}, None
        raise
    return json.loads(found["Body"].read()), found["ETag"]


def _write(key: str, ledger: dict[str, Any], tag: str | None) -> bool:
    condition: dict[str, Any] = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
    body = json.dumps(ledger, indent=2).encode()
    try:
        s3.put_object(Bucket=BUCKET, Key=key, Body=body, ContentType="application/json", **condition)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
            return False
        raise
    return True
