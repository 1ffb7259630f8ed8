"""A node is killed again and again while chosen dead letters are redriven: none is lost, and none is doubled."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import threading
import urllib.error
from pathlib import Path

from console_api import ConsoleApi
from nodes import RunningNode
from waiting import wait_for

COUNT, KILLS = 200, 4
ARN = "arn:aws:sqs:us-east-1:000000000000:"
OPEN = json.dumps(
    {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": "*",
            }
        ]
    }
)


def dead_letters(node: RunningNode) -> None:
    """COUNT events that a rule gave up, since its target's queue was closed; now the queue is open."""
    sqs, events = node.client("sqs"), node.client("events")
    closed = sqs.create_queue(QueueName="target")["QueueUrl"]
    sqs.create_queue(QueueName="dead", Attributes={"Policy": OPEN})
    events.put_rule(Name="orders", EventPattern='{"source": ["orders"]}')
    target = {"Id": "1", "Arn": f"{ARN}target", "DeadLetterConfig": {"Arn": f"{ARN}dead"}}
    events.put_targets(Rule="orders", Targets=[target])
    for first in range(0, COUNT, 10):
        numbers = range(first, first + 10)
        events.put_events(
            Entries=[{"Source": "orders", "DetailType": "t", "Detail": f'{{"n": {n}}}'} for n in numbers]
        )
    api = ConsoleApi(node)
    wait_for(lambda: len(ids(api)) == COUNT)
    sqs.set_queue_attributes(QueueUrl=closed, Attributes={"Policy": OPEN})


def ids(api: ConsoleApi) -> list[str]:
    return [one["id"] for one in api.get("/queues/dead/messages", limit=1000)["messages"]]


def numbers_in(api: ConsoleApi, queue: str) -> list[int]:
    messages = api.get(f"/queues/{queue}/messages", limit=1000)["messages"]
    return [json.loads(one["body"])["detail"]["n"] for one in messages]


def has_moved(api: ConsoleApi, goal: int) -> bool:
    return len(numbers_in(api, "target")) >= goal


def redrive(api: ConsoleApi, chosen: list[str]) -> None:
    with contextlib.suppress(urllib.error.URLError, http.client.HTTPException, ConnectionError):
        api.post("/queues/dead/redrive", {"messages": chosen})


def test_kills_while_chosen_messages_are_redriven(tmp_path: Path) -> None:
    node = RunningNode(data=tmp_path / "data")
    try:
        dead_letters(node)
        moved = kills = 0
        while moved < COUNT and kills < KILLS:
            api = ConsoleApi(node)
            redriving = threading.Thread(target=redrive, args=(api, ids(api)))
            redriving.start()
            wait_for(functools.partial(has_moved, api, min(moved + 10, COUNT)))
            node.kill()
            redriving.join()
            node = RunningNode(data=tmp_path / "data")
            api = ConsoleApi(node)
            target, dead = numbers_in(api, "target"), numbers_in(api, "dead")
            assert sorted(target + dead) == list(range(COUNT))
            moved = len(target)
            kills += moved < COUNT
        assert kills, "no kill came in the middle"
        if rest := ids(api):
            assert api.post("/queues/dead/redrive", {"messages": rest})["left"] == 0
        assert sorted(numbers_in(ConsoleApi(node), "target")) == list(range(COUNT))
        assert ids(ConsoleApi(node)) == []
    finally:
        node.stop()
