"""Gives the names of logs and queues the numbers under which their rows lie.

A number is made before the transaction that needs it, in a row that counts as dropped: so a commit that is refused
leaves nothing behind that is seen, and no transaction waits for another one that makes the same name. The first commit
that puts something under the name takes the mark off.

A name that is dropped keeps its number for an hour. A node remembers a number for less, so a reader may go by what it
remembers; a commit finds out in any case, since it locks the row.

Offsets of a log are never used twice, though its row may be gone meanwhile: a new row begins at the highest offset of
all rows that were deleted (`meta`, key `offsets`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from nightbus.aws.calls import Scope
from nightbus.bounded import Bounded
from nightbus.store.interface import FIRST_CHOSEN_OFFSET
from nightbus.store.postgres.texts import stored
from nightbus.store.scopes import NameKey, scope_text

if TYPE_CHECKING:
    import asyncpg

    Reader = asyncpg.Pool | asyncpg.Connection

log = logging.getLogger("nightbus.store")
_MOST_KNOWN = 20_000
_KNOWN_SECONDS = 600.0
_DROPPED_MS = 3_600_000
_ENDED_MS = 86_400_000  # no commit is under way for so long that was planned before the end
_MOST_AT_ONCE = 1_000

DATABASE_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_SELECT = """
SELECT name.scope, name.kind, name.name, name.id
FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (scope, kind, name) JOIN name USING (scope, kind, name)
"""
_INSERT = f"""
INSERT INTO name (scope, kind, name, newest, dropped_at)
SELECT scope, kind, name, coalesce((SELECT value::bigint FROM meta WHERE key = 'offsets'), 0), {DATABASE_NOW}
FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (scope, kind, name) ORDER BY scope, kind, name
ON CONFLICT DO NOTHING
"""  # noqa: S608 - made of constants
_OLD = f"""
FROM name WHERE dropped_at < {DATABASE_NOW} - CASE WHEN ended THEN {_ENDED_MS} ELSE {_DROPPED_MS} END
"""
_NOTE_OFFSETS = f"""
INSERT INTO meta SELECT 'offsets', max(newest)::text {_OLD} AND newest BETWEEN 1 AND {FIRST_CHOSEN_OFFSET - 1}
HAVING max(newest) IS NOT NULL
ON CONFLICT (key) DO UPDATE SET value = greatest(meta.value::bigint, excluded.value::bigint)::text
"""
_DELETE = f"""
DELETE FROM name WHERE id IN (SELECT id {_OLD}
    AND newest <= coalesce((SELECT value::bigint FROM meta WHERE key = 'offsets'), 0)
    ORDER BY id LIMIT {_MOST_AT_ONCE} FOR UPDATE SKIP LOCKED)
"""  # noqa: S608 - made of constants


class Names:
    """The numbers that this node remembers. Belongs to its event loop."""

    def __init__(self) -> None:
        self._known: Bounded[NameKey, tuple[int, float]] = Bounded(
            _MOST_KNOWN
        )  # with when it is to be asked again

    def known(self, key: NameKey) -> int | None:
        """The number, where it is remembered."""
        known = self._known.get(key)
        return known[0] if known is not None and known[1] > time.monotonic() else None

    async def find(self, reader: Reader, scope: Scope, kind: str, name: str) -> int | None:
        """The number of a log or a queue (`kind`), None where it has none."""
        key = (scope, kind, name)
        return (await self.find_all(reader, [key])).get(key)

    async def find_all(self, reader: Reader, keys: Collection[NameKey]) -> dict[NameKey, int]:
        """Those of `keys` that have a number."""
        now = time.monotonic()
        numbers: dict[NameKey, int] = {}
        unknown: list[NameKey] = []
        for key in keys:
            known = self._known.get(key)
            if known is not None and known[1] > now:
                numbers[key] = known[0]
            else:
                unknown.append(key)
        if unknown:
            by_text = {_text(key): key for key in unknown}
            for scope, kind, name, number in await reader.fetch(_SELECT, *_columns(by_text)):
                key = by_text[scope, kind, name]
                self._known.pop(key, None)
                self._known[key] = (number, now + _KNOWN_SECONDS)
                numbers[key] = number
        return numbers

    async def make_all(self, connection: asyncpg.Connection, keys: Collection[NameKey]) -> dict[NameKey, int]:
        """The numbers of all of `keys`, made for those that have none; outside of a transaction."""
        numbers = await self.find_all(connection, keys)
        missing = [key for key in keys if key not in numbers]
        if missing:
            await connection.execute(_INSERT, *_columns(map(_text, missing)))
            numbers |= await self.find_all(connection, missing)
        return numbers

    def forget(self, keys: Iterable[NameKey]) -> None:
        """Their rows were not found by the numbers that are remembered."""
        for key in keys:
            self._known.pop(key, None)

    def forget_all(self) -> None:
        """The database may have been put back to an earlier state, which gives the same numbers to other names."""
        self._known.clear()

    def in_memory(self) -> dict[str, int]:
        return {"names known": len(self._known)}


async def delete_dropped(reader: Reader) -> None:
    """Delete rows of names that were dropped long ago, at most a thousand. The offsets are noted in a transaction of
    its own before: whoever makes the name anew in this moment begins above them."""
    await reader.execute(_NOTE_OFFSETS)
    await reader.execute(_DELETE)


def _text(key: NameKey) -> tuple[str, str, str]:
    scope, kind, name = key
    return scope_text(scope), kind, stored(name)


def _columns(texts: Iterable[tuple[str, str, str]]) -> tuple[list[str], list[str], list[str]]:
    rows = list(texts)
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
