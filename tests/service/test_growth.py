"""What is made and deleted leaves nothing: counts of rows, maps, files and processes of a real node."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nodes import RunningNode
from soak_rig import Soak, all_gone

_MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def soak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soak]:
    folder: Path = tmp_path_factory.mktemp("growth")
    node = RunningNode(folder / "data", {"NIGHTBUS_HISTORY_MEGABYTES": "1"})
    yield Soak(node)
    assert node.stop() == 0


def test_what_was_made_and_deleted_is_gone(soak: Soak) -> None:
    for _ in range(3):
        soak.cycle()
    soak.settle()
    before = all_gone(soak.held())
    for _ in range(12):
        soak.cycle()
    soak.come_back(before, 150)
    now = soak.held()
    assert now["process: resident_bytes"] < before["process: resident_bytes"] + 40 * _MEGABYTE
    assert now["rows: name log"] <= before["rows: name log"] + 12  # a deleted stack's events are remembered


def test_events_on_buses_that_do_not_exist_cost_no_memory_and_few_lines(soak: Soak) -> None:
    events: Any = soak.node.client("events")
    before, lines = soak.held(), len(soak.node.output)
    for batch in range(30):
        event = {"Source": "s", "DetailType": "t", "Detail": "{}"}
        entries = [{**event, "EventBusName": f"none-{batch}-{one}"} for one in range(10)]
        assert events.put_events(Entries=entries)["FailedEntryCount"] == 0
    now = soak.held()
    for name in ("memory: buses", "memory: rules of buses", "memory: buses being read"):
        assert now[name] <= before[name] + 1
    assert len(soak.node.output) - lines <= 45  # at most 20 a minute


def test_messages_sent_while_their_queue_is_deleted_leave_nothing(soak: Soak) -> None:
    items = soak.held()["rows: item"]
    stop = threading.Event()

    def send() -> None:
        sqs: Any = soak.node.client("sqs")
        events: Any = soak.node.client("events")
        url = f"{soak.node.endpoint}/000000000000/brief"
        event = {"Source": "brief", "DetailType": "t", "Detail": "{}"}
        attempts: tuple[Callable[[], Any], ...] = (
            lambda: sqs.send_message(QueueUrl=url, MessageBody="m"),
            lambda: events.put_events(Entries=[event] * 5),
        )
        while not stop.is_set():
            for attempt in attempts:
                try:
                    attempt()
                except ClientError as error:
                    assert error.response["Error"]["Code"] in (
                        "AWS.SimpleQueueService.NonExistentQueue",
                        "QueueDoesNotExist",
                    )

    sqs: Any = soak.node.client("sqs")
    events: Any = soak.node.client("events")
    arn = "arn:aws:sqs:us-east-1:000000000000:brief"
    events.put_rule(Name="brief", EventPattern='{"source": ["brief"]}')
    events.put_targets(
        Rule="brief", Targets=[{"Id": "q", "Arn": arn, "RetryPolicy": {"MaximumRetryAttempts": 0}}]
    )
    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    for _ in range(40):
        url = sqs.create_queue(QueueName="brief")["QueueUrl"]
        sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
        sqs.delete_queue(QueueUrl=url)
    stop.set()
    for sender in senders:
        sender.join()
    events.remove_targets(Rule="brief", Ids=["q"])
    events.delete_rule(Name="brief")
    soak.come_back({**soak.held(), "rows: item": items}, 60)
