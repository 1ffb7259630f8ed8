"""Who changes queues, rules, functions, logs and stacks while the node is killed, and what may be there afterwards?

Of each thing is known which states it may be in: one after an acknowledgement, two while a change is on its way. After
a restart what is there must be one of them.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError
from crash.stack_template import TERMINAL, parts_of, template
from crash.wire import NoAnswer, Wire

from lambda_rig import code
from nodes import RunningNode
from waiting import wait_for

State = int | None  # the version that it was last given, None where it is not there
_NAMES = 5
_LOG = {"logGroupName": "crash", "logStreamName": "lines"}


class Kind(Protocol):
    def put(self, name: str, now: State, version: int) -> None:
        """Make it, or change it to that version."""
        ...

    def delete(self, name: str) -> None: ...

    def read(self, name: str) -> State: ...


class Queues:
    def __init__(self, node: RunningNode) -> None:
        self._sqs = node.client("sqs")
        self._url = f"{node.endpoint}/000000000000/"

    def put(self, name: str, now: State, version: int) -> None:
        attributes = {"VisibilityTimeout": str(version)}
        if now is None:
            self._sqs.create_queue(QueueName=name, Attributes=attributes)
        else:
            self._sqs.set_queue_attributes(QueueUrl=self._url + name, Attributes=attributes)

    def delete(self, name: str) -> None:
        self._sqs.delete_queue(QueueUrl=self._url + name)

    def read(self, name: str) -> State:
        def asked() -> int:
            found = self._sqs.get_queue_attributes(QueueUrl=self._url + name, AttributeNames=["All"])
            return int(found["Attributes"]["VisibilityTimeout"])

        return _unless_missing(asked)


class Rules:
    def __init__(self, node: RunningNode) -> None:
        self._events = node.client("events")

    def put(self, name: str, now: State, version: int) -> None:
        self._events.put_rule(Name=name, EventPattern='{"source": ["other"]}', Description=str(version))

    def delete(self, name: str) -> None:
        self._events.delete_rule(Name=name)

    def read(self, name: str) -> State:
        return _unless_missing(lambda: int(self._events.describe_rule(Name=name)["Description"]))


class Functions:
    def __init__(self, node: RunningNode) -> None:
        self._lambda = node.client("lambda")
        self._role = "arn:aws:iam::000000000000:role/numbers"

    def put(self, name: str, now: State, version: int) -> None:
        package = code(f"def handler(event, context):\n    return {version}\n")
        if now is None:
            self._lambda.create_function(
                FunctionName=name, Runtime="python3.12", Handler="app.handler", Role=self._role,
                Code={"ZipFile": package}, MemorySize=128 + version,
            )  # fmt: skip
        else:
            self._lambda.get_waiter("function_updated_v2").wait(FunctionName=name)
            self._lambda.update_function_configuration(FunctionName=name, MemorySize=128 + version)

    def delete(self, name: str) -> None:
        self._lambda.delete_function(FunctionName=name)

    def read(self, name: str) -> State:
        def asked() -> int:
            return int(self._lambda.get_function(FunctionName=name)["Configuration"]["MemorySize"]) - 128

        return _unless_missing(asked)


def _unless_missing(read: Callable[[], int]) -> State:
    try:
        return read()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        assert "NotFound" in code or "NonExistent" in code, error
        return None


class Changes:
    """All that is changed on one data folder; `work` is one round of it, `check` looks at what it left."""

    def __init__(self, node: RunningNode, seed: int) -> None:
        self._node = node  # or a later one at the same endpoint
        self._kinds: dict[str, Kind] = {
            "queue": Queues(node),
            "rule": Rules(node),
            "function": Functions(node),
        }
        self._chance = random.Random(f"{seed}/changes")
        self._may: dict[tuple[str, str], set[State]] = {}
        self._version = 0
        self._stacks: dict[str, bool] = {}  # whether it was acknowledged
        self._lines: list[str] = []
        self._unsaid: set[str] = set()  # lines whose acknowledgement did not come
        node.client("logs").create_log_group(logGroupName=_LOG["logGroupName"])
        node.client("logs").create_log_stream(**_LOG)
        self._cloudformation = node.client("cloudformation")
        self._thread = threading.Thread()
        self._failure: BaseException | None = None
        self._over = False
        self.acknowledged = 0

    def begin(self) -> None:
        self._over = False
        self._thread = threading.Thread(target=self._guarded, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over = True
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self._failure is not None:
            raise self._failure

    def _guarded(self) -> None:
        try:
            while not self._over:
                self._chance.choice([self._change, self._change, self._change, self._log, self._make_stack])()
                self.acknowledged += 1
        except (BotoCoreError, NoAnswer):
            return
        except BaseException as failure:
            self._failure = failure

    def _change(self) -> None:
        kind = self._chance.choice(list(self._kinds))
        name = f"{kind}-{self._chance.randrange(_NAMES)}"
        if kind == "queue":  # a name is free again only a minute after its deletion
            name = f"{name}-{self._version // 40}"
        states = self._may.setdefault((kind, name), {None})
        (now,) = states
        self._version += 1
        goes = now is not None and self._chance.random() < (0.0 if kind == "queue" else 0.3)
        wanted = None if goes else self._version
        states.add(wanted)
        if goes:
            self._kinds[kind].delete(name)
        else:
            self._kinds[kind].put(name, now, self._version)
        states.intersection_update({wanted})

    def _log(self) -> None:
        self._version += 1
        wire, line = Wire(self._node.port, "logs"), f"line {self._version}"
        self._unsaid.add(line)
        now = time.time_ns() // 1_000_000
        wire.call("PutLogEvents", {**_LOG, "logEvents": [{"timestamp": now, "message": line}]})
        self._unsaid.discard(line)
        self._lines.append(line)
        wire.close()

    def _make_stack(self) -> None:
        if len(self._stacks) >= self._version // 20:
            return
        self._version += 1
        name = f"stack-{self._version}"
        self._stacks[name] = False
        self._cloudformation.create_stack(StackName=name, TemplateBody=template(name))
        self._stacks[name] = True

    def check(self, every: bool = False) -> None:
        """What may be in two states, or everything, is in one that it may be in."""
        for (kind, name), states in self._may.items():
            if every or len(states) > 1:
                found = self._kinds[kind].read(name)
                assert found in states, f"{kind} {name} is at {found}, not at one of {states}"
                states.intersection_update({found})

    def check_end(self) -> None:
        self.check(every=True)
        self._check_lines()
        for name in self._stacks:
            self._check_stack(name)

    def _check_lines(self) -> None:
        found: list[str] = []
        token: dict[str, str] = {}
        logs = self._node.client("logs")
        while True:
            page = logs.get_log_events(**_LOG, startFromHead=True, **token)
            found += [event["message"] for event in page["events"]]
            if page["nextForwardToken"] == token.get("nextToken"):
                break
            token = {"nextToken": page["nextForwardToken"]}
        assert len(found) == len(set(found))
        assert set(self._lines) <= set(found) <= set(self._lines) | self._unsaid
        assert [line for line in found if line not in self._unsaid] == self._lines

    def _check_stack(self, name: str) -> None:
        def ended() -> str:
            try:
                found = self._cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            except ClientError as error:
                assert "does not exist" in str(error)
                return "never made"
            return found if found in TERMINAL else ""

        status = wait_for(ended)
        assert status != "never made" or not self._stacks[name], name
        there = list(parts_of(self._node, name))
        assert there == [status == "CREATE_COMPLETE"] * 3, (name, status, there)
