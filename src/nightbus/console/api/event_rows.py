"""Makes rows of what the history has of events, and chooses those that a query asks for.

The history says by itself to which targets an event was delivered in its own commit, and to which a delivery was
queued; what became of a queued one is in the outcome log of its bus.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import orjson

from nightbus.aws.errors import AwsError
from nightbus.aws.wildcards import compiled_parts, matches
from nightbus.bus.errors import InvalidPattern
from nightbus.bus.index.rule_index import RuleIndex
from nightbus.bus.json_text import parse_json, write_json
from nightbus.bus.patterns import parse_pattern
from nightbus.console.api.values import Answer, Query
from nightbus.delivery.history import DeliveryNote
from nightbus.store.interface import Entry

DELIVERED, FAILED, WAITING, UNMATCHED = "delivered", "failed", "waiting", "unmatched"
STATES = (DELIVERED, FAILED, WAITING, UNMATCHED)
_PREVIEW_BYTES = 300
_ENDINGS = (DELIVERED, FAILED)
Target = tuple[str, str, str]  # a rule, the id of its target, the target's ARN


class Chosen(Query, frozen=True):
    """Which events. `source` and `detail_type` are whole, with * for any characters; `text` is looked for in the whole
    event, whatever its case; `pattern` is an event pattern."""

    bus: str = ""
    source: Annotated[str, msgspec.Meta(max_length=300)] = ""
    detail_type: Annotated[str, msgspec.Meta(max_length=300)] = ""
    text: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    pattern: Annotated[str, msgspec.Meta(max_length=8192)] = ""


class QueuedDelivery(Answer, frozen=True):
    """A delivery to a target (an ARN, with its id in the rule) that was not made in the event's own commit. `state` is
    that of the last outcome: delivered, failed or waiting."""

    rule: str
    target: str
    arn: str
    state: str


class EventRow(Answer, frozen=True):
    """`rules` are those by which it was delivered, or will be; `state` is delivered, failed, waiting or unmatched;
    `deliveries` are those that a message of the live topic of that name may change; `preview` is the beginning of its
    detail."""

    id: str
    time: int
    bus: str
    source: str
    detail_type: str
    account: str
    region: str
    rules: list[str]
    state: str
    deliveries: list[QueuedDelivery]
    preview: str


class Head(msgspec.Struct):
    """What a row needs of an envelope."""

    id: str
    source: str
    account: str
    region: str
    detail_type: str = msgspec.field(name="detail-type")
    detail: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"{}"))


_decode_head = msgspec.json.Decoder(Head).decode


def head_of(text: bytes) -> Head:
    """Of an event's text, also of one that only the exact parser reads: with single surrogates, or of great depth."""
    try:
        return _decode_head(text)
    except (msgspec.MsgspecError, RecursionError):
        envelope = parse_json(text.decode())
        detail = msgspec.Raw(write_json(envelope.get("detail", {})).encode())
        return msgspec.convert({**envelope, "detail": detail}, Head)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Says which events a query asks for, by their envelopes' texts."""

    source: Callable[[str], Any] | None
    detail_type: Callable[[str], Any] | None
    needles: tuple[bytes, ...]  # the text as it stands in JSON, or in one of its strings
    index: RuleIndex | None

    @classmethod
    def of(cls, chosen: Chosen) -> EventFilter:
        """Raises AwsError for an invalid pattern."""
        index = None
        if chosen.pattern:
            try:
                parsed = parse_pattern(chosen.pattern)
            except InvalidPattern as broken:
                raise AwsError("InvalidEventPatternException", str(broken)) from broken
            index = RuleIndex()
            index.add("", parsed)
        text = chosen.text.lower()
        forms = {text, json.dumps(text, ensure_ascii=False)[1:-1]} - {""}
        needles = tuple(one.encode("utf-8", "replace") for one in forms)
        return cls(_whole(chosen.source), _whole(chosen.detail_type), needles, index)

    def may_be_in(self, entry: bytes) -> bool:
        """Whether an entry of the history may have an event with the text; only false where none has it.

        One search through ten events takes a third of the time of ten searches.
        """
        if not self.needles or not entry.isascii():
            return True
        lowered = entry.lower()
        return any(needle in lowered for needle in self.needles)

    def head(self, text: bytes) -> Head | None:
        """What a row needs of an event that is asked for, None for another."""
        if self.needles:
            lowered = text.lower() if text.isascii() else text.decode().lower().encode()
            if not any(needle in lowered for needle in self.needles):
                return None
        if self.index is not None and self.source is None and self.detail_type is None:
            return head_of(text) if self.index.match_json(text) else None
        head = head_of(text)
        if self.source is not None and not self.source(head.source):
            return None
        if self.detail_type is not None and not self.detail_type(head.detail_type):
            return None
        return head if self.index is None or self.index.match_json(text) else None


def _whole(text: str) -> Callable[[str], Any] | None:
    if not text:
        return None
    first, *others = text.split("*")  # what is between stars is only itself, a question mark too
    texts = [(first, True), *(one for part in others for one in (("*", False), (part, True)))]
    parts = compiled_parts(texts)
    return lambda found: matches(parts, found)


def row_of(
    head: Head,
    time: int,
    bus: str,
    notes: Sequence[DeliveryNote],
    outcomes: Mapping[Target, str] | None = None,
) -> EventRow:
    """The row. `outcomes` are the last ones that are known of targets to which deliveries were queued."""
    return EventRow(
        id=head.id,
        time=time,
        bus=bus,
        source=head.source,
        detail_type=head.detail_type,
        account=head.account,
        region=head.region,
        rules=list(dict.fromkeys(note.rule for note in notes)),
        state=state_of(notes, outcomes or {}),
        deliveries=[
            QueuedDelivery(rule=rule, target=target, arn=arn, state=state)
            for (rule, target, arn), state in _queued(notes, outcomes or {}).items()
        ],
        preview=bytes(head.detail)[:_PREVIEW_BYTES].decode("utf-8", "ignore"),
    )


def state_of(notes: Sequence[DeliveryNote], outcomes: Mapping[Target, str]) -> str:
    """Of all deliveries of an event together: failed before waiting, waiting before delivered."""
    states = set(_queued(notes, outcomes).values())
    if FAILED in states:
        return FAILED
    return WAITING if WAITING in states else DELIVERED if notes or states else UNMATCHED


def _queued(notes: Iterable[DeliveryNote], outcomes: Mapping[Target, str]) -> dict[Target, str]:
    """The states of the deliveries that were not made in the event's own commit, replays among them."""
    waiting = {(note.rule, note.target, note.arn): WAITING for note in notes if note.name is None}
    return waiting | dict(outcomes)


def last_outcomes(entries: Iterable[Entry]) -> dict[str, dict[Target, str]]:
    """By event, the last outcome at each of its targets, of entries of an outcome log in their order."""
    last: dict[str, dict[Target, str]] = {}
    for entry in entries:
        one = orjson.loads(entry.data)
        outcome = one["outcome"] if one["outcome"] in _ENDINGS else WAITING
        last.setdefault(entry.key, {})[one["rule"], one["target"], one["arn"]] = outcome
    return last
