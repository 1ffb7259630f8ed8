"""External and internal extensions by boto3: they run beside the function, and the log tells of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from extension_code import layer_of, program
from lambda_rig import code, function_role
from waiting import wait_for

Client = Callable[..., Any]
ECHO = "def handler(event, context):\n    return event\n"


@pytest.fixture
def role(client: Client) -> str:
    return function_role(client("iam"))


def create(client: Client, role: str, layer: bytes | None, source: str = ECHO, **params: Any) -> str:
    name = f"ext-{uuid4().hex[:8]}"
    layers = []
    if layer is not None:
        made = client("lambda").publish_layer_version(LayerName=name, Content={"ZipFile": layer})
        layers.append(made["LayerVersionArn"])
    settings: dict[str, Any] = {"Runtime": "python3.12", "Handler": "app.handler", "Timeout": 20}
    client("lambda").create_function(
        FunctionName=name, Role=role, Code={"ZipFile": code(source)}, Layers=layers, **(settings | params)
    )
    client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def invoke(client: Client, name: str, event: Any = None) -> tuple[Any, str | None]:
    reply = client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    return json.load(reply["Payload"]), reply.get("FunctionError")


def log_of(client: Client, name: str) -> list[str]:
    try:
        found = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")
    except client("logs").exceptions.ResourceNotFoundException:
        return []
    return [event["message"].rstrip("\n") for event in found["events"]]


def wait_for_line(client: Client, name: str, text: str, count: int = 1) -> list[str]:
    def lines() -> list[str]:
        found = log_of(client, name)
        return found if sum(text in line for line in found) >= count else []

    return wait_for(lines)


def events_of(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("event ")) for line in lines if line.startswith("event ")]


def test_an_extension_sees_each_invocation_and_the_shutdown(client: Client, role: str) -> None:
    files: dict[str, Any] = {"watcher": program(), "data/readme.txt": "no program, for it lies in a folder"}
    name = create(client, role, layer_of(**files))
    assert invoke(client, name, 1) == (1, None)
    assert invoke(client, name, 2) == (2, None)
    client("lambda").delete_function(FunctionName=name)
    lines = wait_for_line(client, name, "shutdownReason")
    first, second, shutdown = events_of(lines)
    assert list(first) == ["eventType", "deadlineMs", "requestId", "invokedFunctionArn", "tracing"]
    assert (first["eventType"], second["eventType"]) == ("INVOKE", "INVOKE")
    assert first["requestId"] != second["requestId"]
    assert first["invokedFunctionArn"].endswith(f":function:{name}")
    assert first["tracing"]["type"] == "X-Amzn-Trace-Id"
    assert (shutdown["eventType"], shutdown["shutdownReason"]) == ("SHUTDOWN", "spindown")
    assert 0 < shutdown["deadlineMs"] - second["deadlineMs"] + 20_000 < 60_000
    answer = json.loads(next(line for line in lines if line.startswith("registered")).partition(" ")[2])
    assert answer == {
        "functionName": name,
        "functionVersion": "$LATEST",
        "handler": "app.handler",
        "accountId": first["invokedFunctionArn"].split(":")[4],
    }
    ready = "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE,SHUTDOWN]"
    start = next(at for at, line in enumerate(lines) if line.startswith("START"))
    assert lines.index(ready) < start
    assert sum(line.startswith("REPORT") for line in lines) == 2


def test_the_answer_does_not_wait_for_an_extension_and_the_report_does(client: Client, role: str) -> None:
    slow = "import time\ndef on_event(event):\n    time.sleep(1.5)"
    name = create(client, role, layer_of(slow=program(slow)))
    invoke(client, name)
    assert not any(line.startswith("REPORT") for line in log_of(client, name))
    lines = wait_for_line(client, name, "REPORT")
    report = next(line for line in lines if line.startswith("REPORT"))
    assert float(report.partition("Duration: ")[2].split()[0]) > 1400


def test_an_extension_that_never_ends_meets_the_time_limit(client: Client, role: str) -> None:
    stuck = "import time\ndef on_event(event):\n    if event['eventType'] == 'INVOKE': time.sleep(60)"
    name = create(client, role, layer_of(stuck=program(stuck)), Timeout=2)
    assert invoke(client, name, "in time") == ("in time", None)
    lines = wait_for_line(client, name, "Task timed out after 2.00 seconds")
    report = wait_for_line(client, name, "REPORT")[-1]
    assert report.endswith("Status: timeout\t"), lines
    assert invoke(client, name, "again") == ("again", None)


def test_a_timeout_of_the_function_is_the_reason_of_the_shutdown(client: Client, role: str) -> None:
    sleeper = "import time\ndef handler(event, context):\n    time.sleep(60)\n"
    name = create(client, role, layer_of(watcher=program()), sleeper, Timeout=1)
    answer, error = invoke(client, name)
    assert (answer["errorType"], error) == ("Sandbox.Timedout", "Unhandled")
    *_, shutdown = events_of(wait_for_line(client, name, "shutdownReason"))
    assert shutdown["shutdownReason"] == "timeout"


def test_the_end_of_the_runtime_is_the_reason_of_the_shutdown(client: Client, role: str) -> None:
    leaver = "import os\ndef handler(event, context):\n    os._exit(4)\n"
    name = create(client, role, layer_of(watcher=program()), leaver)
    answer, _ = invoke(client, name)
    assert answer["errorType"] == "Runtime.ExitError"
    assert "exit status 4" in answer["errorMessage"]
    *_, shutdown = events_of(wait_for_line(client, name, "shutdownReason"))
    assert shutdown["shutdownReason"] == "failure"


def test_the_runtime_gets_a_signal_where_there_are_extensions(client: Client, role: str) -> None:
    graceful = """
