"""Keeps what SNS would hand to people's devices: text messages, mobile push, and e-mail where there is no SMTP server.

Nothing of it leaves the machine. Each account and region has a log with an entry for each message, also for one that
was not delivered, with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.store.interface import Append, Entry, Store

OUTBOX = "sns/outbox"
SMS, PUSH, EMAIL = "sms", "push", "email"
KINDS = (SMS, PUSH, EMAIL)
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """`kind` is one of KINDS, `to` the number, the endpoint's ARN or the address; `time` is UTC ms.

    `failure` says why it was not delivered, "" where it was. `topic` is the ARN of the topic, "" for a message that was
    published directly. `details` are those of the kind, such as the sender's id of a text message.
    """

    id: str
    kind: str
    to: str
    text: str
    time: int
    subject: str = ""
    topic: str = ""
    failure: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def entry(self, scope: Scope) -> Append:
        """Return the change that puts it into the outbox."""
        return Append(scope, OUTBOX, self.time, orjson.dumps(asdict(self)), self.id)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which messages are read; "" selects all. `after` is the position from which to go on, `limit` their number."""

    kind: str = ""
    to: str = ""
    id: str = ""
    since: int | None = None
    after: int = 0
    limit: int = 100


async def read_outbox(store: Store, scope: Scope, selection: Selection) -> list[dict[str, Any]]:
    """Return the messages as dicts, the oldest first, each with its `position`. Without `after` they are the newest."""
    found: list[dict[str, Any]] = []
    backwards, after = not selection.after, selection.after
    while len(found) < selection.limit:
        entries = await store.read(
            scope, OUTBOX, after=after, since=selection.since, key=selection.id or None,
            limit=_AT_ONCE, backwards=backwards,
        )  # fmt: skip
        if not entries:
            break
        after = entries[-1].offset
        found += [shown for entry in entries if _wants(selection, shown := _shown(entry))]
    del found[selection.limit :]
    return found[::-1] if backwards else found


async def count_outbox(store: Store, scope: Scope) -> dict[str, dict[str, int]]:
    """Return how many messages of each kind are kept, `delivered` and `failed`."""
    counts: dict[str, Counter[str]] = {kind: Counter(delivered=0, failed=0) for kind in KINDS}
    after = 0
    while entries := await store.read(scope, OUTBOX, after=after, limit=_AT_ONCE):
        after = entries[-1].offset
        for entry in entries:
            shown = _shown(entry)
            counts[shown["kind"]]["failed" if shown["failure"] else "delivered"] += 1
    return {kind: dict(numbers) for kind, numbers in counts.items()}


def _shown(entry: Entry) -> dict[str, Any]:
    return {**orjson.loads(entry.data), "position": entry.offset}


def _wants(selection: Selection, shown: Mapping[str, Any]) -> bool:
    return selection.kind in ("", shown["kind"]) and selection.to in ("", shown["to"])
