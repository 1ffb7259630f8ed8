"""Tests what is kept of how each invocation ended."""

from __future__ import annotations

import asyncio

from function_rig import Functions
from nightbus.functions.logs.invocation_log import EndedInvocation, invocation_of
from nightbus.store.interface import Entry


def _kept(functions: Functions) -> list[EndedInvocation]:
    records = functions.sink.records
    return [
        invocation_of(Entry(one.log, at, one.time, one.data, one.key)) for at, one in enumerate(records, 1)
    ]


async def test_a_cold_and_a_warm_invocation(functions: Functions) -> None:
    spec = functions.define("def handler(event, context): return 1")
    await functions.invoke(spec, request_id="first")
    result = await functions.invoke(spec, request_id="second")
    cold, warm = _kept(functions)
    assert (cold.function, cold.request_id, cold.outcome, cold.version) == (
        "f",
        "first",
        "success",
        "$LATEST",
    )
    assert cold.init is not None
    assert cold.init > 0
    assert (warm.request_id, warm.init, warm.code, warm.message) == ("second", None, "", "")
    assert (warm.duration, warm.memory) == (round(result.duration_ms, 2), 128)
    assert 0 < warm.used <= 128
    assert warm.billed >= 1
    assert (warm.group, warm.stream) == ("/aws/lambda/f", result.log_stream)


async def test_a_failed_one_has_its_error(functions: Functions) -> None:
    await functions.fail(functions.define("def handler(event, context): raise KeyError('order')"))
    [failed] = _kept(functions)
    assert (failed.outcome, failed.code, failed.message) == ("error", "KeyError", "'order'")


async def test_one_that_took_too_long(functions: Functions) -> None:
    code = "import time\ndef handler(event, context): time.sleep(60)"
    await functions.fail(functions.define(code, timeout=1))
    [failed] = _kept(functions)
    assert (failed.outcome, failed.code) == ("timeout", "Sandbox.Timedout")
    assert failed.message.endswith("Task timed out after 1.00 seconds")


async def test_an_invocation_without_a_line_in_its_log_is_kept_as_well(functions: Functions) -> None:
    spec = functions.define("def handler(event, context): pass", log_format="JSON", system_log_level="WARN")
    await functions.invoke(spec, request_id="the-id")
    assert functions.sink.messages == []
    assert [one.request_id for one in _kept(functions)] == ["the-id"]


async def test_it_comes_with_what_the_caller_writes(functions: Functions) -> None:
    spec = functions.define("def handler(event, context): pass")
    result = await functions.runner.invoke(
        spec, b"{}", request_id="the-id", invoked_arn=spec.arn, log_with_result=True
    )
    assert result.unwritten is not None
    assert len(result.unwritten.records) == 1
    assert functions.sink.records == []


async def test_who_invokes_hands_the_log_over_without_a_further_task(functions: Functions) -> None:
    spec = functions.define("def handler(event, context): print('hello')")
    for _ in range(2):
        await functions.invoke(spec)
        assert functions.sink.writer is asyncio.current_task()
    assert functions.sink.messages.count("hello\n") == 2
    assert len(_kept(functions)) == 2