import signal, sys
def bye(*_):
    print("good bye", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, bye)
def handler(event, context):
    return 1
"""
    name = create(client, role, layer_of(watcher=program()), graceful)
    assert invoke(client, name) == (1, None)
    client("lambda").delete_function(FunctionName=name)
    lines = wait_for_line(client, name, "good bye")
    assert "good bye" in lines


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("sys.exit(7)\n", "Extension.Crash", "exit status 7"),
        (
            "i = register(['INVOKE'])[1]['Lambda-Extension-Identifier']\n"
            "print(call('POST', '/2020-01-01/extension/init/error', {}, Identifier=i,"
            " Function_Error_Type='Extension.NoKey'))\n",
            "Extension.InitError",
            "exit code 0",
        ),
    ],
)
def test_an_extension_that_fails_in_its_start_fails_the_invocation(
    client: Client, role: str, body: str, kind: str, message: str
) -> None:
    name = create(client, role, layer_of(bad=program("", body)))
    answer, error = invoke(client, name)
    assert (answer["errorType"], error) == (kind, "Unhandled")
    assert answer["errorMessage"].startswith("RequestId: ")
    assert answer["errorMessage"].endswith(f"Error: {message}")
    lines = wait_for_line(client, name, "REPORT")
    assert any("EXTENSION\tName: bad\tState:" in line and "Error Type" in line for line in lines)
    assert any(line.startswith("INIT_REPORT") and kind in line for line in lines)


def test_what_cannot_be_executed_fails_the_invocation(client: Client, role: str) -> None:
    name = create(client, role, layer_of(mode=0o644, words="not a program"))
    answer, _ = invoke(client, name)
    assert answer["errorType"] == "Extension.LaunchError"
    assert "fork/exec /opt/extensions/words: permission denied" in answer["errorMessage"]


def test_an_extension_that_crashes_ends_the_environment(client: Client, role: str) -> None:
    crashing = "def on_event(event):\n    if event['eventType'] == 'INVOKE': os._exit(9)"
    name = create(client, role, layer_of(bad=program(crashing)))
    invoke(client, name)
    wait_for_line(client, name, "Error: exit status 9")
    invoke(client, name)
    streams = client("logs").describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]
    assert len(streams) == 2


def test_what_the_api_refuses(client: Client, role: str) -> None:
    body = """
def show(reply): print("reply", json.dumps([reply[0], reply[2]]), flush=True)
show(call("POST", "/2020-01-01/extension/register", {"events": []}))
show(call("POST", "/2020-01-01/extension/register", {"events": ["SHUTDOWN"]}, Name="internal"))
show(call("POST", "/2020-01-01/extension/register", {"events": ["OTHER"]}, Name=NAME))
show(call("GET", "/2020-01-01/extension/event/next"))
show(call("GET", "/2020-01-01/extension/event/next", Identifier="unknown"))
def on_event(event): pass
"""
    name = create(client, role, layer_of(curious=program(body)))
    assert invoke(client, name, 3) == (3, None)
    replies = [json.loads(line[6:]) for line in log_of(client, name) if line.startswith("reply ")]
    assert [(status, answer["errorType"]) for status, answer in replies] == [
        (403, "Extension.InvalidExtensionName"),
        (403, "ShutdownEventNotSupportedForInternalExtension"),
        (400, "Extension.InvalidEventType"),
        (403, "Extension.MissingExtensionIdentifier"),
        (403, "Extension.UnknownExtensionIdentifier"),
    ]


def test_an_extension_has_the_function_s_files_and_memory(client: Client, role: str) -> None:
    greedy = """
