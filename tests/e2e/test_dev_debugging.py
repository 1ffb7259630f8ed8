"""A function of `nightbus dev --debug` waits for a debugger, which may stop it for longer than its time limit."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from debug_client import DebugClient
from dev_process import Dev
from nodes import RunningNode, clean_environment

HANDLER = """\
def handler(event, context):
    text = event["text"]
    return {"text": text, "left": context.get_remaining_time_in_millis()}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text(HANDLER)
    properties = {
        "FunctionName": "debugged", "Handler": "app.handler", "Runtime": "python3.11", "CodeUri": "src", "Timeout": 1,
    }  # fmt: skip
    function = {"Type": "AWS::Serverless::Function", "Properties": properties}
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"Stopped": function}}
    (tmp_path / "template.json").write_text(json.dumps(template))
    return tmp_path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Invocation(threading.Thread):
    """An Invoke under way."""

    def __init__(self, node: RunningNode, text: str) -> None:
        super().__init__(daemon=True)
        self._client = node.client("lambda")
        self._payload = json.dumps({"text": text})
        self.answer: dict[str, Any] = {}
        self.start()

    def run(self) -> None:
        reply = self._client.invoke(FunctionName="debugged", Payload=self._payload)
        self.answer = {"payload": json.load(reply["Payload"]), "error": reply.get("FunctionError")}


def test_a_breakpoint_holds_an_invocation_for_longer_than_its_time_limit(
    project: Path, node: RunningNode
) -> None:
    port = free_port()
    dev = Dev(project, node, "--debug", f"Stopped:{port}", "--stack-name", "debugged-app")
    dev.line("Stopped waits for a debugger at", str(port), "/src ↔ /var/task")
    invocation = Invocation(node, "a")
    debugger = DebugClient(port)
    began = time.monotonic()
    debugger.attach(project / "src", {"app.py": [3]})
    stopped = debugger.event("stopped")
    frames = debugger.ask("stackTrace", threadId=stopped["threadId"])["stackFrames"]
    assert (frames[0]["line"], frames[0]["source"]["path"]) == (3, str(project / "src" / "app.py"))
    while time.monotonic() < began + 2.5:  # longer than the function may run
        said = debugger.ask("evaluate", expression="text", frameId=frames[0]["id"], context="watch")
        assert said["result"] == "'a'"
    debugger.ask("continue", threadId=stopped["threadId"])
    invocation.join(20)
    assert (invocation.answer["error"], invocation.answer["payload"]["text"]) == (None, "a")
    warm = Invocation(node, "b")
    again = debugger.event("stopped")
    debugger.ask("continue", threadId=again["threadId"])
    warm.join(20)
    assert warm.answer["payload"]["text"] == "b"
    began = time.monotonic()
    while time.monotonic() < began + 1:  # longer than another environment goes on between invocations
        assert debugger.ask("threads")["threads"]
    debugger.ask("disconnect", terminateDebuggee=False)
    debugger.close()
    again_attached = DebugClient(port)
    again_attached.attach(project / "src", {"app.py": [2]})
    third = Invocation(node, "d")
    stopped = again_attached.event("stopped")
    again_attached.ask("continue", threadId=stopped["threadId"])
    third.join(20)
    assert third.answer["payload"]["text"] == "d"
    again_attached.close()
    assert dev.stop() == 0
    after = Invocation(node, "c")
    after.join(20)
    assert after.answer["payload"]["left"] <= 1000


def test_who_waits_when_the_session_ends_waits_no_longer(project: Path, node: RunningNode) -> None:
    port = free_port()
    dev = Dev(project, node, "--debug", f"debugged:{port}", "--stack-name", "debugged-app")
    dev.line("watching")
    invocation = Invocation(node, "a")
    dev.line("waiting for a debugger at")
    assert dev.stop() == 0
    invocation.join(20)
    assert invocation.answer["error"] == "Unhandled"


def test_only_the_operator_may_debug(node: RunningNode) -> None:
    body = json.dumps(
        {"account": "000000000000", "region": "us-east-1", "function": "debugged", "port": 5678}
    )
    request = urllib.request.Request(f"{node.endpoint}/_nightbus/debug", body.encode())
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 403


def test_a_function_that_is_not_there_is_one_line(project: Path, node: RunningNode) -> None:
    done = subprocess.run(
        ["nightbus", "dev", "--port", str(node.port), "--debug", "Nobody", "--stack-name", "debugged-app"],
        cwd=project, env=clean_environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr.strip()) == (
        1,
        "nightbus: --debug Nobody: the application has no such function; it has Stopped",
    )
