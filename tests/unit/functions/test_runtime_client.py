"""The client in an environment says to awslambdaric what its native one said, and asks with its answer."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nightbus.functions.runtime_api import api as runtime_api
from nightbus.functions.runtime_api.api import Answer, RuntimeApi
from nightbus.functions.runtime_api.connection import LARGEST_RESPONSE, Invocation

HEADERS = {
    "Lambda-Runtime-Deadline-Ms": "1767225600000",
    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:123456789012:function:f",
    "Lambda-Runtime-Trace-Id": "Root=1-00000000-0;Sampled=0",
}


def client_of(address: str) -> Any:
    """As a zygote loads it: by its path, under another name."""
    path = Path(runtime_api.__file__).parents[1] / "zygote" / "runtime_client.py"
    spec = importlib.util.spec_from_file_location("loaded_by_a_zygote", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.RuntimeClient(address)


class Rig:
    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.api = RuntimeApi(lambda: None, self.answers.append)
        self.client: Any = None

    async def given(self, invocation: Invocation) -> tuple[bytes, dict[str, Any]]:
        """What the client gets that asks for an invocation."""
        asking = asyncio.create_task(asyncio.to_thread(self.client.next))
        await self.asked()
        self.api.give(invocation)
        payload, headers = await asyncio.wait_for(asking, 10)
        return payload, headers

    async def asked(self) -> None:
        async with asyncio.timeout(10):
            while not self.api.is_asked:
                await asyncio.sleep(0.001)

    async def post(self, name: str, *arguments: Any) -> None:
        await asyncio.wait_for(asyncio.to_thread(getattr(self.client, name), *arguments), 10)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    await made.api.listen()
    made.client = client_of(made.api.address)
    yield made
    made.client.close()
    made.api.close()


async def test_an_invocation_comes_with_the_types_of_the_native_client(rig: Rig) -> None:
    payload, headers = await rig.given(Invocation("one", '{"a":"ä"}'.encode(), HEADERS))
    assert payload == '{"a":"ä"}'.encode()
    assert headers == {
        "Lambda-Runtime-Aws-Request-Id": "one",
        "Lambda-Runtime-Trace-Id": "Root=1-00000000-0;Sampled=0",
        "Lambda-Runtime-Invoked-Function-Arn": HEADERS["Lambda-Runtime-Invoked-Function-Arn"],
        "Lambda-Runtime-Deadline-Ms": 1767225600000,
        "Lambda-Runtime-Client-Context": None,
        "Lambda-Runtime-Cognito-Identity": None,
        "Lambda-Runtime-Aws-Tenant-Id": None,
        "Lambda-Runtime-Invocation-Id": None,
        "Content-Type": "application/json",
    }


@pytest.mark.parametrize("size", [0, 2, 200_000, LARGEST_RESPONSE])
async def test_an_answer_asks_for_the_next_invocation(rig: Rig, size: int) -> None:
    await rig.given(Invocation("one", b"{}", HEADERS))
    await rig.post("post_invocation_result", "one", b"x" * size, "application/json")
    await rig.asked()
    assert rig.answers == [Answer("one", b"x" * size, None, peak=rig.answers[0].peak)]
    assert 10_000 < rig.answers[0].peak < 100_000_000  # kilobytes
    payload, headers = await rig.given(Invocation("two", b"[2]" * 100_000, HEADERS))
    assert (payload, headers["Lambda-Runtime-Aws-Request-Id"]) == (b"[2]" * 100_000, "two")


async def test_an_error_asks_for_the_next_invocation_too(rig: Rig) -> None:
    await rig.given(Invocation("one", b"{}", HEADERS))
    await rig.post("post_error", "one", '{"errorType": "E"}', "{}", None)
    await rig.asked()
    assert [(one.payload, one.error_type) for one in rig.answers] == [(b'{"errorType": "E"}', "Unhandled")]


@pytest.mark.parametrize(("answered", "size"), [("other", 1), ("one", LARGEST_RESPONSE + 1)])
async def test_who_answers_what_is_refused_asks_for_nothing(rig: Rig, answered: str, size: int) -> None:
    """awslambdaric ends with the error, so that nothing may be given to it any more."""
    await rig.given(Invocation("one", b"{}", HEADERS))
    await rig.post("post_invocation_result", answered, b"x" * size)
    with pytest.raises(RuntimeError, match="Failed to post invocation response"):
        await rig.post("next")
    assert not rig.api.is_asked


async def test_who_waits_asks_again_when_the_connection_is_lost(rig: Rig) -> None:
    asking = asyncio.create_task(asyncio.to_thread(rig.client.next))
    await rig.asked()
    lost = rig.api._asking
    assert lost is not None
    lost.close()
    async with asyncio.timeout(10):
        while rig.api._asking in (None, lost):
            await asyncio.sleep(0.001)
    rig.api.give(Invocation("one", b"{}", HEADERS))
    assert (await asyncio.wait_for(asking, 10))[0] == b"{}"


async def test_it_waits_for_as_long_as_it_takes_whatever_the_function_set(rig: Rig) -> None:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0.01)
    try:
        asking = asyncio.create_task(asyncio.to_thread(rig.client.next))
        await rig.asked()
        assert rig.client.connection.gettimeout() is None
    finally:
        socket.setdefaulttimeout(before)
    rig.api.give(Invocation("one", b"{}", HEADERS))
    assert (await asyncio.wait_for(asking, 10))[0] == b"{}"


async def test_a_node_that_is_gone_is_an_error(rig: Rig) -> None:
    rig.api.close()
    with pytest.raises(RuntimeError, match="Failed to get next"):
        await rig.post("next")


async def test_a_response_is_taken_only_by_who_was_given_the_invocation(rig: Rig) -> None:
    """Another connection of the function may say the same: its response counts as any other one does, once."""
    await rig.given(Invocation("one", b"{}", HEADERS))
    other = client_of(rig.api.address)
    await asyncio.to_thread(other.post_invocation_result, "one", b"1")
    await rig.asked()
    await rig.post("post_invocation_result", "one", b"2")
    with pytest.raises(RuntimeError):
        await rig.post("next")
    assert [one.payload for one in rig.answers] == [b"1"]
    other.close()


def test_awslambdaric_calls_nothing_else_of_its_client() -> None:
    """What a newer one may call as well is seen here first."""
    path = Path(str(importlib.util.find_spec("awslambdaric.lambda_runtime_client").origin))  # type: ignore[union-attr]
    text = path.read_text()
    called = {line.split("runtime_client.")[1].split("(")[0].split(",")[0] for line in text.splitlines()
              if "runtime_client." in line and "awslambdaric" not in line}  # fmt: skip
    assert called <= {"initialize_client", "next", "post_invocation_result", "post_error"}, called
    assert "runtime_client" not in sys.modules
