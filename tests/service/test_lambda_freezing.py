"""Functions of a running node are frozen between invocations, with their extensions, and wake for what is sent to them.

What a frozen environment does and does not do is in `tests/unit/functions/test_freezing.py`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import uuid4

import pytest

from environment_processes import is_frozen, of_namespace, state_of
from extension_code import EVENT_LOOP, LISTEN, layer_of, program
from function_rig import OWN_NAMESPACE
from lambda_rig import code, function_role
from nodes import TWO_NODES, RunningNode
from waiting import wait_for

Client = Callable[..., Any]
CODE = f"""
import os, threading, time
def handler(event, context):
    print("said", event)
    return {OWN_NAMESPACE}
"""
SLOW_BUFFERING = {"maxItems": 10_000, "maxBytes": 1_048_576, "timeoutMs": 30_000}


def create(client: Client, layer: bytes | None = None, source: str = CODE, **params: Any) -> str:
    name = f"freeze-{uuid4().hex[:8]}"
    if layer is not None:
        made = client("lambda").publish_layer_version(LayerName=name, Content={"ZipFile": layer})
        params["Layers"] = [made["LayerVersionArn"]]
    client("lambda").create_function(
        FunctionName=name,
        Role=function_role(client("iam")),
        Runtime="python3.12",
        Handler="app.handler",
        Timeout=30,
        Code={"ZipFile": code(source)},
        **params,
    )
    client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def invoke(client: Client, name: str, event: Any = None, qualifier: str = "") -> Any:
    chosen = {"Qualifier": qualifier} if qualifier else {}
    reply = client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode(), **chosen)
    payload = json.load(reply["Payload"])
    assert "FunctionError" not in reply, payload
    return payload


def log_of(client: Client, name: str) -> list[str]:
    try:
        found = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    except client("logs").exceptions.ResourceNotFoundException:
        return []
    return [event["message"].rstrip("\n") for event in found]


def telemetry_of(client: Client, name: str) -> list[dict[str, Any]]:
    return [json.loads(line[4:]) for line in log_of(client, name) if line.startswith("got ")]


def wait_reported(client: Client, name: str, count: int) -> None:
    """Until the subscriber has so many reports of invocations."""
    wait_for(lambda: sum(one["type"] == "platform.report" for one in telemetry_of(client, name)) == count)


def wait_frozen(namespace: int) -> None:
    wait_for(lambda: is_frozen(namespace))


@pytest.fixture
def gate() -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """An address that answers when the second event is set, and sets the first one when it is asked."""
    asked, opened = threading.Event(), threading.Event()

    class Gate(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            opened.wait(60)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Gate)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", asked, opened
    opened.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_extension_that_is_not_done_keeps_its_environment_awake(
    client: Client, gate: tuple[str, threading.Event, threading.Event]
) -> None:
    address, asked, opened = gate
    body = f"def on_event(event):\n    if event['eventType'] == 'INVOKE': urllib.request.urlopen('{address}').read()"
    name = create(client, layer_of(slow=program(body)))
    namespace = invoke(client, name)
    assert asked.wait(60)
    ends = time.monotonic() + 1
    while time.monotonic() < ends:
        assert "T" not in [state_of(pid) for pid in of_namespace(namespace)]
        time.sleep(0.05)
    opened.set()
    wait_frozen(namespace)
    assert invoke(client, name) == namespace
    wait_frozen(namespace)


@pytest.mark.parametrize("change", ["code", "configuration", "delete"])
def test_extensions_of_a_frozen_environment_get_their_shutdown_event(client: Client, change: str) -> None:
    name = create(client, layer_of(witness=program()))
    namespace = invoke(client, name)
    wait_frozen(namespace)
    functions = client("lambda")
    if change == "code":
        functions.update_function_code(FunctionName=name, ZipFile=code(CODE + "#"))
    elif change == "configuration":
        functions.update_function_configuration(FunctionName=name, Description="another one")
    else:
        functions.delete_function(FunctionName=name)

    def shutdown() -> Any:
        events = [json.loads(one[6:]) for one in log_of(client, name) if one.startswith("event ")]
        return [one["shutdownReason"] for one in events if one["eventType"] == "SHUTDOWN"]

    assert wait_for(shutdown) == ["spindown"]
    wait_for(lambda: not of_namespace(namespace))


# Its other threads wait in a system call as the first one does: any of them could take the signal.
GRACEFUL = f"""
import os, signal, socket, sys, threading
def bye(*_):
    print("good bye", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, bye)
