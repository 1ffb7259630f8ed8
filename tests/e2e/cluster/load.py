"""Clients of a cluster: they publish, consume and deploy at whichever node answers, and note what they were told.

A client that gets no answer, or 503, goes to the next node. What it asked there is never sent twice, but for deletions,
which may be repeated. So everything that comes twice is the cluster's doing.
"""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from cluster import platform
from cluster.ledger import Ledger
from crash import stack_template
from crash.platform import messages_of, queue_url
from crash.wire import NoAnswer, Refused, Wire

from nodes import RunningNode

PACE = float(os.environ.get("NIGHTBUS_CLUSTER_PACE", "0.01"))  # seconds between a sender's requests
_MOST_ENTRIES = 6
_STACK_SECONDS = 1.0  # between two stacks
_PATIENCE = 90.0  # seconds, of the test
_REQUESTS_AT_ONE = 25
_REST_SECONDS = 0.02  # after a refusal
_CLIENT_ERRORS = (BotoCoreError, ClientError)


class Load:
    """Runs from its making to the end of its `with`.

    `nodes` is the test's list, in which a node that is started again is new.
    """

    def __init__(self, nodes: list[RunningNode], ledger: Ledger, seed: int, senders: int = 3) -> None:
        self._nodes = nodes
        self._ledger = ledger
        self._over = threading.Event()
        self._changed = threading.Condition()
        self._failures: list[BaseException] = []
        works: list[Callable[[], None]] = [
            *(partial(self._send, at, random.Random(f"{seed}/{at}")) for at in range(senders)),
            partial(self._consume, platform.FANNED, ledger.fanned),
            partial(self._consume, platform.ORDERED, ledger.ordered),
            self._deploy,
        ]
        self._threads = [threading.Thread(target=self._guarded, args=(work,), daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def wait_for(self, more: int) -> None:
        """Until that many more requests were acknowledged."""
        wanted = len(self._ledger.answered) + more
        self._wait(lambda: len(self._ledger.answered) >= wanted)

    def wait_for_errors(self, more: int) -> None:
        """Until that many more requests were refused or had no answer."""
        wanted = self._ledger.errors + more
        self._wait(lambda: self._ledger.errors >= wanted)

    def _wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            done = self._changed.wait_for(lambda: condition() or bool(self._failures), timeout=_PATIENCE)
        assert done and not self._failures, (len(self._ledger.answered), self._ledger.errors, self._failures)

    def __enter__(self) -> Load:
        return self

    def __exit__(self, kind: object, failure: object, trace: object) -> None:
        """Raises what went wrong in a client, unless the test has failed by itself."""
        self._over.set()
        for thread in self._threads:
            thread.join(_PATIENCE)
        if failure is None:
            assert not any(thread.is_alive() for thread in self._threads)
            if self._failures:
                raise self._failures[0]

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as failure:
            with self._changed:
                self._failures.append(failure)
                self._changed.notify_all()

    def _send(self, sender: int, chance: random.Random) -> None:
        wires = Wires(self._nodes, "events", sender)
        for turn in itertools.count(1):
            if self._over.is_set():
                break
            if turn % _REQUESTS_AT_ONE == 0:  # a node that was away gets its share again
                wires.turn()
            request = self._ledger.begin(sender, chance.randint(1, _MOST_ENTRIES))
            reply = self._ask(
                wires,
                "PutEvents",
                {"Entries": [platform.entry(number, sender) for number in request.numbers]},
            )
            if reply is not None:
                assert reply["FailedEntryCount"] == 0, reply
                request.acknowledged = True
                with self._changed:
                    self._ledger.answered.append(time.monotonic())
                    self._changed.notify_all()
            time.sleep(PACE)
        wires.close()

    def _ask(self, wires: Wires, operation: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """None where it is not known, or was refused for the moment; the next call goes to another node then."""
        try:
            return wires.current.call(operation, params)
        except NoAnswer:
            pass
        except Refused as refused:
            if refused.status != 503:
                raise
        with self._changed:
            self._ledger.errors += 1
            self._changed.notify_all()
        wires.turn()
        self._over.wait(_REST_SECONDS)
        return None

    def _consume(self, queue: str, consumed: list[tuple[str, int]]) -> None:
        wires = Wires(self._nodes, "sqs", len(queue))
        url = queue_url(self._nodes[0], queue)
        asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}
        while not self._over.is_set():
            if (reply := self._ask(wires, "ReceiveMessage", asked)) is None:
                continue
            if found := messages_of(reply):
                self._ledger.received(consumed, [(message_id, number) for message_id, _, number in found])
                self._delete(wires, url, found)
                wires.turn()  # the next ones are the other node's
        wires.close()

    def _delete(self, wires: Wires, url: str, found: list[tuple[str, str, int]]) -> None:
        entries = [{"Id": str(at), "ReceiptHandle": receipt} for at, (_, receipt, _) in enumerate(found)]
        while (
            reply := self._ask(wires, "DeleteMessageBatch", {"QueueUrl": url, "Entries": entries})
        ) is None:
            if self._over.is_set():
                return
        done = {int(one["Id"]) for one in reply.get("Successful", [])}
        self._ledger.deleted.update(found[at][0] for at in done)

    def _deploy(self) -> None:
        at = 0
        while not self._over.wait(_STACK_SECONDS):
            name = f"stack-{self._ledger.first}-{at}"
            self._ledger.stacks[name] = False
            at += 1
            try:
                formation = self._nodes[at % len(self._nodes)].client("cloudformation")
                formation.create_stack(StackName=name, TemplateBody=stack_template.template(name))
                self._ledger.stacks[name] = True
            except _CLIENT_ERRORS as failure:
                status = (
                    (getattr(failure, "response", None) or {})
                    .get("ResponseMetadata", {})
                    .get("HTTPStatusCode", 503)
                )
                assert status == 503, failure


class Wires:
    """A connection to each node, of which one is the current one."""

    def __init__(self, nodes: list[RunningNode], service: str, first: int) -> None:
        self._wires = [Wire(node.port, service, timeout=20) for node in nodes]
        self._at = first

    @property
    def current(self) -> Wire:
        return self._wires[self._at % len(self._wires)]

    def turn(self) -> None:
        self._at += 1

    def close(self) -> None:
        for wire in self._wires:
            wire.close()
