"""Finds events in the history, the newest first, by what they are, what they say, and what became of them.

The history is read backwards in pieces. An answer ends when it has its rows, or when it has looked at `_MOST_EVENTS` or
`_MOST_BYTES`: then `next` says where to go on, so that a search for what is rare holds nobody up.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.threads import aside
from nightbus.console.api.event_rows import (
    DELIVERED,
    FAILED,
    STATES,
    UNMATCHED,
    WAITING,
    Chosen,
    EventFilter,
    EventRow,
    Head,
    Target,
    last_outcomes,
    row_of,
    state_of,
)
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.values import LATEST, Answer, Limit, Milliseconds, Next
from nightbus.delivery.history import DeliveryNote, events_in, notes_in
from nightbus.delivery.rules import history_log, outcome_log
from nightbus.store.interface import Entry, Store

_MOST_EVENTS = 10_000
_MOST_BYTES = 16 * 1024 * 1024
_FIRST_PIECE, _LARGEST_PIECE = 50, 400  # entries, each of which may have several events
_PIECE_BYTES = 2 * 1024 * 1024
_LEAST_TOGETHER = 200  # events whose states are looked up at once
_OUTCOMES_TOGETHER = 50  # for more events than this, the outcome log is read by time
_SPAN_ENTRIES = 4_000
_SPAN_MS = 60_000  # within which most deliveries end


class EventQuery(Chosen, frozen=True):
    """`before` and `after` are times: events accepted before one, and from the other on."""

    state: str = ""
    before: Milliseconds | None = None
    after: Milliseconds | None = None
    limit: Limit = 100
    next: Next = ""


class EventList(Answer, frozen=True):
    """`searched_to` is the time of the oldest event that was looked at, null where there was none."""

    events: list[EventRow]
    next: str | None
    searched_to: int | None


class _Place(NamedTuple):
    """An event's place in the history: the time, the offset and the bus of its entry, and its number in that. Buses
    count by themselves, so entries of two may have one offset."""

    time: int
    offset: int
    bus: str
    number: int


class _Found(NamedTuple):
    place: _Place
    head: Head
    notes: list[DeliveryNote]


@dataclass(slots=True)
class _Piece:
    """What was found in some entries. `last` is the place of the last event that was looked at."""

    found: list[_Found]
    last: _Place | None = None
    looked: int = 0


async def find_events(request: ApiRequest, query: EventQuery) -> EventList:
    """Raises AwsError for a wrong pattern, state or token."""
    if query.state and query.state not in STATES:
        raise AwsError("ValidationException", f"`state` must be one of {', '.join(STATES)}.")
    return await _Search(request.store, request.scope, query).run()


class _Search:
    def __init__(self, store: Store, scope: Scope, query: EventQuery) -> None:
        self._store = store
        self._scope = scope
        self._query = query
        self._filter = EventFilter.of(query)
        self._place = _place_of(query.next)
        self._size = min(_FIRST_PIECE, query.limit)
        self._ended = False

    async def run(self) -> EventList:
        limit, logs = self._query.limit, await self._logs()
        rows: list[tuple[_Place, EventRow]] = []
        looked = size = 0
        while logs and not self._ended and len(rows) < limit and looked < _MOST_EVENTS and size < _MOST_BYTES:
            entries = await self._read(logs)
            length = sum(len(entry.data) for entry in entries)
            piece = await aside(length, self._look, entries)
            rows += await self._rows(piece.found, limit - len(rows))
            self._place = piece.last or self._place
            looked, size = looked + piece.looked, size + length
        if len(rows) >= limit:  # what was found beyond them is looked for again
            rows = rows[:limit]
            self._ended = self._ended and self._place == rows[-1][0]
            self._place = rows[-1][0]
        place = self._place
        return EventList(
            events=[row for _, row in rows],
            next=None if self._ended or place is None else _token(place),
            searched_to=None if place is None else place.time,
        )

    async def _logs(self) -> list[str]:
        if self._query.bus:
            return [history_log(self._query.bus)]
        return await self._store.logs(self._scope, history_log(""))

    async def _read(self, logs: Sequence[str]) -> list[Entry]:
        """The next entries backwards; with those of the place's own moment, some of which were looked at before."""
        query, place = self._query, self._place
        until = query.before if place is None else place.time + 1
        while True:
            entries = await self._store.read(
                self._scope, logs, since=query.after, until=until, limit=self._size, backwards=True
            )
            self._ended = len(entries) < self._size
            if self._ended or place is None or _place_of_entry(entries[-1])[:3] < place[:3]:
                break
            self._size *= 2  # all of them are of one moment, and known
        average = max(1, sum(len(entry.data) for entry in entries) // max(1, len(entries)))
        self._size = max(10, min(2 * self._size, _LARGEST_PIECE, _PIECE_BYTES // average))
        return entries

    def _look(self, entries: Sequence[Entry]) -> _Piece:
        piece = _Piece([])
        for entry in entries:
            first = _place_of_entry(entry)
            if self._place is not None and first[:3] > self._place[:3]:
                continue
            if first[:3] != (self._place or ())[:3] and not self._filter.may_be_in(entry.data):
                piece.last = first
                piece.looked += entry.data.count(b"\n") // 2 + 1
                continue
            for number, (text, line) in reversed(list(enumerate(events_in(entry.data)))):
                place = first._replace(number=number)
                if self._place is not None and place >= self._place:
                    continue
                piece.last = place
                piece.looked += 1
                head = self._filter.head(text)
                if head is not None:
                    piece.found.append(_Found(place, head, notes_in(line)))
        return piece

    async def _rows(self, found: Sequence[_Found], most: int) -> list[tuple[_Place, EventRow]]:
        """The first ones in the state that is asked for: `most` of them at least, where there are so many."""
        state = self._query.state
        if state == UNMATCHED:
            found = [one for one in found if not one.notes]
        elif state in (FAILED, WAITING):  # only what was queued can be either
            found = [one for one in found if _is_queued(one)]
        rows: list[tuple[_Place, EventRow]] = []
        step = max(most, _LEAST_TOGETHER)
        for at in range(0, len(found), step):
            rows += await self._with_states(found[at : at + step])
            if len(rows) >= most:
                break
        return rows

    async def _with_states(self, found: Sequence[_Found]) -> list[tuple[_Place, EventRow]]:
        outcomes = {}
        for bus in {one.place.bus for one in found}:
            queued = [one for one in found if one.place.bus == bus and _is_queued(one)]
            if queued:
                outcomes[bus] = await self._outcomes(bus, queued)
        rows = []
        for one in found:
            bus = one.place.bus
            known = outcomes.get(bus, {}).get(one.head.id)
            rows.append((one.place, row_of(one.head, one.place.time, bus, one.notes, known)))
        return [pair for pair in rows if self._query.state in ("", pair[1].state)]

    async def _outcomes(self, bus: str, queued: Sequence[_Found]) -> dict[str, dict[Target, str]]:
        """By event, what became of the deliveries that were queued."""
        log = outcome_log(bus)
        if len(queued) <= _OUTCOMES_TOGETHER:
            return await self._outcomes_by_event(log, [one.head.id for one in queued])
        first, last = min(one.place.time for one in queued), max(one.place.time for one in queued)
        entries = await self._store.read(
            self._scope, log, since=first, until=last + _SPAN_MS, limit=_SPAN_ENTRIES
        )
        outcomes = await aside(sum(len(entry.data) for entry in entries), last_outcomes, entries)
        known = ((one, state_of(one.notes, outcomes.get(one.head.id, {}))) for one in queued)
        open_ones = [one for one, state in known if state != DELIVERED]  # later than that, or replayed since
        return outcomes | await self._outcomes_by_event(log, [one.head.id for one in open_ones])

    async def _outcomes_by_event(self, log: str, ids: Sequence[str]) -> dict[str, dict[Target, str]]:
        found: list[Entry] = []
        for event_id in ids:
            found += await self._store.read(self._scope, log, key=event_id)
        return last_outcomes(found)


def _is_queued(found: _Found) -> bool:
    return any(note.name is None for note in found.notes)


def _place_of_entry(entry: Entry) -> _Place:
    return _Place(entry.time, entry.offset, entry.log.removeprefix(history_log("")), 0)


def _token(place: _Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()


def _place_of(token: str) -> _Place | None:
    """Raises AwsError for a token that no answer had."""
    if not token:
        return None
    try:
        place = msgspec.json.decode(base64.urlsafe_b64decode(token), type=_Place)
        if all(
            0 <= one <= LATEST for one in (place.time, place.offset, place.number)
        ):  # as the store can hold
            return place
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        pass
    raise AwsError("ValidationException", "`next` must be that of an answer.")
