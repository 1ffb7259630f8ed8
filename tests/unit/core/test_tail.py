"""The stream of events shows what became of an event behind it, whichever node's clock says when that was."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from nightbus.aws.calls import Scope
from nightbus.bus.patterns import Pattern, parse_pattern
from nightbus.clock import SystemClock
from nightbus.node.admin.tail import Selection, tail
from nightbus.store.interface import Append
from nightbus.store.sqlite.store import SqliteStore

SCOPE = Scope("000000000000", "us-east-1")


class Router:
    async def matching(self, *_: object) -> list[str]:
        return []


def event(name: str) -> bytes:
    return orjson.dumps({"version": "0", "id": name, "source": "s"}) + b"\n"


@pytest.mark.parametrize("pattern", [None, parse_pattern(json.dumps({"source": ["s"]}))])
async def test_a_delivery_by_a_node_whose_clock_is_behind_is_shown(
    tmp_path: Path, pattern: Pattern | None
) -> None:
    store = SqliteStore.open(tmp_path, SystemClock(), durable=False)
    outcome = orjson.dumps({"outcome": "delivered"})
    await store.commit(
        Append(SCOPE, "bus/b", 100, event("first")),
        Append(SCOPE, "delivery/b", 95, outcome, "second"),
        Append(SCOPE, "bus/b", 97, event("second")),
        Append(SCOPE, "delivery/b", 103, outcome, "first"),
    )
    platform: Any = SimpleNamespace(store=store, clock=SystemClock(), router=Router())
    shown = []
    stream: Any = tail(platform, Selection(SCOPE, pattern=pattern))
    async with asyncio.timeout(60), aclosing(stream) as lines:
        async for line in lines:
            shown.append(line["event"]["id"] if "event" in line else f"of {line['event_id']}")
            if len(shown) == 4:
                break
    assert shown == ["first", "second", "of first", "of second"]
    await store.close()
