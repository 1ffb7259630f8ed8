"""The process that forwards: there when it is needed, and nothing is lost with it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from forwarding_rig import Elsewhere
from nightbus.delivery.forwarding.http import invoke_api
from nightbus.delivery.forwarding.interface import HttpCall, ServiceCall
from nightbus.delivery.forwarding.material import Material
from nightbus.delivery.forwarding.process import ForwardingProcess
from nightbus.delivery.forwarding.settings import forwards_in, missing

START = ServiceCall(
    "stepfunctions", "StartExecution", {"stateMachineArn": "arn:aws:states:::m", "input": "{}"}
)


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    server = Elsewhere()
    server.answer = lambda sent: (200, {"executionArn": "arn:aws:states:::e", "startDate": 1})
    yield server
    server.close()


async def test_the_answer_names_what_was_begun_and_the_process_ends_when_idle(elsewhere: Elsewhere) -> None:
    forwarding = ForwardingProcess({"states": elsewhere.url}, idle_seconds=0.05)
    for _ in range(2):
        answer = await forwarding.call("states", START, "000000000000", "us-east-1")
        assert (answer.name, answer.code) == ("arn:aws:states:::e", "")
        process: Any = forwarding._process
        await asyncio.wait_for(process.wait(), 20)
        assert process.returncode == 0
    await forwarding.close()


async def test_many_calls_at_once(elsewhere: Elsewhere) -> None:
    forwarding = ForwardingProcess({"states": elsewhere.url})
    calls = (forwarding.call("states", START, f"{n:012d}", "us-east-1") for n in range(40))
    assert {answer.code for answer in await asyncio.gather(*calls)} == {""}
    accounts = {sent.headers["authorization"].split("Credential=")[1][:12] for sent in elsewhere.requests}
    assert len(accounts) == 40
    await forwarding.close()


async def test_what_was_under_way_when_the_process_died_may_be_tried_again(elsewhere: Elsewhere) -> None:
    forwarding = ForwardingProcess({"states": elsewhere.url})
    await forwarding.call("states", START, "000000000000", "us-east-1")
    process: Any = forwarding._process

    def die(sent: object) -> None:
        os.kill(process.pid, signal.SIGKILL)

    elsewhere.answer = die
    lost = await forwarding.call("states", START, "000000000000", "us-east-1")
    assert (lost.code, lost.status) == ("ConnectionFailure", 503)
    elsewhere.answer = lambda sent: (200, {"executionArn": "arn:aws:states:::e", "startDate": 1})
    answer = await forwarding.call("states", START, "000000000000", "us-east-1")
    assert answer.name == "arn:aws:states:::e"
    await forwarding.close()


async def test_an_api_has_five_seconds(elsewhere: Elsewhere) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-gateway-target.html"""
    arn = "arn:aws:execute-api:us-east-1:000000000000:abc/prod/POST/slow"
    made = invoke_api(Material({"Id": "t", "Arn": arn}, "r", "arn:r", "e", "{}", "{}"))
    assert (made.seconds, made.signed) == (5, False)

    def answer(sent: object) -> tuple[int, dict[str, str]]:
        time.sleep(1)
        return 200, {}

    elsewhere.answer = answer
    forwarding = ForwardingProcess({"execute-api": elsewhere.url})
    late = await forwarding.call("execute-api", replace(made, seconds=0.2), "000000000000", "us-east-1")
    assert (late.code, late.status, late.answered) == ("Timeout", 503, False)
    await forwarding.close()


async def test_nobody_there_is_worth_another_try(elsewhere: Elsewhere) -> None:
    request = HttpCall("execute-api", "https://aws.invalid", "/p", "POST", {}, "{}", {})
    elsewhere.close()
    forwarding = ForwardingProcess({"states": elsewhere.url, "execute-api": elsewhere.url})
    for setting, call in (("states", START), ("execute-api", request)):
        answer = await forwarding.call(setting, call, "000000000000", "us-east-1")
        assert (answer.code, answer.status) == ("ConnectionFailure", 503)
    await forwarding.close()


@pytest.mark.parametrize(
    ("status", "code"), [(404, "HTTP_404"), (429, "TooManyRequestsException"), (502, "HTTP_502")]
)
async def test_an_api_that_refuses(elsewhere: Elsewhere, status: int, code: str) -> None:
    elsewhere.answer = lambda sent: (status, {})
    forwarding = ForwardingProcess({"execute-api": elsewhere.url})
    request = HttpCall("execute-api", "https://aws.invalid", "/p", "POST", {}, "{}", {})
    answer = await forwarding.call("execute-api", request, "000000000000", "us-east-1")
    assert (answer.code, answer.status) == (code, status)
    await forwarding.close()


async def test_aws_without_credentials_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    forwarding = ForwardingProcess({"states": "aws"})
    answer = await forwarding.call("states", START, "000000000000", "us-east-1")
    assert (answer.code, answer.status) == ("NoCredentialsError", 400)
    await forwarding.close()


def test_the_setting_is_read_and_checked() -> None:
    assert forwards_in("") == {}
    assert forwards_in(" states=http://127.0.0.1:8083/, kinesis=aws ") == {
        "states": "http://127.0.0.1:8083", "kinesis": "aws",
    }  # fmt: skip
    for text, named in {
        "states": "service=URL",
        "sqs=aws": "'sqs' is no service",
        "states=ftp://x": "neither a URL nor aws",
        "states=http://": "neither a URL nor aws",
    }.items():
        with pytest.raises(ValueError, match=named):
            forwards_in(text)
    assert "--forward states=URL" in missing("arn:aws:states:::m", "states", {"kinesis": "aws"})


async def test_a_service_that_says_more_than_a_line_holds_is_answered_and_the_next_call_too(
    elsewhere: Elsewhere,
) -> None:
    forwarding = ForwardingProcess({"states": elsewhere.url})
    elsewhere.answer = lambda sent: (400, {"__type": "Wrong", "message": "x" * 3_000_000})
    refused = await asyncio.wait_for(forwarding.call("states", START, "000000000000", "us-east-1"), 30)
    assert (refused.code, refused.status, len(refused.message) < 10_000) == ("Wrong", 400, True)
    elsewhere.answer = lambda sent: (200, {"executionArn": "arn:aws:states:::e", "startDate": 1})
    answer = await asyncio.wait_for(forwarding.call("states", START, "000000000000", "us-east-1"), 30)
    assert answer.name == "arn:aws:states:::e"
    await forwarding.close()


@pytest.mark.parametrize("line", [b"x" * (2 << 20) + b"\n", b"Traceback\n"])
async def test_a_process_that_writes_what_is_not_an_answer_is_replaced(
    elsewhere: Elsewhere, line: bytes
) -> None:
    forwarding = ForwardingProcess({"states": elsewhere.url})
    await forwarding.call("states", START, "000000000000", "us-east-1")
    reader = forwarding._process.stdout  # type: ignore[union-attr]
    assert reader is not None
    reader.feed_data(line)
    async with asyncio.timeout(30):
        while (await forwarding.call("states", START, "000000000000", "us-east-1")).code:
            pass  # what was under way with the process that ended may be tried again
    await forwarding.close()