print("task", os.path.exists("/var/task/app.py"), "opt", sys.argv[0], flush=True)
wanted = {"_HANDLER", "AWS_EXECUTION_ENV", "OWN", "AWS_LAMBDA_FUNCTION_NAME"}
print("names", sorted(set(os.environ) & wanted), flush=True)
import time
def on_event(event):
    if event["eventType"] == "INVOKE":
        kept.append(bytearray(os.urandom(1) * (300 << 20)))
kept = []
"""
    sleeper = "import time\ndef handler(event, context):\n    time.sleep(10)\n"
    environment = {"Variables": {"OWN": "1"}}
    name = create(
        client, role, layer_of(greedy=program(greedy)), sleeper, MemorySize=128, Environment=environment
    )
    answer, _ = invoke(client, name)
    assert answer["errorType"] == "Runtime.OutOfMemory"
    lines = log_of(client, name)
    assert "task True opt /opt/extensions/greedy" in lines
    assert "names ['AWS_LAMBDA_FUNCTION_NAME', 'OWN']" in lines


def test_an_internal_extension(client: Client, role: str) -> None:
    source = """
import json, os, threading, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
def ask(path, body=None, **headers):
    named = {"Lambda-Extension-" + key: value for key, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    return urllib.request.urlopen(urllib.request.Request(API + path, data, named))
identifier = ask("register", {"events": ["INVOKE"]}, Name="inner").headers["Lambda-Extension-Identifier"]
def listen():
    while True:
        event = json.load(ask("event/next", Identifier=identifier))
        print("inner", event["eventType"], flush=True)
threading.Thread(target=listen, daemon=True).start()
def handler(event, context):
    return event
"""
    name = create(client, role, None, source)
    assert invoke(client, name, 5) == (5, None)
    lines = wait_for_line(client, name, "REPORT")
    assert "EXTENSION\tName: inner\tState: Ready\tEvents: [INVOKE]" in lines
    assert "inner INVOKE" in lines


def test_an_extension_that_reports_an_error_before_it_exits(client: Client, role: str) -> None:
    body = """
def on_event(event):
    if event["eventType"] == "INVOKE":
        call("POST", "/2020-01-01/extension/exit/error", {}, Identifier=identifier,
             Function_Error_Type="Extension.NoDisk")
        os._exit(3)
"""
    name = create(
        client, role, layer_of(bad=program(body)), "import time\ndef handler(e, c): time.sleep(5)\n"
    )
    answer, error = invoke(client, name)
    assert (answer["errorType"], error) == ("Extension.ExitError", "Unhandled")
    assert answer["errorMessage"].endswith("Error: exit status 3")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")
@pytest.mark.parametrize("log_format", ["Text", "JSON"])
def test_extensions_beside_node_js_and_a_program_of_the_function_s_own(
    client: Client, role: str, log_format: str
) -> None:
    layer = layer_of(watcher=program("").replace("on_event(event)", "pass"))
    settings = {"LoggingConfig": {"LogFormat": log_format}}
    made = client("lambda").publish_layer_version(
        LayerName=f"w-{uuid4().hex[:8]}", Content={"ZipFile": layer}
    )
    name = f"node-{uuid4().hex[:8]}"
    source = "exports.handler = async (event) => { console.log('said', event); return event }\n"
    client("lambda").create_function(
        FunctionName=name,
        Role=role,
        Runtime="nodejs20.x",
        Handler="index.handler",
        Timeout=20,
        Code={"ZipFile": code(source, "index.js")},
        Layers=[made["LayerVersionArn"]],
        **settings,
    )
    client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
    assert invoke(client, name, 7) == (7, None)
    lines = wait_for_line(client, name, '"platform.report"' if log_format == "JSON" else "REPORT")
    assert len(events_of(lines)) == 1
    said = next(line for line in lines if "said" in line)
    if log_format == "JSON":
        assert (json.loads(said)["level"], json.loads(said)["message"]) == ("INFO", "said 7")
    else:
        assert said.endswith("\tINFO\tsaid 7")


def test_a_process_that_exits_while_its_internal_extension_works_is_reported_at_once(
    client: Client, role: str
) -> None:
    source = """
import json, os, threading, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
answered = threading.Event()
def ask(path, body=None, **headers):
    named = {"Lambda-Extension-" + key: value for key, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    return urllib.request.urlopen(urllib.request.Request(API + path, data, named))
identifier = ask("register", {"events": ["INVOKE"]}, Name="inner").headers["Lambda-Extension-Identifier"]
def listen():
    ask("event/next", Identifier=identifier).read()
    answered.wait()
    threading.Event().wait(0.5)
    os._exit(7)
threading.Thread(target=listen, daemon=True).start()
def handler(event, context):
    answered.set()
    return event
"""
    name = create(client, role, None, source, Timeout=600)
    assert invoke(client, name, 5) == (5, None)
    assert "exit status 7" in "".join(wait_for_line(client, name, "REPORT"))
