"""Finds events in the history, the newest first, by what they are, what they say, and what became of them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from nightbus.console.api.request import ApiRequest
from nightbus.console.api.values import Answer, Milliseconds, Page
from nightbus.delivery.history import events_in, notes_in
from nightbus.delivery.rules import history_log

DELIVERED, FAILED, WAITING, UNMATCHED = "delivered", "failed", "waiting", "unmatched"
_PREVIEW_CHARACTERS = 300


class EventQuery(Page, frozen=True):
    """`text` is looked for in the whole event. `before` and `after` are times."""

    bus: str = ""
    source: str = ""
    detail_type: str = ""
    text: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    pattern: Annotated[str, msgspec.Meta(max_length=8192)] = ""
    state: str = ""
    before: Milliseconds | None = None
    after: Milliseconds | None = None


class EventRow(Answer, frozen=True):
    """`rules` are those whose targets got it, or will; `state` is delivered, failed, waiting or unmatched; `preview`
    is the beginning of its detail."""

    id: str
    time: int
    bus: str
    source: str
    detail_type: str
    account: str
    region: str
    rules: list[str]
    state: str
    preview: str


class EventList(Answer, frozen=True):
    events: list[EventRow]
    next: str | None


class _Head(msgspec.Struct):
    """What a row needs of an envelope."""

    id: str
    source: str
    detail_type: str = msgspec.field(name="detail-type")
    account: str
    region: str
    detail: msgspec.Raw


_decoder = msgspec.json.Decoder(_Head)


async def find_events(request: ApiRequest, query: EventQuery) -> EventList:
    names = (
        [history_log(query.bus)] if query.bus else await request.store.logs(request.scope, history_log(""))
    )
    rows: list[EventRow] = []
    for entry in await request.store.read(request.scope, names, limit=query.limit, backwards=True):
        bus = entry.log.partition("/")[2]
        for text, line in reversed(list(events_in(entry.data))):
            head = _decoder.decode(text)
            notes = notes_in(line)
            state = DELIVERED if notes else UNMATCHED
            rules = list(dict.fromkeys(note.rule for note in notes))
            preview = bytes(head.detail)[:_PREVIEW_CHARACTERS].decode("utf-8", "ignore")
            rows.append(
                EventRow(
                    id=head.id,
                    time=entry.time,
                    bus=bus,
                    source=head.source,
                    detail_type=head.detail_type,
                    account=head.account,
                    region=head.region,
                    rules=rules,
                    state=state,
                    preview=preview,
                )
            )
    return EventList(events=rows[: query.limit], next=None)
