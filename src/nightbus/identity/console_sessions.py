"""Signs people in to the console: makes the codes of one-time links, exchanges them for sessions, and finds a session
by its cookie, at whichever node of a store the cookie is shown.

Codes and sessions are records, each under a hash of the code or the cookie, and the session's token follows from the
cookie: neither a store, nor a copy of it, nor a dump of a node's memory shows what would let somebody in.

- A code is good once, since the commit that makes the session deletes the code's record, and for `LINK_MS`.
- A session ends `IDLE_MS` after it was used, `LONGEST_MS` after it began, and when its record is deleted, of which all
  nodes hear by the feed. It outlives its node. That it is used is written down when `_NOTED_MS` have passed since the
  last time, so it may end that much early, and a request neither reads nor writes.
- Where the store takes nothing now (a full disk), codes and the sessions made by them are this node's, in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nightbus.bounded import Bounded
from nightbus.clock import Clock
from nightbus.store.interface import SYSTEM, Conflict, DeleteRecord, PutRecord, Record, Store, StoreClosed
from nightbus.store.known_records import KnownRecords
from nightbus.store.upkeep import is_passing, one_of_many

log = logging.getLogger("nightbus.identity")

CODE, SESSION = "console/code", "console/session"
LINK_MS = 60_000
IDLE_MS = 12 * 3_600_000
LONGEST_MS = 7 * 24 * 3_600_000
_NOTED_MS = 600_000
_MOST = {CODE: 100, SESSION: 100}
_MOST_KNOWN = 1_000


@dataclass(frozen=True, slots=True)
class Session:
    """`token` is to be shown with every request that changes something. `key` is that of the session's record."""

    key: str
    token: str


