"""Logs of functions whose log format is JSON: events of the platform, records of the runtime, prints as they are."""

from __future__ import annotations

import json
from typing import Any

from function_rig import Functions
from nightbus.functions.interface import SNAP_START
from nightbus.functions.logs.log_levels import WARN, line_filter

CODE = """
    import json, logging, os
    def handler(event, context):
        logger = logging.getLogger("mine")
        logger.debug("hidden")
        logger.warning("told %s", "twice", extra={"order": 7})
        print("plain")
        print(json.dumps({"level": "debug", "message": "printed"}))
        print(json.dumps({"level": "ERROR", "message": "printed"}))
        if event == "fail":
            raise ValueError("no")
        if event == "exit":
            os._exit(3)
        return {key: os.environ.get(key) for key in ("AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL")}
"""


def _documents(functions: Functions) -> list[Any]:
    found = []
    for message in functions.sink.messages:
        try:
            found.append(json.loads(message))
        except ValueError:
            found.append(message)
    return found


async def test_an_invocation_in_json(functions: Functions) -> None:
    spec = functions.define(CODE, log_format="JSON")
    assert await functions.run(spec) == {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    init, start, record, plain, printed, report = _documents(functions)
    assert [one["type"] for one in (init, start, report)] == [
        "platform.initStart", "platform.start", "platform.report",
    ]  # fmt: skip
    assert list(init) == ["time", "type", "record"]
    assert list(init["record"]) == [
        "initializationType", "phase", "runtimeVersion", "runtimeVersionArn", "functionName", "functionVersion",
        "instanceId", "instanceMaxMemory",
    ]  # fmt: skip
    assert init["record"]["runtimeVersion"].startswith("python:3.")
    assert init["record"]["instanceMaxMemory"] == 128 * 1024 * 1024
    assert start["record"] == {
        "requestId": start["record"]["requestId"],
        "functionArn": spec.arn,
        "version": "$LATEST",
    }
    assert (record["level"], record["message"], record["logger"]) == ("WARNING", "told twice", "mine")
    assert record["requestId"] == start["record"]["requestId"]
    assert record["order"] == 7
    assert plain == "plain\n"
    assert printed == {"level": "ERROR", "message": "printed"}
    assert list(report["record"]) == ["requestId", "metrics", "status"]
    assert list(report["record"]["metrics"]) == [
        "durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs",
    ]  # fmt: skip
    assert report["record"]["status"] == "success"


async def test_debug_has_every_event_and_warn_only_those_of_failures(functions: Functions) -> None:
    await functions.run(functions.define(CODE, log_format="JSON", system_log_level="DEBUG"))
    kinds = [one["type"] for one in _documents(functions) if isinstance(one, dict) and "type" in one]
    assert kinds == [
        "platform.initStart", "platform.initRuntimeDone", "platform.initReport", "platform.start",
        "platform.runtimeDone", "platform.report",
    ]  # fmt: skip
    functions.sink.lines.clear()
    quiet = functions.define(CODE, log_format="JSON", system_log_level="WARN", application_log_level="ERROR")
    await functions.run(quiet)
    assert _documents(functions) == ["plain\n", {"level": "ERROR", "message": "printed"}]
    functions.sink.lines.clear()
    await functions.fail(quiet, "fail")
    *_, error, done, report = _documents(functions)
    assert (error["level"], error["errorType"], error["errorMessage"]) == ("ERROR", "ValueError", "no")
    assert (done["type"], done["record"]["status"], done["record"]["errorType"]) == (
        "platform.runtimeDone", "error", "Unhandled",
    )  # fmt: skip
    assert (report["record"]["status"], report["record"]["errorType"]) == ("error", "Unhandled")


async def test_the_end_of_the_process_is_a_fault(functions: Functions) -> None:
    await functions.fail(functions.define(CODE, log_format="JSON"), "exit")
    fault, done, report = _documents(functions)[-3:]
    request_id = report["record"]["requestId"]
    assert fault["type"] == "platform.fault"
    assert fault["record"] == (
        f"RequestId: {request_id} Error: Runtime exited with error: exit status 3\nRuntime.ExitError"
    )
    assert done["record"]["status"] == report["record"]["status"] == "error"
    assert report["record"]["errorType"] == "Runtime.ExitError"


async def test_an_init_phase_that_fails(functions: Functions) -> None:
    broken = functions.define("import nowhere", log_format="JSON", system_log_level="WARN")
    await functions.fail(broken)
    done, report = [one for one in _documents(functions) if str(one.get("type")).startswith("platform.init")]
    assert done["record"] == {
        "initializationType": "on-demand",
        "phase": "init",
        "status": "error",
        "errorType": "Runtime.ImportModuleError",
    }
    assert list(report["record"]) == ["initializationType", "phase", "status", "errorType", "metrics"]


async def test_a_sampled_trace_is_in_the_events(functions: Functions) -> None:
    spec = functions.define(CODE, log_format="JSON")
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    await functions.invoke(spec, trace=trace)
    start = _documents(functions)[1]
    assert start["record"]["tracing"] == {"type": "X-Amzn-Trace-Id", "value": trace}


async def test_a_time_limit_is_told_by_two_events(functions: Functions) -> None:
    sleeper = "import time\ndef handler(event, context): time.sleep(30)"
    spec = functions.define(sleeper, log_format="JSON", system_log_level="WARN", timeout=1)
    await functions.fail(spec)
    done, report = _documents(functions)
    assert (done["type"], done["record"]["status"]) == ("platform.runtimeDone", "timeout")
    assert (report["type"], report["record"]["status"]) == ("platform.report", "timeout")
    assert list(report["record"]) == ["requestId", "metrics", "status"]
    assert "spans" not in done["record"]


async def test_a_restored_environment_tells_how_long_that_took(functions: Functions) -> None:
    spec = functions.define(
        "def handler(event, context): pass",
        log_format="JSON",
        system_log_level="DEBUG",
        initialization=SNAP_START,
        runtime="python3.12",
    )
    await functions.runner.snapshot(spec)
    await functions.invoke(spec)
    found = {one["type"]: one["record"] for one in _documents(functions)}
    assert list(found) == [
        "platform.initStart", "platform.initRuntimeDone", "platform.initReport", "platform.restoreStart",
        "platform.restoreRuntimeDone", "platform.restoreReport", "platform.start", "platform.runtimeDone",
        "platform.report",
    ]  # fmt: skip
    assert found["platform.initStart"]["initializationType"] == "snap-start"
    assert found["platform.restoreRuntimeDone"] == {"status": "success"}
    assert found["platform.restoreReport"]["metrics"]["durationMs"] > 0
    assert "restoreDurationMs" in found["platform.report"]["metrics"]
    assert "initDurationMs" not in found["platform.report"]["metrics"]


def test_which_printed_lines_are_written() -> None:
    is_written = line_filter(WARN)
    assert is_written("words\n")
    assert is_written("{broken\n")
    assert is_written('{"level": "warning"}\n')
    assert is_written('{"level": "Fatal"}\n')
    assert not is_written('{"level": "info"}\n')
    assert not is_written('{"level": 3}\n')
    assert not is_written('{"message": "without a level is INFO"}\n')
