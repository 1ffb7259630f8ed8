"""What does a client get of functions that work, and of every bad kind?"""

from __future__ import annotations

import asyncio
import re

import pytest

from function_rig import ARN, Functions
from nightbus.functions.runtimes.python import supported_runtimes


async def test_a_warm_environment_keeps_its_globals(functions: Functions) -> None:
    counter = functions.define(
        "count = 0\ndef handler(event, context):\n global count\n count += 1\n return count"
    )
    assert [await functions.run(counter) for _ in range(3)] == [1, 2, 3]


async def test_concurrent_invocations_get_environments_of_their_own(functions: Functions) -> None:
    code = """
        import os, time
        def handler(event, context):
            time.sleep(0.3)
            return os.stat("/proc/self/ns/pid").st_ino
    """
    spec = functions.define(code)
    namespaces = await asyncio.gather(*(functions.run(spec) for _ in range(3)))
    assert len(set(namespaces)) == 3


async def test_a_new_revision_runs_the_new_code(functions: Functions) -> None:
    old = functions.define("def handler(event, context): return 'old'")
    new = functions.define("def handler(event, context): return 'new'")
    assert [await functions.run(one) for one in (old, new)] == ["old", "new"]


async def test_a_retired_environment_is_not_used_again(functions: Functions) -> None:
    spec = functions.define("import random\nx = random.random()\ndef handler(event, context): return x")
    first = await functions.run(spec)
    await functions.runner.retire(spec.scope, spec.name)
    assert await functions.run(spec) != first


async def test_the_context_says_what_aws_says(functions: Functions) -> None:
    code = """
        def handler(event, context):
            return [context.function_name, context.function_version, context.memory_limit_in_mb,
                    context.invoked_function_arn, context.log_group_name, context.aws_request_id,
                    2000 < context.get_remaining_time_in_millis() <= 3000, context.client_context.custom]
    """
    result = await functions.invoke(
        functions.define(code), request_id="the-id", client_context='{"custom": {"a": "b"}}'
    )
    expected = f'["f", "$LATEST", "128", "{ARN}", "/aws/lambda/f", "the-id", true, {{"a": "b"}}]'
    assert result.payload.decode() == expected


async def test_an_exception_comes_with_its_stack_trace(functions: Functions) -> None:
    spec = functions.define("def handler(event, context):\n    raise ValueError('no')\n")
    result = await functions.invoke(spec, request_id="the-id")
    assert result.error == "Unhandled"
    assert result.payload.decode() == (
        '{"errorMessage": "no", "errorType": "ValueError", "requestId": "the-id", "stackTrace": '
        '["  File \\"/var/task/app.py\\", line 2, in handler\\n    raise ValueError(\'no\')\\n"]}'
    )
    assert "[ERROR] ValueError: no\nTraceback (most recent call last):\n" in result.log_tail.decode()


@pytest.mark.parametrize(
    ("code", "handler", "error", "message"),
    [
        (
            "import nowhere",
            "app.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'nowhere'",
        ),
        (
            "x = 1",
            "other.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'other': No module named 'other'",
        ),
        ("x = 1", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        (
            "x = 1",
            "nodots",
            "Runtime.MalformedHandlerName",
            "Bad handler 'nodots': not enough values to unpack (expected 2, got 1)",
        ),
        (
            "def x(:",
            "app.handler",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'app': invalid syntax (app.py, line 1)",
        ),
        ("raise KeyError('k')", "app.handler", "KeyError", "'k'"),
    ],
)
async def test_what_fails_to_start(
    functions: Functions, code: str, handler: str, error: str, message: str
) -> None:
    spec = functions.define(code, handler=handler)
    for _ in range(2):
        result = await functions.fail(spec)
        assert (result["errorType"], result["errorMessage"]) == (error, message)
    assert any(f"Status: error\tError Type: {error}" in line for line in functions.sink.messages)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit()", "Runtime exited without providing a reason"),
        ("exit(4)", "Runtime exited with error: exit status 4"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os._exit(7)", "Runtime exited with error: exit status 7"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
async def test_what_exits_is_said_and_replaced(functions: Functions, statement: str, reason: str) -> None:
    spec = functions.define(
        f"import os, sys\ndef handler(event, context):\n if event: {statement}\n return 'up'"
    )
    result = await functions.invoke(spec, {"end": 1}, request_id="the-id")
    assert result.payload.decode() == (
        f'{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: the-id Error: {reason}"}}'
    )
    assert f"RequestId: the-id Error: {reason}\n" in result.log_tail.decode()
    assert await functions.run(spec) == "up"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{1}", "Unable to marshal response: Object of type set is not JSON serializable"),
        ("object", "Unable to marshal response: Object of type type is not JSON serializable"),
    ],
)
async def test_what_json_cannot_hold(functions: Functions, value: str, message: str) -> None:
    error = await functions.fail(functions.define(f"def handler(event, context): return {value}"))
    assert (error["errorType"], error["errorMessage"]) == ("Runtime.MarshalError", message)


