"""Writes the JSON of events: from the entries of PutEvents, for schedules, and for EventBridge's own events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from nightbus.bus.json_text import compact_object, write_json

LONGEST_DETAIL_TYPE = 128
OWN_SOURCE = "aws.events"  # the source of EventBridge's own events; no entry of PutEvents may have it
SCHEDULED = "Scheduled Event"
_TIME_SIZE = 14
_BEFORE_ID = len('{"version":"0","id":"')


class Problem(NamedTuple):
    """The ErrorCode and ErrorMessage of an entry that the bus refuses."""

    code: str
    message: str


MALFORMED = Problem("MalformedDetail", "Detail is malformed.")


class EnvelopeWriter:
    """Checks the entries of one call, and writes the JSON texts of their events.

    The members that all events share are encoded once. With `any_source` the sources may be AWS's own (`aws.`) or a
    partner's. `size` is the number of bytes that AWS counts towards the request's limit.
    """

    def __init__(self, account: str, region: str, now: datetime, *, any_source: bool = False) -> None:
        self._account, self._region = _json(account), _json(region)
        self._now = self._placed(now)
        self._any_source = any_source
        self._types: dict[tuple[str, str], bytes] = {}
        self.size = 0

    def write(self, entry: Mapping[str, Any], event_id: str) -> Problem | bytes:
        """Return the event, or the problem of an invalid entry.

        The event's time is the entry's, or that of the call.
        """
        get = entry.get
        source, kind, detail = get("Source"), get("DetailType"), get("Detail")
        resources, time = get("Resources"), get("Time")
        self._measure(source, kind, detail, resources, time)
        if not (source and kind and detail):
            missing = "Source" if not source else "Detail" if kind else "DetailType"
            return _invalid(missing, f"{missing} is a required argument.")
        types = self._types.get((kind, source))
        if types is None:
            problem = _problem(source, kind, self._any_source)
            if problem is not None:
                return problem
            types = b'"detail-type":%b,"source":%b' % (_json(kind), _json(source))
            self._types[kind, source] = types
        text = compact_object(detail)
        if text is None:
            return MALFORMED
        return b'{"version":"0","id":"%b",%b,%b,"resources":%b,"detail":%b}' % (
            event_id.encode(),
            types,
            self._now if time is None else self._placed(time),
            _json(resources) if resources else b"[]",
            text,
        )

    def _placed(self, time: datetime) -> bytes:
        """Return the members of account, time and region. They are encoded, not formatted, since a caller sets them."""
        return b'"account":%b,"time":%b,"region":%b' % (self._account, _json(event_time(time)), self._region)

    def _measure(
        self,
        source: str | None,
        kind: str | None,
        detail: str | None,
        resources: list[str] | None,
        time: datetime | None,
    ) -> None:
        text = f"{source or ''}{kind or ''}{detail or ''}"
        if resources:
            text += "".join(resources)
        self.size += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        if time is not None:
            self.size += _TIME_SIZE


def with_id(text: bytes, old: str, new: str) -> bytes:
    """Return the event with the id `new` in place of `old`."""
    return text[:_BEFORE_ID] + new.encode() + text[_BEFORE_ID + len(old) :]


def scheduled_event(event_id: str, account: str, region: str, time: int, rule_arn: str) -> bytes:
    """Return the event of a rule with a schedule. `time` is the due time in UTC ms."""
    return service_event(event_id, account, region, time, SCHEDULED, rule_arn, {})


def is_scheduled(event: Mapping[str, Any]) -> bool:
    """Return whether a rule's schedule made the event, which then matches that rule only."""
    return event.get("source") == OWN_SOURCE and event.get("detail-type") == SCHEDULED


def service_event(
    event_id: str,
    account: str,
    region: str,
    time: int,
    kind: str,
    resource: str,
    detail: Mapping[str, Any],
    source: str = OWN_SOURCE,
) -> bytes:
    """Return an event of an AWS service, by default of EventBridge itself.

    `kind` is its detail-type, `time` in UTC ms, `resource` an ARN.
    """
    event = {
        "version": "0",
        "id": event_id,
        "detail-type": kind,
        "source": source,
        "account": account,
        "time": event_time(datetime.fromtimestamp(time / 1000, UTC)),
        "region": region,
        "resources": [resource],
        "detail": detail,
    }
    return orjson.dumps(event)


def id_of(event: bytes) -> str:
    """Return the id of an event that this module has written."""
    return event[_BEFORE_ID : event.index(b'"', _BEFORE_ID)].decode()


def _problem(source: str, kind: str, any_source: bool) -> Problem | None:
    if source.startswith("aws.") and not any_source:
        return Problem(
            "NotAuthorizedForSourceException",
            f"Not authorized for the source: {source}. Source prefix 'aws.' is reserved for AWS services.",
        )
    if len(kind) > LONGEST_DETAIL_TYPE:
        return _invalid("DetailType", f"DetailType must not exceed {LONGEST_DETAIL_TYPE} characters.")
    return None


def _invalid(name: str, reason: str) -> Problem:
    return Problem("InvalidArgument", f"Parameter {name} is not valid. Reason: {reason}")


def event_time(moment: datetime) -> str:
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="seconds")[:-6] + "Z"


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # a single surrogate
        return write_json(value).encode()
