"""Says in replies when an object expires, and when an upload is aborted, by the lifecycle rules of its bucket."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from nightbus.services.s3.lifecycle.rules import abort_date, expiry, rules_of
from nightbus.services.s3.records import ObjectVersion
from nightbus.store.interface import Record


def expiration_of(bucket: Record, version: ObjectVersion) -> str | None:
    """Return the header `x-amz-expiration` of a current version; None if it does not expire."""
    configuration = bucket.value.get("Lifecycle")
    found = expiry(rules_of(configuration), version) if configuration else None
    if found is None:
        return None
    date = format_datetime(datetime.fromtimestamp(found[0] / 1000, UTC), usegmt=True)
    return f'expiry-date="{date}", rule-id="{quote(found[1], safe="")}"'


def abort_members(bucket: Record, key: str, initiated: int) -> dict[str, Any]:
    """Return the members AbortDate and AbortRuleId of an upload that began at `initiated` (UTC ms), if one applies."""
    configuration = bucket.value.get("Lifecycle")
    found = abort_date(rules_of(configuration), key, initiated) if configuration else None
    if found is None:
        return {}
    return {"AbortDate": datetime.fromtimestamp(found[0] / 1000, UTC), "AbortRuleId": found[1]}