async def test_nan_is_what_awss_own_runtime_makes_of_it(functions: Functions) -> None:
    result = await functions.invoke(functions.define("def handler(event, context): return float('nan')"))
    assert (result.error, result.payload) == (None, b"NaN")


async def test_one_that_sleeps_past_its_timeout(functions: Functions) -> None:
    code = """
        import time
        n = 0
        def handler(event, context):
            global n
            n += 1
            print("asleep")
            time.sleep(event)
            return n
    """
    spec = functions.define(code, timeout=1)
    assert await functions.run(spec, 0) == 1
    result = await functions.invoke(spec, 60, request_id="the-id")
    assert result.payload.decode() == (
        '{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: the-id Error: Task timed out after 1.00 seconds"}'
    )
    start, printed, said, blank, end, report = result.log_tail.decode().splitlines()
    assert (start, printed, blank, end) == (
        "START RequestId: the-id Version: $LATEST", "asleep", "", "END RequestId: the-id",
    )  # fmt: skip
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z the-id Task timed out after 1\.00 seconds", said
    )
    assert report.endswith("\tStatus: timeout\t")
    assert await functions.run(spec, 0) == 1


async def test_one_whose_start_takes_longer_than_it_may(functions: Functions) -> None:
    """The init phase has ten seconds of its own; a loop that never ends must not hold the environment for ever."""
    spec = functions.define(
        "import time\ntime.sleep(0.5)\ndef handler(event, context): return 'late'", timeout=1
    )
    assert await functions.run(spec) == "late"


@pytest.mark.parametrize(
    "code",
    [
        "def handler(event, context):\n x = bytearray(600_000_000)\n import time; time.sleep(30)",
        (
            "import os, time\ndef handler(event, context):\n"
            " if os.fork() == 0:\n  os.setsid()\n  x = bytearray(600_000_000)\n  time.sleep(30)\n"
            " time.sleep(30)"
        ),
    ],
    ids=["itself", "a child in a session of its own"],
)
async def test_one_that_takes_too_much_memory(functions: Functions, code: str) -> None:
    error = await functions.fail(functions.define(code, timeout=20))
    assert error["errorType"] == "Runtime.OutOfMemory"
    assert error["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")


async def test_children_that_share_their_parents_memory_are_not_counted_each(functions: Functions) -> None:
    code = """
        import os, time
        def handler(event, context):
            children = []
            for _ in range(6):
                pid = os.fork()
                if pid == 0:
                    time.sleep(0.6)
                    os._exit(0)
                children.append(pid)
            return [os.waitpid(pid, 0)[1] for pid in children]
    """
    assert await functions.run(functions.define(code)) == [0] * 6


async def test_large_results_pass_and_too_large_ones_do_not(functions: Functions) -> None:
    spec = functions.define("def handler(event, context): return 'x' * event")
    result = await functions.invoke(spec, 6_000_000)
    assert (len(result.payload), result.error) == (6_000_002, None)
    assert result.duration_ms < 900, "the runtime waited for a 100 Continue that did not come"
    for size in (6_291_556, 40_000_000):
        error = await functions.fail(
            functions.define("def handler(event, context): return 'x' * event", memory=512), size
        )
        assert error == {
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        }


async def test_after_a_result_that_was_too_large_the_next_invocation_works(functions: Functions) -> None:
    spec = functions.define("def handler(event, context): return 'x' * event", memory=512)
    await functions.fail(spec, 7_000_000)
    assert await functions.run(spec, 3) == "xxx"


async def test_a_large_event_arrives_whole(functions: Functions) -> None:
    spec = functions.define("def handler(event, context): return len(event)")
    assert await functions.run(spec, "é" * 2_000_000) == 2_000_000


async def test_runtimes_that_are_not_python_are_refused_by_name(functions: Functions) -> None:
    from nightbus.aws.errors import AwsError

    spec = functions.define("x = 1", runtime="ruby3.3")
    with pytest.raises(AwsError, match=r"ruby3\.3"):
        await functions.invoke(spec)
    assert supported_runtimes()[0] == "python3.8"
