"""Gives requests to endpoints the moments at which they may be made, for all nodes together.

An endpoint has a row (`rate`) with the time from which on it has room. Whoever needs a moment puts that time off by the
distance of two requests, in one statement for all on the node who wait for the endpoint. So the moments of all nodes
are spread evenly. One that lies ahead is kept in `rate_moment`: the job comes back at any node, and finds it.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nightbus.store.postgres.retries import patiently

if TYPE_CHECKING:
    import asyncpg

_MOST_AT_ONCE = 500
_MOST_AHEAD_MS = 24 * 3600 * 1000  # longer than that no event lives
_LATE_MS = 3600 * 1000

# $2: who ask, in their order; $3: now; $4: ms between two requests. No moment: the endpoint has no room within a day.
_GIVE = f"""
WITH asking AS (SELECT who, row_number() OVER (ORDER BY place) AS place
                FROM unnest($2::text[]) WITH ORDINALITY AS asked (who, place)
                WHERE NOT EXISTS (SELECT 1 FROM rate_moment WHERE name = $1 AND rate_moment.who = asked.who)),
     number AS (SELECT count(*) AS asking FROM asking),
     put_off AS (INSERT INTO rate AS known (name, room_from)
                 SELECT $1, $3::double precision + $4::double precision * asking FROM number
                 WHERE asking > 0 AND coalesce((SELECT room_from FROM rate WHERE name = $1), 0) <= $3 + {_MOST_AHEAD_MS}
                 ON CONFLICT (name) DO UPDATE SET
                 room_from = greatest(known.room_from, $3) + $4 * (SELECT asking FROM number) RETURNING room_from),
     given AS (SELECT who, room_from - $4 * (asking - place + 1) AS moment FROM asking, number, put_off),
     noted AS (INSERT INTO rate_moment (name, who, moment)
               SELECT $1, who, moment FROM given WHERE floor(moment) > $3
               ON CONFLICT (name, who) DO UPDATE SET moment = excluded.moment),
     due AS (DELETE FROM rate_moment WHERE name = $1 AND who = ANY($2) AND floor(moment) <= $3)
SELECT who, moment FROM given
UNION ALL SELECT who, moment FROM rate_moment WHERE name = $1 AND who = ANY($2)
"""  # noqa: S608 - a number
_PAST = f"extract(epoch FROM clock_timestamp()) * 1000 - {_LATE_MS}"


async def delete_past_moments(pool: asyncpg.Pool) -> None:
    """What is kept of endpoints that have room, and of jobs that did not come back."""
    await pool.execute(f"DELETE FROM rate_moment WHERE moment < {_PAST}")  # noqa: S608
    await pool.execute(f"DELETE FROM rate WHERE room_from < {_PAST}")  # noqa: S608


@dataclass(slots=True)
class _Endpoint:
    rate: int = 1
    now_ms: int = 0
    waiting: dict[str, list[asyncio.Future[int | None]]] = field(default_factory=dict)


class Rates:
    """Implements `nightbus.store.shared_limits.SharedRates`."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._endpoints: dict[str, _Endpoint] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def in_memory(self) -> dict[str, int]:
        return {"endpoints that are asked for": len(self._endpoints)}

    async def moment(self, endpoint: str, rate: int, who: str, now_ms: int) -> int | None:
        """UTC ms at which `who` is to come again, at any node; None when they may go now. Raises StoreUnavailable."""
        one = self._endpoints.get(endpoint)
        if one is None:
            one = self._endpoints[endpoint] = _Endpoint()
            task = asyncio.get_running_loop().create_task(self._answer(endpoint, one))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        one.rate, one.now_ms = rate, max(now_ms, one.now_ms)
        answer = asyncio.get_running_loop().create_future()
        one.waiting.setdefault(hashlib.sha256(who.encode()).hexdigest()[:32], []).append(answer)
        moment: int | None = await answer
        return moment

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for one in self._endpoints.values():  # whose task had not begun
            for answers in one.waiting.values():
                _cancel(answers)
        self._endpoints.clear()

    async def _answer(self, endpoint: str, one: _Endpoint) -> None:
        try:
            while one.waiting:
                batch = {who: one.waiting[who] for who in list(one.waiting)[:_MOST_AT_ONCE]}
                for who in batch:
                    del one.waiting[who]
                await self._answer_batch(endpoint, one, batch)
        finally:
            del self._endpoints[endpoint]
            for answers in one.waiting.values():  # the node stops
                _cancel(answers)

    async def _answer_batch(
        self, endpoint: str, one: _Endpoint, batch: dict[str, list[asyncio.Future[int | None]]]
    ) -> None:
        now, distance = one.now_ms, 1000 / one.rate
        try:
            rows = await patiently(lambda: self._pool.fetch(_GIVE, endpoint, list(batch), now, distance))
        except Exception as failure:
            for answer in (answer for answers in batch.values() for answer in answers):
                if not answer.done():
                    answer.set_exception(failure)
            return
        except BaseException:
            for answers in batch.values():
                _cancel(answers)
            raise
        moments = {row["who"]: int(row["moment"]) for row in rows}
        for who, answers in batch.items():
            moment = moments.get(who, now + _MOST_AHEAD_MS)
            for answer in answers:
                if not answer.done():
                    answer.set_result(None if moment <= now else moment)


def _cancel(answers: list[asyncio.Future[int | None]]) -> None:
    for answer in answers:
        answer.cancel()