ours, theirs = socket.socketpair()
for _ in range(8):
    threading.Thread(target=ours.recv, args=(1,), daemon=True).start()
def handler(event, context):
    return {OWN_NAMESPACE}
"""


def test_the_first_thread_of_a_frozen_runtime_gets_its_signal(client: Client) -> None:
    name = create(client, layer_of(witness=program()), GRACEFUL)
    namespace = invoke(client, name)
    wait_frozen(namespace)
    client("lambda").delete_function(FunctionName=name)
    wait_for(lambda: "good bye" in log_of(client, name))


def test_what_a_child_takes_at_last_counts_against_the_memory(client: Client) -> None:
    """It is there before the answer, and maybe after the last look at the machine's processes."""
    source = f"""
import os, time
def handler(event, context):
    if event:
        read, write = os.pipe()
        if os.fork() == 0:
            kept = b"x" * (200 << 20)
            os.write(write, b".")
            time.sleep(600)
        os.read(read, 1)
    return {OWN_NAMESPACE}
"""
    name = create(client, source=source, MemorySize=128)
    namespace = invoke(client, name)
    client("lambda").invoke(FunctionName=name, Payload=b"1")
    wait_for(lambda: not of_namespace(namespace))


def test_telemetry_is_delivered_before_the_freeze(client: Client) -> None:
    """Its subscriber would take it half a minute later: what waits is sent earlier, and each event once. Where the
    environment were frozen before that, nothing would be sent, and no report would come."""
    body = f"listen()\nsubscribe('/2022-07-01/telemetry', buffering={SLOW_BUFFERING})\n"
    name = create(client, layer_of(telescope=program(LISTEN + body, EVENT_LOOP)))
    for count in (1, 2, 3):
        namespace = invoke(client, name, count)
        wait_frozen(namespace)
        wait_reported(client, name, count)
    types = [one["type"] for one in telemetry_of(client, name)]
    assert types[-12:] == ["platform.start", "function", "platform.runtimeDone", "platform.report"] * 3


def test_a_listener_that_does_not_answer_is_not_waited_for(client: Client) -> None:
    body = f"""
import socket
listener = socket.create_server(("sandbox.localdomain", 4243))
subscribe('/2022-07-01/telemetry', buffering={SLOW_BUFFERING})
"""
    name = create(client, layer_of(deaf=program(LISTEN + body, EVENT_LOOP)))
    for count in (1, 2):
        namespace = invoke(client, name, count)
        wait_frozen(namespace)


SNAPPED = f"""
import os
from snapshot_restore_py import register_after_restore, register_before_snapshot
STATE = []
@register_before_snapshot
def before():
    STATE.append({OWN_NAMESPACE})
@register_after_restore
def after():
    STATE.append("after")
def handler(event, context):
    return STATE
"""


