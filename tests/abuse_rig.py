"""Functions that misbehave, on a node of their own, beside one that is invoked all the while and must not notice."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from lambda_rig import code, function_role
from nodes import RunningNode

_LONGEST_SECONDS = 10.0  # for the neighbour's invocation, on a machine that is busy with the other function
NEIGHBOUR = "n = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return [event, n]\n"


class Abuse:
    """`run` invokes a function of the given code once; `log` is what its log tail said then."""

    def __init__(self, node: RunningNode) -> None:
        self.node = node
        self._functions = node.client("lambda")
        self._role = function_role(node.client("iam"))
        self._neighbour = self.define(NEIGHBOUR)
        self.log = ""

    def define(self, text: str, **settings: Any) -> str:
        name = f"f-{uuid4().hex[:8]}"
        wanted: dict[str, Any] = {"Runtime": "python3.11", "Handler": "app.handler", "Timeout": 20}
        self._functions.create_function(
            FunctionName=name, Role=self._role, Code={"ZipFile": code(text)}, **(wanted | settings)
        )
        self._functions.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
        )
        return name

    def invoke(self, name: str, event: Any = None) -> Any:
        """What it returned, or its error."""
        reply = self._functions.invoke(FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail")
        self.log = base64.b64decode(reply["LogResult"]).decode()
        return json.load(reply["Payload"])

    def run(self, text: str, event: Any = None, **settings: Any) -> Any:
        name = self.define(text, **settings)
        with self.neighbour():
            return self.invoke(name, event)

    @contextmanager
    def neighbour(self) -> Iterator[None]:
        """Another function is invoked all the while: every answer is right, in time, and of the same environment."""
        self.check_neighbour(None)
        over, failures = threading.Event(), list[BaseException]()
        last = self.check_neighbour(None)

        def go_on() -> None:
            count = last
            client = self.node.client("lambda")
            try:
                while not over.is_set():
                    began = time.monotonic()
                    reply = client.invoke(FunctionName=self._neighbour, Payload=json.dumps(count).encode())
                    answer = json.load(reply["Payload"])
                    assert answer == [count, count + 1], answer
                    assert time.monotonic() - began < _LONGEST_SECONDS
                    count += 1
                    over.wait(0.02)
            except BaseException as failure:
                failures.append(failure)

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        assert not failures, failures
        assert self.check_neighbour(None) > last, "it was not invoked meanwhile"

    def check_neighbour(self, event: Any) -> int:
        """How often its environment was invoked."""
        reply = self._functions.invoke(FunctionName=self._neighbour, Payload=json.dumps(event).encode())
        answer = json.load(reply["Payload"])
        assert answer[0] == event
        return int(answer[1])
