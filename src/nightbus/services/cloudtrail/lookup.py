"""Answers LookupEvents from the records of the call's account and region, the newest first.

A record is parsed only where its text has the attribute's value. A request reads a bounded number of records; where it
finds too few in them, its answer has a token and fewer events, as AWS's may have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from nightbus.aws.arn import last_part
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import event_id_time
from nightbus.aws.pagination import decode_token, encode_token
from nightbus.identity.audit import TRAIL
from nightbus.services.context import Context
from nightbus.store.interface import Entry
from nightbus.store.newest import newest

_PER_PAGE = 50
_PER_SECOND = 2


async def lookup_events(
    ctx: Context,
    *,
    lookup_attributes: Sequence[Mapping[str, str]] = (),
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    event_category: str | None = None,
    max_results: int = _PER_PAGE,
    next_token: str | None = None,
) -> dict[str, Any]:
    if len(lookup_attributes) > 1:
        raise AwsError("InvalidLookupAttributesException", "You can specify only one lookup attribute.")
    since, until = _ms(start_time), _ms(end_time)
    if since is not None and until is not None and since > until:
        raise AwsError("InvalidTimeRangeException", "The start time must not be after the end time.")
    trail = ctx.platform.trail
    lookups = ctx.platform.lookups
    if ctx.platform.quotas and not await lookups.admit_everywhere(
        "LookupEvents", ctx.scope, _PER_SECOND, ctx.now_ms()
    ):
        raise AwsError("ThrottlingException", "Rate exceeded")
    if event_category == "insight":
        return {"Events": []}
    if trail is not None:
        await trail.written()
    bad = AwsError("InvalidNextTokenException", "The specified next token is not valid.")
    after = int(decode_token(next_token, bad)) if next_token else 0
    attribute = lookup_attributes[0] if lookup_attributes else None
    found, rest = await _search(ctx, attribute, since, until, after, max_results)
    reply: dict[str, Any] = {"Events": found}
    return reply | {"NextToken": encode_token(str(rest))} if rest else reply


async def _search(
    ctx: Context,
    attribute: Mapping[str, str] | None,
    since: int | None,
    until: int | None,
    after: int,
    most: int,
) -> tuple[list[dict[str, Any]], int]:
    """Return the events, and the offset after which the next page begins, 0 at the end."""
    if attribute is not None and attribute["AttributeKey"] == "EventId":
        moment = event_id_time(attribute["AttributeValue"])
        if moment is None:
            return [], 0
        since, until = max(since or 0, moment), moment if until is None else min(until, moment)
    shows_data = ctx.platform.trail is not None and ctx.platform.trail.data_events
    end = None if until is None else until + 1
    return await newest(
        ctx.store,
        ctx.scope,
        TRAIL,
        most,
        lambda entry: _matching(entry, attribute, shows_data),
        before=after,
        since=since,
        until=end,
    )


def _matching(entry: Entry, attribute: Mapping[str, str] | None, shows_data: bool) -> dict[str, Any] | None:
    """Return the event of an entry, None for one that is not asked for.

    Without `shows_data` what is recorded for a trail alone, successful data calls, is not in the history.
    """
    key = attribute["AttributeKey"] if attribute is not None else ""
    value = attribute["AttributeValue"] if attribute is not None else ""
    text = value if key == "ReadOnly" else orjson.dumps(value).decode()[1:-1]
    if key not in ("", "Username", "ResourceType") and text.encode() not in entry.data:
        return None
    record = orjson.loads(entry.data)
    if not (shows_data or record["managementEvent"] or "errorCode" in record):
        return None
    event = _event(entry, record)
    return event if not key or value in _values(event, key) else None


def _values(event: Mapping[str, Any], key: str) -> Sequence[str]:
    """Return what the event can be found by under the attribute `key`. A resource has a name, and an ARN."""
    if key == "ResourceType":
        return [one["ResourceType"] for one in event.get("Resources", ()) if "ResourceType" in one]
    if key == "ResourceName":
        arns = [one["ResourceName"] for one in event.get("Resources", ())]
        return [*arns, *(last_part(arn) for arn in arns)]
    return [event[key]] if key in event else []


def _event(entry: Entry, record: Mapping[str, Any]) -> dict[str, Any]:
    identity = record["userIdentity"]
    event = {
        "EventId": record["eventID"],
        "EventName": record["eventName"],
        "ReadOnly": str(record["readOnly"]).lower(),
        "EventTime": datetime.fromtimestamp(entry.time // 1000, UTC),
        "EventSource": record["eventSource"],
        "Resources": [
            {"ResourceName": one["ARN"]} | ({"ResourceType": one["type"]} if "type" in one else {})
            for one in record.get("resources", ())
        ],
        "CloudTrailEvent": entry.data.decode(),
    }
    if "accessKeyId" in identity:
        event["AccessKeyId"] = identity["accessKeyId"]
    if "arn" in identity:
        arn = identity["arn"]
        event["Username"] = "root" if identity["type"] == "Root" else arn.rsplit("/", 1)[-1]
    return event


def _ms(time: datetime | None) -> int | None:
    return (
        None if time is None else int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    )
