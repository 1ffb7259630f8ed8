"""Keeps the signals that wait conditions and creation policies wait for, and waits for them.

A signal is a record, found by what it signals (a handle of a wait condition, or a resource) and by its unique id: a
second one with the same id changes nothing, as on AWS. The deadline of a wait is a record too, so that an engine that
runs the step again after a crash waits until the same time. Deadlines are deleted when the stack comes to rest.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.clock import Clock
from nightbus.stacks.callbacks.urls import SIGNALS, Callback, CallbackUrls, parsed_path
from nightbus.stacks.callbacks.waiting import wait_until
from nightbus.stacks.records import STACK, stack_key
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import Conflict, DeleteRecord, PutRecord, Store

SIGNAL = "cloudformation/signal"  # key: <stack key>/<logical id>/<handle, or - for a resource>/<unique id>
DEADLINE = "cloudformation/deadline"  # key: <stack key>/<logical id>/<physical name>
OF_RESOURCE = "-"
LONGEST_SIGNAL = 4096  # bytes
_STATUSES = ("SUCCESS", "FAILURE")
_URL_SECONDS = 365 * 24 * 3600


@dataclass
class Signal:
    """A signal. `received` is UTC ms."""

    unique_id: str
    status: str
    reason: str = ""
    data: str = ""
    received: int = 0


@dataclass(frozen=True)
class Received:
    """The signals when a wait ended. `complete`: there are enough; `cancelled`: the operation was cancelled."""

    signals: Sequence[Signal]
    complete: bool = False
    cancelled: bool = False

    @property
    def failed(self) -> list[Signal]:
        return [one for one in self.signals if one.status == "FAILURE"]

    @property
    def data(self) -> str:
        """The data by unique id, as the attribute Data of a wait condition has it: a JSON text."""
        return json.dumps({one.unique_id: one.data for one in self.signals}, separators=(",", ":"))


class Signals:
    def __init__(self, store: Store, clock: Clock, urls: CallbackUrls) -> None:
        self._store = store
        self._clock = clock
        self._urls = urls

    def handle_url(self, stack_id: str, logical_id: str, name: str) -> str:
        """Return the URL of a new handle, to which signals are sent for a year."""
        expires = self._clock.now_ms() // 1000 + _URL_SECONDS
        return self._urls.url(Callback(SIGNALS, stack_id, logical_id, name), expires)

    async def accept(self, callback: Callback, body: bytes) -> None:
        """Store the signal that was sent to a handle. Raises AwsError for what is not one."""
        signal = _parsed(body)
        signal.received = self._clock.now_ms()
        with suppress(Conflict):  # the id is known
            await add_signal(self._store, callback, signal)

    async def wait(
        self,
        signalled: Callback,
        waiting: tuple[str, str],
        count: int,
        seconds: int,
        is_cancelled: Callable[[], Awaitable[bool]],
    ) -> Received:
        """Wait for `count` signals of success, or one of failure, at most for `seconds`.

        `waiting` is the logical id and the physical name of what waits.
        """

        async def look() -> Received | None:
            signals = await received_signals(self._store, signalled)
            received = Received(signals)
            if len(signals) - len(received.failed) >= count and not received.failed:
                return Received(signals, complete=True)
            if received.failed:
                return received
            return Received(signals, cancelled=True) if await is_cancelled() else None

        deadline = await self._deadline(signalled, waiting, seconds)
        found = await wait_until(self._store, self._clock, [SIGNAL, STACK], look, deadline)
        return found or Received(await received_signals(self._store, signalled))

    @retries_on_conflict
    async def _deadline(self, signalled: Callback, waiting: tuple[str, str], seconds: int) -> int:
        key = "/".join((stack_key(signalled.stack_id), *waiting))
        record = await self._store.get(signalled.scope, DEADLINE, key)
        if record is not None:
            return int(record.value["deadline"])
        deadline = self._clock.now_ms() + seconds * 1000
        await self._store.commit(PutRecord(signalled.scope, DEADLINE, key, {"deadline": deadline}, expect=0))
        return deadline

    async def forget(self, signalled: Callback) -> None:
        """Delete the signals of a handle."""
        records = await self._store.list(signalled.scope, SIGNAL, prefix=_prefix(signalled))
        await self._store.commit(*(DeleteRecord(signalled.scope, SIGNAL, one.key) for one in records))


async def add_signal(store: Store, signalled: Callback, signal: Signal, *, replace: bool = False) -> None:
    """Store a signal. Raises Conflict if there is one with its id, unless it is to be replaced."""
    key = _prefix(signalled) + quote(signal.unique_id, safe="")
    await store.commit(PutRecord(signalled.scope, SIGNAL, key, asdict(signal), expect=None if replace else 0))


async def received_signals(store: Store, signalled: Callback) -> list[Signal]:
    """Return the signals, the first received one first."""
    records = await store.list(signalled.scope, SIGNAL, prefix=_prefix(signalled))
    return sorted((Signal(**record.value) for record in records), key=lambda one: one.received)


def signalled_by(url: str) -> Callback | None:
    """Return the handle whose URL this is, or None."""
    try:
        callback = parsed_path(unquote(urlsplit(url).path))
    except ValueError:
        return None
    return callback if callback is not None and callback.kind == SIGNALS else None


def resource_signals(stack_id: str, logical_id: str) -> Callback:
    """Return what SignalResource signals."""
    return Callback(SIGNALS, stack_id, logical_id, OF_RESOURCE)


async def ended_waits(store: Store, scope: Scope, key: str) -> list[tuple[str, str]]:
    """Return kind and key of the records that a stack at rest needs no more: deadlines, and signals of resources."""
    ended = [(DEADLINE, one.key) for one in await store.list(scope, DEADLINE, prefix=f"{key}/")]
    signals = await store.list(scope, SIGNAL, prefix=f"{key}/")
    return ended + [(SIGNAL, one.key) for one in signals if one.key.split("/")[3] == OF_RESOURCE]


def _prefix(signalled: Callback) -> str:
    return f"{stack_key(signalled.stack_id)}/{signalled.logical_id}/{signalled.id}/"


def _parsed(body: bytes) -> Signal:
    wrong = AwsError("MalformedSignal", "A signal is a JSON object with Status SUCCESS or FAILURE.", 400)
    if len(body) > LONGEST_SIGNAL:
        raise AwsError("EntityTooLarge", f"A signal may not exceed {LONGEST_SIGNAL} bytes.", 400)
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(value, dict) or value.get("Status") not in _STATUSES:
        raise wrong
    texts = {name: _text(value.get(name)) for name in ("UniqueId", "Reason", "Data")}
    return Signal(texts["UniqueId"] or new_uuid(), value["Status"], texts["Reason"], texts["Data"])


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)
