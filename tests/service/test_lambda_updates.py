"""Code that changes while invocations run: none is lost, none fails, and none begins with the old code afterwards."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from lambda_rig import code, function_role

Client = Callable[..., Any]
_CALLERS = 8
_UPDATES = 6
SOURCE = """
import time
def handler(event, context):
    time.sleep(event)
    return {number}
"""


@pytest.fixture
def name(client: Client) -> str:
    role = function_role(client("iam"))
    made = f"updated-{uuid4().hex[:8]}"
    client("lambda").create_function(
        FunctionName=made,
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Timeout=30,
        Code={"ZipFile": code(SOURCE.format(number=0))},
    )
    client("lambda").get_waiter("function_active_v2").wait(FunctionName=made)
    return made


def _update(client: Client, name: str, number: int) -> None:
    functions = client("lambda")
    functions.update_function_code(FunctionName=name, ZipFile=code(SOURCE.format(number=number)))
    while functions.get_function_configuration(FunctionName=name)["LastUpdateStatus"] != "Successful":
        time.sleep(0.005)


def _invoke(functions: Any, name: str, event: Any) -> Any:
    reply = functions.invoke(FunctionName=name, Payload=json.dumps(event).encode())
    answer = json.load(reply["Payload"])
    assert "FunctionError" not in reply, answer
    return answer


def test_many_invocations_and_many_updates(client: Client, name: str) -> None:
    live = 0  # the number of the code that is live by the update's own word
    done = threading.Event()
    answered = threading.Semaphore(0)

    def call() -> list[tuple[int, int]]:
        functions, seen = client("lambda"), []
        while not done.is_set():
            before = live
            seen.append((before, _invoke(functions, name, 0.01)))
            answered.release()
        return seen

    with ThreadPoolExecutor(_CALLERS) as callers:
        calls = [callers.submit(call) for _ in range(_CALLERS)]
        try:
            for number in range(1, _UPDATES + 1):
                _update(client, name, number)
                live = number
                for _ in range(2 * _CALLERS):
                    assert answered.acquire(timeout=30)
        finally:
            done.set()
        seen = [pair for one in calls for pair in one.result()]
    assert len(seen) >= 2 * _CALLERS * _UPDATES
    assert [pair for pair in seen if pair[1] < pair[0]] == []
    assert {answer for _, answer in seen} <= set(range(_UPDATES + 1))
    assert _invoke(client("lambda"), name, 0) == _UPDATES


def test_an_invocation_that_runs_ends_with_the_code_that_it_began_with(client: Client, name: str) -> None:
    with ThreadPoolExecutor(4) as callers:
        running = [callers.submit(_invoke, client("lambda"), name, 2.0) for _ in range(4)]
        streams = client("logs")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                found = streams.describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]
            except streams.exceptions.ResourceNotFoundException:
                found = []
            if len(found) == 4:
                break
            time.sleep(0.02)
        _update(client, name, 1)
        assert _invoke(client("lambda"), name, 0) == 1
        assert [one.result() for one in running] == [0] * 4