class ConsoleSessions:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known = KnownRecords(store, (SESSION,), _MOST_KNOWN)
        self._own_codes: Bounded[str, dict[str, Any]] = Bounded(_MOST[CODE])
        self._own_sessions: Bounded[str, dict[str, Any]] = Bounded(_MOST[SESSION])
        self._noting: dict[str, asyncio.Task[None]] = {}

    async def new_code(self) -> str:
        """Return a code for `sign_in`, until `LINK_MS` from now."""
        code, now = secrets.token_urlsafe(32), self._clock.now_ms()
        value = {"began": now, "ends": now + LINK_MS}
        try:
            room = await self._room_for(CODE)
            await self._store.commit(*room, PutRecord(SYSTEM, CODE, _hash(code), value, 0))
        except Exception as failure:
            if not is_passing(failure):
                raise
            self._own_codes[_hash(code)] = value
        return code

    async def sign_in(self, code: str) -> tuple[str, Session] | None:
        """Use the code up: return the value of the cookie, and its session. None for a code that is not good.

        Raises StoreUnavailable, and what the store raises on a full disk; the code may be good then, or used up.
        """
        cookie, now = secrets.token_urlsafe(32), self._clock.now_ms()
        session, value = _session_of(cookie), {"began": now, "used": now}
        own = self._own_codes.pop(_hash(code), None)
        stored = await self._store.get(SYSTEM, CODE, _hash(code)) if own is None else None
        found = own or (stored.value if stored is not None else None)
        if found is None or _is_over(found, now):
            return None
        used_up = DeleteRecord(SYSTEM, CODE, _hash(code), None if stored is None else stored.revision)
        try:
            room = await self._room_for(SESSION)
            await self._store.commit(used_up, *room, PutRecord(SYSTEM, SESSION, session.key, value, 0))
        except Conflict:  # somebody was faster with the same code
            return None
        except Exception as failure:
            if own is None or not is_passing(failure):
                raise
            self._own_sessions[session.key] = value
        return cookie, session

    async def find(self, cookie: str) -> Session | None:
        """Return the session, which is used by this. None for a cookie without one."""
        key, now = _hash(cookie), self._clock.now_ms()
        own = self._own_sessions.get(key)
        record = await self._known.get(SYSTEM, SESSION, key) if own is None else None
        value = own if record is None else record.value
        if value is None or _is_over(value, now):
            return None
        if now - value["used"] >= _NOTED_MS:
            self._note_use(key, record, now)
        return _session_of(cookie)

    async def stands(self, session: Session) -> bool:
        """Return whether the session has not ended; it is not used by this."""
        value: Mapping[str, Any] | None = self._own_sessions.get(session.key)
        if value is None:
            record = await self._known.get(SYSTEM, SESSION, session.key)
            value = None if record is None else record.value
        return value is not None and not _is_over(value, self._clock.now_ms())

    async def sign_out(self, cookie: str) -> None:
        """End the session of the cookie, if it has one."""
        key = _hash(cookie)
        self._own_sessions.pop(key, None)
        if await self._store.get(SYSTEM, SESSION, key) is not None:
            await self._store.commit(DeleteRecord(SYSTEM, SESSION, key))

    async def sign_everybody_out(self) -> None:
        """End all sessions, and use up all codes, of all nodes on the store.

        Codes come first: who signs in meanwhile by one of these has a session that is found then, or finds no code.
        """
        self._own_codes.clear()
        self._own_sessions.clear()
        for kind in (CODE, SESSION):
            there = await self._store.list(SYSTEM, kind)
            if there:
                await self._store.commit(*(DeleteRecord(SYSTEM, kind, one.key) for one in there))

    async def _room_for(self, kind: str) -> list[DeleteRecord]:
        """Return what deletes those that have ended, and the oldest ones where there would be too many."""
        now = self._clock.now_ms()
        records = sorted(await self._store.list(SYSTEM, kind), key=lambda record: int(record.value["began"]))
        over = [record for record in records if _is_over(record.value, now)]
        live = [record for record in records if not _is_over(record.value, now)]
        over += live[: max(0, len(live) - _MOST[kind] + 1)]
        return [DeleteRecord(SYSTEM, kind, record.key) for record in over]

    def _note_use(self, key: str, record: Record | None, now: int) -> None:
        """In the background: nobody waits for it, and a full disk lets nobody wait."""
        if record is None:
            self._own_sessions[key]["used"] = now
        elif key not in self._noting:
            task = asyncio.create_task(self._write_use(record, now), name="a session's use")
            self._noting[key] = task
            task.add_done_callback(lambda _: self._noting.pop(key, None))

    async def _write_use(self, record: Record, now: int) -> None:
        try:
            value = {**record.value, "used": now}
            await self._store.commit(PutRecord(SYSTEM, SESSION, record.key, value, record.revision))
        except (Conflict, StoreClosed):  # another node has noted it, or somebody signs out
            pass
        except Exception as failure:
            if not is_passing(failure):
                log.exception("that a session of the console is used cannot be written down")

    def in_memory(self) -> dict[str, int]:
        own = len(self._own_codes) + len(self._own_sessions) + len(self._noting)
        return {**self._known.in_memory(), "the console's sessions of this node alone": own}


async def forget_ended(store: Store, clock: Clock) -> None:
    """Delete the codes and sessions that have ended, once."""
    for kind in (CODE, SESSION):
        for record in await store.list(SYSTEM, kind):
            with one_of_many("forgetting", kind), contextlib.suppress(Conflict):
                if _is_over(record.value, clock.now_ms()):
                    await store.commit(DeleteRecord(SYSTEM, kind, record.key, record.revision))


def _is_over(value: Mapping[str, Any], now: int) -> bool:
    """`value` is that of a code or of a session."""
    if "ends" in value:
        return now >= int(value["ends"])
    return now > min(int(value["used"]) + IDLE_MS, int(value["began"]) + LONGEST_MS)


def _session_of(cookie: str) -> Session:
    return Session(_hash(cookie), _hash(f"token of {cookie}"))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