def test_a_snapshot_waits_frozen_and_is_restored(client: Client) -> None:
    name = create(client, source=SNAPPED, SnapStart={"ApplyOn": "PublishedVersions"})
    version = client("lambda").publish_version(FunctionName=name)["Version"]
    client("lambda").get_waiter("published_version_active").wait(
        FunctionName=name, Qualifier=version, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    for _ in range(2):
        first, *rest = invoke(client, name, qualifier=version)
        assert rest == ["after"]
        wait_frozen(first)


def test_what_a_provisioned_environment_begins_at_import_waits_for_its_first_invocation(
    client: Client,
) -> None:
    source = f"""
import os, threading, time
print("namespace", {OWN_NAMESPACE})
moments = []
def tick():
    while True:
        moments.append(time.monotonic())
        time.sleep(0.005)
threading.Thread(target=tick, daemon=True).start()
def handler(event, context):
    pauses = [later - sooner for sooner, later in zip(moments, moments[1:])]
    while len(moments) < len(pauses) + 3:
        time.sleep(0.005)
    pauses = [later - sooner for sooner, later in zip(moments, moments[1:])]
    return [os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], max(pauses), {OWN_NAMESPACE}]
"""
    name = create(client, source=source)
    functions = client("lambda")
    functions.publish_version(FunctionName=name)
    functions.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=1
    )

    def ready() -> bool:
        found = functions.get_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
        return bool(found["Status"] == "READY")

    wait_for(ready)
    said = wait_for(lambda: [one for one in log_of(client, name) if one.startswith("namespace ")])
    namespace = int(said[-1].split()[1])
    wait_frozen(namespace)
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 1)
    kind, longest, again = invoke(client, name, qualifier="1")
    assert (kind, longest > 0.9, again) == ("provisioned-concurrency", True, namespace)
    wait_frozen(namespace)


WITHOUT_NAMESPACES = """
import sys
from nightbus.functions.zygote.isolation import linux, seccomp
linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
seccomp.load(seccomp.compiled())  # which refuses new namespaces
from nightbus.cli.main import main
sys.exit(main())
"""
LEAVES_A_DAEMON = """
import os, time
pids = []
def handler(event, context):
    if not pids:
        read, write = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(write, str(os.getpid()).encode())
                while True:
                    time.sleep(0.01)
            os._exit(0)
        os.wait()
        pids[:] = [os.getpid(), int(os.read(read, 20))]
    return pids
"""


@pytest.mark.skipif(TWO_NODES, reason="it starts a node of its own program")
def test_without_namespaces_each_process_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nodes._PROGRAM", ["-c", WITHOUT_NAMESPACES])
    node = RunningNode()
    try:
        name = create(node.client, layer_of(witness=program()), LEAVES_A_DAEMON)
        pids = invoke(node.client, name)
        for _ in range(2):
            wait_for(lambda: [state_of(pid) for pid in pids] == ["T", "T"])
            assert invoke(node.client, name) == pids
        wait_for(lambda: [state_of(pid) for pid in pids] == ["T", "T"])
    finally:
        assert node.stop() == 0
    assert [state_of(pid) for pid in pids] == ["X", "X"]


@pytest.mark.skipif(TWO_NODES, reason="it starts a node of its own")
def test_with_a_network_of_its_own_an_environment_is_frozen_and_gets_telemetry() -> None:
    node = RunningNode(environ={"NIGHTBUS_FUNCTIONS_NETWORK": "loopback"})
    try:
        body = f"listen()\nsubscribe('/2022-07-01/telemetry', buffering={SLOW_BUFFERING})\n"
        name = create(node.client, layer_of(telescope=program(LISTEN + body, EVENT_LOOP)))
        for count in (1, 2):
            namespace = invoke(node.client, name, count)
            wait_frozen(namespace)
            wait_reported(node.client, name, count)
    finally:
        assert node.stop() == 0


@pytest.mark.skipif(TWO_NODES, reason="it kills a node of its own")
@pytest.mark.parametrize("program_of_node", [[], ["-c", WITHOUT_NAMESPACES]], ids=["namespaces", "none"])
def test_a_killed_node_leaves_no_stopped_process(program_of_node: list[str]) -> None:
    node = RunningNode(program=program_of_node)
    try:
        name = create(
            node.client,
            layer_of(witness=program()),
            LEAVES_A_DAEMON.replace("return pids", "return [os.stat('/proc/self/ns/pid').st_ino, *pids]"),
        )
        namespace, *pids = invoke(node.client, name)
        if program_of_node:
            family = pids
            wait_for(lambda: all(state_of(pid) == "T" for pid in family))
        else:
            wait_frozen(namespace)
            family = of_namespace(namespace)
            assert len(family) == 4  # the supervisor, the runtime, the daemon, and the extension
    finally:
        node.kill()
    wait_for(lambda: all(state_of(pid) in "XZ" for pid in family))
