"""What a subscriber of telemetry hears of the time before it subscribed, and how much of that is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nightbus.functions.extensions.registry import Extension
from nightbus.functions.extensions.telemetry import LOGS, TELEMETRY, Telemetry
from nightbus.functions.extensions.telemetry_delivery import Subscriber

SUBSCRIPTION = {
    "types": ["platform", "function", "extension"],
    "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4243"},
}


class Offered:
    """The documents that subscribers were offered, without a listener."""

    def __init__(self, monkeypatch: Any) -> None:
        self.documents: list[dict[str, Any]] = []
        monkeypatch.setattr(Subscriber, "add", lambda _, document: self.documents.append(document))
        self.told: list[tuple[str, str, Sequence[str]]] = []
        self.telemetry = Telemetry(
            lambda: "127.64.0.1", "Text", lambda kind, name, types: self.told.append((kind, name, types))
        )

    def subscribe(self, api: bytes = TELEMETRY, **changes: Any) -> bytes:
        body = json.dumps({**SUBSCRIPTION, **changes}).encode()
        return self.telemetry.handle(Extension("e", is_external=True), api, body, is_closed=False)


async def test_the_backlog_is_heard_once_and_bounded(monkeypatch: Any) -> None:
    world = Offered(monkeypatch)
    for number in range(1_500):
        world.telemetry.line("function", f"{number}\n", 0)
    assert world.subscribe().startswith(b"HTTP/1.1 200 OK")
    assert len(world.documents) == 1_000
    assert world.documents[-1]["record"] == "1499\n"
    assert world.told == [("telemetrySubscription", "e", ("platform", "function", "extension"))]


async def test_long_lines_of_the_init_phase_take_no_more_than_a_megabyte(monkeypatch: Any) -> None:
    world = Offered(monkeypatch)
    for _ in range(50):
        world.telemetry.line("extension", "x" * 100_000, 0)
    world.subscribe()
    assert len(world.documents) == 10


async def test_after_the_init_phase_there_is_no_backlog_and_no_subscription(monkeypatch: Any) -> None:
    world = Offered(monkeypatch)
    world.telemetry.close_backlog()
    assert not world.telemetry.is_wanted
    body = json.dumps(SUBSCRIPTION).encode()
    reply = world.telemetry.handle(Extension("e", is_external=True), LOGS, body, is_closed=True)
    assert reply.startswith(b"HTTP/1.1 403 Forbidden")
    assert b"Telemetry.SubscriptionClosed" in reply


async def test_only_what_was_subscribed_to_is_offered(monkeypatch: Any) -> None:
    world = Offered(monkeypatch)
    world.subscribe(types=["extension"])
    world.telemetry.line("function", "no", 0)
    world.telemetry.line("extension", "yes", 0)
    assert [document["record"] for document in world.documents] == ["yes"]
