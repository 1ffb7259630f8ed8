"""EventBridge by boto3: each operation with each error that AWS documents for it (tests/events_errors.py)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_refusals import refusal
from events_errors import ACCOUNT, PATTERN, PREFIX, RACES, REFUSED
from events_world import call, make_world
from nodes import RunningNode

Client = Callable[..., Any]
CONCURRENT = "ConcurrentModificationException"
_ROUNDS = 25


@pytest.fixture(scope="module")
def world(node: RunningNode) -> Any:
    return make_world(node)


@pytest.mark.parametrize(("operation", "code"), REFUSED)
def test_what_is_refused_is_refused_as_documented(world: Any, operation: str, code: str) -> None:
    params, message = REFUSED[operation, code]
    assert refusal(call, events=world, operation=operation, **params) == (code, 400, message)


class Rivals:
    """Threads that make the same calls again and again, until they are told to stop. `unexpected` are answers that
    no client should ever get."""

    def __init__(self, node: RunningNode, calls: list[tuple[str, dict[str, Any]]], count: int = 2) -> None:
        self.unexpected: list[str] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(node.client("events", account=ACCOUNT), calls))
            for _ in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, events: Any, calls: list[tuple[str, dict[str, Any]]]) -> None:
        while not self._stop.is_set():
            for operation, params in calls:
                answer = answered(events, operation, params)
                if answer.startswith("5"):
                    self.unexpected.append(answer)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def answered(events: Any, operation: str, params: dict[str, Any]) -> str:
    """The error code, or "" where the call went through, or the status of an answer that is no client's fault."""
    try:
        call(events, operation, **params)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return str(error.response["Error"]["Code"]) if status < 500 else f"{status} {error}"
    return ""


@pytest.fixture
def rivals(node: RunningNode, request: pytest.FixtureRequest) -> Iterator[Rivals]:
    made = Rivals(node, RACES[request.param][1])
    yield made
    made.stop()
    assert made.unexpected == []


@pytest.mark.parametrize(("operation", "rivals"), [(one, one) for one in RACES], indirect=["rivals"])
def test_changes_at_the_same_time_are_made_one_after_the_other(
    world: Any, operation: str, rivals: Rivals
) -> None:
    """AWS documents ConcurrentModificationException for them; clients do not expect it at the rate of rivals here."""
    params, _, before = RACES[operation]
    for _ in range(_ROUNDS):
        for earlier in before:
            assert not answered(world, *earlier).startswith("5")
        answer = answered(world, operation, params)
        assert not answer.startswith("5")
        assert answer != CONCURRENT


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("PutRule", {"Name": "late", "EventBusName": "going", "EventPattern": PATTERN}),
        ("CreateArchive", {"ArchiveName": "late", "EventSourceArn": f"{PREFIX}event-bus/going"}),
    ],
)
def test_nothing_comes_onto_a_bus_that_goes(
    world: Any, node: RunningNode, operation: str, params: dict[str, Any]
) -> None:
    rival = node.client("events", account=ACCOUNT)
    ends = set()
    for _ in range(60):
        world.create_event_bus(Name="going")
        late = threading.Thread(target=answered, args=(rival, operation, params))
        late.start()
        deleted = answered(world, "DeleteEventBus", {"Name": "going"})
        late.join()
        ends.add(deleted)
        if not deleted:
            world.create_event_bus(Name="going")
            assert world.list_rules(EventBusName="going")["Rules"] == []
        answered(world, "DeleteRule", {"Name": "late", "EventBusName": "going"})
        answered(world, "DeleteArchive", {"ArchiveName": "late"})
        world.delete_event_bus(Name="going")
    assert ends <= {"", CONCURRENT, "ValidationException"}
