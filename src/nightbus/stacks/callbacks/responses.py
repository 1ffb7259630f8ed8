"""Sends requests to custom resources, and keeps their responses until the stack's operation has ended.

A request is a record of the store, found by what it asks for (`digest`), so that an engine that runs a step again after
a crash finds the request of the first run: it goes on waiting until the same deadline, and does not send it again.

stage      what has happened                                 next
asked      the record is stored, with the request's id       the request is sent
sent       the function or the topic has taken it            a response, or the deadline
answered   the first response is stored; others are ignored  the step reads it, as often as it runs

A crash between sending and storing `sent` sends the request twice, with the same RequestId, as asynchronous invocations
of AWS may. The records are deleted in the commit that brings the stack to rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.ids import new_uuid
from nightbus.clock import Clock
from nightbus.stacks.callbacks.answers import LONGEST, TOO_LONG, Answer, judged, no_answer
from nightbus.stacks.callbacks.urls import RESPONSES, Callback, CallbackUrls
from nightbus.stacks.callbacks.waiting import wait_until
from nightbus.stacks.records import STACK, stack_key
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import PutRecord, Store
from nightbus.store.vault import Vault, VaultClosed

RESPONSE = "cloudformation/response"  # key: <stack key>/<logical id>/<request id>
_URL_SECONDS = 7200  # a URL outlives the longest timeout, so that a late response is ignored and not refused

_CANCELLED = {"Create": "Resource creation cancelled", "Update": "Resource update cancelled"}

Send = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass
class CustomRequest:
    """A request's record. `deadline` is UTC ms, `sealed` the response's body, `problem` why it was not taken."""

    id: str
    digest: str
    deadline: int
    stage: str = "asked"
    sealed: str = ""
    problem: str = ""


class CustomResponses:
    """Implements the exchange with custom resources over the store."""

    def __init__(self, store: Store, clock: Clock, vault: Vault, urls: CallbackUrls) -> None:
        self._store = store
        self._clock = clock
        self._vault = vault
        self.urls = urls

    async def exchange(
        self,
        members: Mapping[str, Any],
        digest: str,
        seconds: int,
        send: Send,
        is_cancelled: Callable[[], Awaitable[bool]] | None = None,
    ) -> Answer:
        """Send a request once, and return the answer to it, at most `seconds` later.

        `members` has the request without RequestId and ResponseURL. What `send` raises goes to the caller. The wait
        ends with a failure once `is_cancelled` returns True.
        """
        stack_id, logical_id = str(members["StackId"]), str(members["LogicalResourceId"])
        asked = await self._open(stack_id, logical_id, digest, seconds)
        callback = Callback(RESPONSES, stack_id, logical_id, asked.id)
        expires = (asked.deadline - seconds * 1000) // 1000 + _URL_SECONDS
        request = {
            **members,
            "RequestId": asked.id,
            "ResponseURL": self.urls.url(callback, expires),
        }
        if asked.stage == "asked":
            await send(request)
            await self._mark_sent(callback)
        return await self._answer(callback, asked.deadline, request, is_cancelled)

    async def accept(self, callback: Callback, body: bytes, *, too_long: bool = False) -> None:
        """Store the first response to a request; later ones, and those that nobody awaits any more, are ignored."""
        sealed, problem = "", TOO_LONG if too_long or len(body) > LONGEST else ""
        if not problem:
            sealed = await asyncio.to_thread(self._vault.seal, body)
        await self._store_answer(callback, sealed, problem)

    async def _open(self, stack_id: str, logical_id: str, digest: str, seconds: int) -> CustomRequest:
        scope = Callback(RESPONSES, stack_id, logical_id, "").scope
        prefix = f"{stack_key(stack_id)}/{logical_id}/"
        for record in await self._store.list(scope, RESPONSE, prefix=prefix):
            if record.value["digest"] == digest:
                return CustomRequest(**record.value)
        asked = CustomRequest(new_uuid(), digest, self._clock.now_ms() + seconds * 1000)
        await self._store.commit(PutRecord(scope, RESPONSE, prefix + asked.id, asdict(asked), expect=0))
        return asked

    @retries_on_conflict
    async def _mark_sent(self, callback: Callback) -> None:
        record = await self._store.get(callback.scope, RESPONSE, _key(callback))
        if record is not None and record.value["stage"] == "asked":
            value = {**record.value, "stage": "sent"}
            await self._store.commit(
                PutRecord(callback.scope, RESPONSE, record.key, value, expect=record.revision)
            )

    @retries_on_conflict
    async def _store_answer(self, callback: Callback, sealed: str, problem: str) -> None:
        record = await self._store.get(callback.scope, RESPONSE, _key(callback))
        if record is None or record.value["stage"] == "answered":
            return
        value = {**record.value, "stage": "answered", "sealed": sealed, "problem": problem}
        await self._store.commit(
            PutRecord(callback.scope, RESPONSE, record.key, value, expect=record.revision)
        )

    async def _answer(
        self,
        callback: Callback,
        deadline: int,
        request: Mapping[str, Any],
        is_cancelled: Callable[[], Awaitable[bool]] | None,
    ) -> Answer:
        async def look() -> CustomRequest | None:
            record = await self._store.get(callback.scope, RESPONSE, _key(callback))
            if record is not None and record.value["stage"] == "answered":
                return CustomRequest(**record.value)
            cancelled = is_cancelled is not None and await is_cancelled()
            return CustomRequest("", "", 0, problem=_CANCELLED[request["RequestType"]]) if cancelled else None

        found = await wait_until(self._store, self._clock, [RESPONSE, STACK], look, deadline)
        if found is None:
            return Answer(no_answer(request))
        if found.problem:
            return Answer(found.problem)
        try:
            body = await asyncio.to_thread(self._vault.open, found.sealed)
        except VaultClosed as closed:
            return Answer(f"Invalid response: {closed}")
        return judged(body.decode("utf-8", "replace"), request)


def _key(callback: Callback) -> str:
    return f"{stack_key(callback.stack_id)}/{callback.logical_id}/{callback.id}"


async def read_requests(store: Store, scope: Scope, key: str) -> list[str]:
    """Return the keys of the records of a stack's requests."""
    return [record.key for record in await store.list(scope, RESPONSE, prefix=f"{key}/")]
