"""Remembers when each user, role and access key was used last, for which action, and in which Region.

A request pays for one look-up in a map. What is new goes into the store in groups, and the same action of the same
credentials once a minute at most, so a busy client causes one write a minute for each action. A kill of the process
loses what was used in the last second.

A principal's record is found by its unique id, so that a user who was renamed keeps it, and a role that was made again
with the same name does not get the old one's. https://docs.aws.amazon.com/IAM/latest/APIReference/API_RoleLastUsed.html
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.bounded import Bounded
from nightbus.clock import Clock
from nightbus.identity.access_keys import ACCESS_KEY, LONG_TERM
from nightbus.identity.principals import ROLE
from nightbus.policies.request import Need
from nightbus.store.interface import PutRecord, Store

log = logging.getLogger("nightbus.identity")

LAST_USE = "iam/last-use"
_EVERY_SECONDS = 1.0
_AGAIN_MS = 60_000
_MOST_KNOWN, _MOST_WAITING = 20_000, 20_000
_GLOBAL_REGION = "us-east-1"  # where AWS says that global services were used


class _Use(NamedTuple):
    account: str
    principal: str  # a user's unique id, or a role's ARN, "" for the root user
    access_key: str  # "" for temporary credentials
    action: str
    region: str


class LastUses:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._noted: Bounded[_Use, int] = Bounded(_MOST_KNOWN)
        self._waiting: dict[_Use, int] = {}
        self._writing: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    def in_memory(self) -> dict[str, int]:
        return {"last uses of principals": len(self._noted)}

    def see(self, call: Call, operation: str, needs: Sequence[Need]) -> None:
        """Note a call, allowed or refused. `operation` stands for an action that nothing has to allow."""
        caller = call.caller
        if call.via or not caller.arn:
            return
        principal = _principal(caller)
        key = caller.access_key if caller.session is None else ""
        if not principal and not key.startswith(LONG_TERM):
            return
        use = _Use(caller.account, principal, key, needs[0].action if needs else operation, call.scope.region)
        now = self._clock.now_ms()
        if now - self._noted.get(use, -_AGAIN_MS) < _AGAIN_MS or len(self._waiting) >= _MOST_WAITING:
            return
        self._noted[use] = self._waiting[use] = now
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_soon())

    async def written(self) -> None:
        """Return when what was seen so far is in the store."""
        if self._writing is not None:
            self._hurry.set()
            await asyncio.wait({self._writing}, timeout=5)

    async def close(self) -> None:
        await self.written()

    async def _write_soon(self) -> None:
        try:
            while self._waiting:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), _EVERY_SECONDS)
                self._hurry.clear()
                waiting, self._waiting = self._waiting, {}
                try:
                    await self._write(waiting)
                except Exception as failure:
                    log.warning("the last uses of %d credentials are not written: %s", len(waiting), failure)
        finally:
            self._writing = None

    async def _write(self, uses: dict[_Use, int]) -> None:
        values: dict[tuple[str, str], dict[str, Any]] = {}
        for use, time in uses.items():
            id = await self._id_of(use)
            if id:
                _add(await self._value(values, use.account, id), use, time)
            if use.access_key and await self._is_issued(use):
                _add(await self._value(values, use.account, use.access_key), use, time)
        puts = [
            PutRecord(Scope(account, ""), LAST_USE, key, value) for (account, key), value in values.items()
        ]
        if puts:
            await self._store.commit(*puts)

    async def _id_of(self, use: _Use) -> str:
        """Return the unique id, "" for a role that IAM does not have."""
        if not use.principal.startswith("arn:"):
            return use.principal
        name = use.principal.rsplit("/", 1)[-1].lower()
        role = await self._store.get(Scope(use.principal.split(":")[4], ""), ROLE, name)
        return str(role.value["RoleId"]) if role is not None else ""

    async def _is_issued(self, use: _Use) -> bool:
        """Return whether IAM has issued the key: a node may accept any."""
        return await self._store.get(Scope(use.account, ""), ACCESS_KEY, use.access_key) is not None

    async def _value(
        self, values: dict[tuple[str, str], dict[str, Any]], account: str, key: str
    ) -> dict[str, Any]:
        value = values.get((account, key))
        if value is None:
            record = await self._store.get(Scope(account, ""), LAST_USE, key)
            value = values[account, key] = {} if record is None else dict(record.value)
        return value


def _principal(caller: Caller) -> str:
    session = caller.session
    if session is not None and session.role:
        return session.role
    if session is not None and session.parent:
        return session.parent_id if ":user/" in session.parent else ""
    return caller.user_id if ":user/" in caller.arn else ""


def _add(value: dict[str, Any], use: _Use, time: int) -> None:
    service, _, action = use.action.partition(":")
    region = use.region or _GLOBAL_REGION
    if time >= value.get("time", 0):
        value |= {"time": time, "service": service, "region": region}
    services = value.setdefault("services", {})
    actions = services.setdefault(service, {})
    actions[action] = [max(time, actions.get(action, [0])[0]), region]
