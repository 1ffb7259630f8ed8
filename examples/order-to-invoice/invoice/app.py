"""Which invoice belongs to this order? It is numbered, stored as JSON and PDF, and published, once per event.

A bus delivers at least once, so the same event may come again, even at the same moment. The bucket decides: an
object is written only where there is none yet (`IfNoneMatch`), and whoever comes second uses what stands there.
"""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from botocore.exceptions import ClientError

from invoice import invoice_of
from pdf import render

s3 = boto3.client("s3")
events = boto3.client("events")

BUCKET = os.environ.get("BUCKET", "")
TAX_RATE = os.environ.get("TAX_RATE", "0.19")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    print(json.dumps(event))
    number = number_of(event["id"], event["time"][:4])
    invoice = invoice_of(event["detail"], number, event["time"][:10], TAX_RATE)
    body = json.dumps(invoice, indent=2).encode()
    s3.put_object(Bucket=BUCKET, Key=f"invoices/{number}.json", Body=body, ContentType="application/json")
    s3.put_object(
        Bucket=BUCKET, Key=f"invoices/{number}.pdf", Body=render(invoice), ContentType="application/pdf"
    )
    publish(invoice)
    print(f"Invoice {number}: {invoice['total']} {invoice['currency']} to {invoice['customer']['name']}")
    return invoice


def publish(invoice: dict[str, Any]) -> None:
    detail = {
        "number": invoice["number"],
        "date": invoice["date"],
        "orderId": invoice["orderId"],
        "currency": invoice["currency"],
        "net": invoice["net"],
        "tax": invoice["tax"],
        "total": invoice["total"],
        "pdf": f"s3://{BUCKET}/invoices/{invoice['number']}.pdf",
    }
    reply = events.put_events(
        Entries=[{"Source": "demo.invoices", "DetailType": "Invoice Created", "Detail": json.dumps(detail)}]
    )
    if reply["FailedEntryCount"]:
        raise RuntimeError(f"The bus refused the invoice: {reply['Entries'][0]['ErrorMessage']}")


def number_of(event_id: str, year: str) -> str:
    """The event's invoice number: the one that it has, or the next free one of the year."""
    claim = f"numbers/by-event/{event_id}"
    known = _read(claim)
    if known is not None:
        return known
    number = _next_number(event_id, year)
    if _write_new(claim, number):
        return number
    return _read(claim) or number


def _next_number(event_id: str, year: str) -> str:
    prefix = f"numbers/{year}/"
    taken = [
        entry["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        for entry in page.get("Contents", [])
    ]
    count = int(taken[-1].rsplit("-", 1)[1]) if taken else 0
    while True:
        count += 1
        number = f"INV-{year}-{count:06d}"
        if _write_new(prefix + number, event_id):
            return number


def _read(key: str) -> str | None:
    try:
        return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise


def _write_new(key: str, text: str) -> bool:
    """False when there is such an object already."""
    try:
        s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode(), IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
            return False
        raise
    return True
