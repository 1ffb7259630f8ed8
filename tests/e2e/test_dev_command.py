"""`nightbus dev`: what is saved is live, what is broken is said, and what happens is shown."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev_process import Dev
from nodes import RunningNode, clean_environment
from waiting import wait_for

HANDLER = """
import helper
def handler(event, context):
    print("said by", event.get("detail", dict()).get("who"))
    return {!r}
"""
RULE = {
    "Type": "EventBridgeRule",
    "Properties": {"Pattern": {"source": ["shop"]}},
}


def template(**more: Any) -> str:
    function = {"Handler": "app.handler", "Runtime": "python3.11", "CodeUri": "src", "MemorySize": 128}
    return json.dumps(
        {
            "Transform": "AWS::Serverless-2016-10-31",
            "Resources": {
                "First": {
                    "Type": "AWS::Serverless::Function",
                    "Properties": {
                        **function,
                        "FunctionName": "dev-first",
                        "Events": {"Placed": RULE},
                        "FunctionUrlConfig": {"AuthType": "NONE"},
                    },
                },
                "Second": {
                    "Type": "AWS::Serverless::Function",
                    "Properties": {**function, "FunctionName": "dev-second", "AutoPublishAlias": "live"},
                },
                **more,
            },
        }
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "helper.py").write_text("")
    (tmp_path / "src" / "app.py").write_text(HANDLER.format("one"))
    (tmp_path / "template.yaml").write_text(template())
    (tmp_path / "samconfig.toml").write_text('[default.deploy.parameters]\nstack_name = "dev-app"\n')
    return tmp_path


@pytest.fixture
def dev(project: Path, node: RunningNode) -> Iterator[Dev]:
    running = Dev(project, node)
    running.line("FirstUrl  http://", f".localhost:{node.port}/")
    running.line("watching")
    yield running
    assert running.stop() == 0, "\n".join(running.lines)
    assert not any("Traceback" in line for line in running.lines)


def answer(node: RunningNode, name: str) -> Any:
    return json.load(node.client("lambda").invoke(FunctionName=name, Payload=b"{}")["Payload"])


def test_a_save_is_live_in_every_function_of_the_folder(dev: Dev, project: Path, node: RunningNode) -> None:
    before = node.client("lambda").get_function_configuration(FunctionName="dev-first")
    assert (answer(node, "dev-first"), answer(node, "dev-second:live")) == ("one", "one")
    (project / "src" / "app.py").write_text(HANDLER.format("two"))
    wait_for(lambda: answer(node, "dev-first") == "two" and answer(node, "dev-second:live") == "two")
    dev.line("First, Second live", "src/app.py")
    after = node.client("lambda").get_function_configuration(FunctionName="dev-first")
    assert after["RevisionId"] != before["RevisionId"]
    assert after["Version"] == "$LATEST"


def test_a_syntax_error_is_said_and_the_code_from_before_stays(
    dev: Dev, project: Path, node: RunningNode
) -> None:
    (project / "src" / "app.py").write_text("def handler(event, context)\n    return 3\n")
    dev.line("SyntaxError: src/app.py:1: expected ':'")
    assert answer(node, "dev-first") == "one"
    (project / "src" / "app.py").write_text(HANDLER.format("mended"))
    wait_for(lambda: answer(node, "dev-first") == "mended")


def test_events_and_logs_are_lines(dev: Dev, node: RunningNode) -> None:
    entry = {"Source": "shop", "DetailType": "Placed", "Detail": '{"who": "Ann"}'}
    other = {"Source": "other", "DetailType": "Lost", "Detail": "{}"}
    node.client("events").put_events(Entries=[entry, other])
    line = dev.line("default  shop  Placed", "→ dev-app-FirstPlaced")
    assert "function:dev-first delivered" in line
    dev.line("default  other  Lost  matches no rule")
    dev.line("  First  said by Ann")
    dev.line("  First  Duration: ", "Init Duration: ")
    assert not any("\x1b" in line or "START RequestId" in line for line in dev.lines)


def test_a_change_of_the_template_updates_the_stack(dev: Dev, project: Path, node: RunningNode) -> None:
    (project / "template.yaml").write_text(template(Extra={"Type": "AWS::SQS::Queue"}))
    dev.line("Add", "Extra", "AWS::SQS::Queue")
    dev.line("Stack dev-app is UPDATE_COMPLETE")
    (project / "template.yaml").write_text("Resources: [\n")
    dev.line("template.yaml: Template format error")
    (project / "template.yaml").write_text(template())
    dev.line("Remove", "Extra")


def test_a_burst_is_one_update_and_what_tools_leave_is_none(
    dev: Dev, project: Path, node: RunningNode
) -> None:
    (project / "src" / "__pycache__").mkdir()
    (project / "src" / "__pycache__" / "app.cpython-311.pyc").write_bytes(b"x")
    (project / "src" / ".app.py.swp").write_text("x")
    for number in range(10):
        (project / "src" / f"part{number}.py").write_text(f"NUMBER = {number}\n")
    (project / "src" / "part0.py").replace(project / "src" / "helper.py")
    dev.line("live", "src/helper.py", "src/part9.py")
    (project / "src" / "app.py").write_text(HANDLER.format("last"))
    wait_for(lambda: answer(node, "dev-first") == "last")
    dev.line("live", "(src/app.py)")
    assert sum(" live " in line for line in dev.lines) == 2, dev.lines
    assert not any(".swp" in line or "pycache" in line for line in dev.lines)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not on this machine")
def test_javascript_is_live_without_a_build(tmp_path: Path, node: RunningNode) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.mjs").write_text("export const handler = async () => 'one';\n")
    properties = {
        "FunctionName": "dev-node",
        "Handler": "app.handler",
        "Runtime": "nodejs20.x",
        "CodeUri": "src",
    }
    function = {"Type": "AWS::Serverless::Function", "Properties": properties}
    text = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"Script": function}}
    (tmp_path / "template.json").write_text(json.dumps(text))
    running = Dev(tmp_path, node, "--stack-name", "dev-node", "template.json")
    running.line("watching")
    assert answer(node, "dev-node") == "one"
    (tmp_path / "src" / "app.mjs").write_text("export const handler = async () => 'two';\n")
    wait_for(lambda: answer(node, "dev-node") == "two")
    (tmp_path / "src" / "app.mjs").write_text("export const handler = async ( => 'three';\n")
    running.line("SyntaxError: src/app.mjs:1: ")
    assert answer(node, "dev-node") == "two"
    assert running.stop() == 0


def test_it_deletes_the_stack_where_asked(project: Path, node: RunningNode) -> None:
    (project / "queue.json").write_text(json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}))
    running = Dev(project, node, "--delete", "--stack-name", "dev-gone", "queue.json")
    running.line("watching")
    assert running.stop() == 0
    assert "stack dev-gone is deleted" in running.lines[-1]


def test_code_that_went_another_way_meanwhile_is_put_back(project: Path, node: RunningNode) -> None:
    first = Dev(project, node)
    first.line("watching")
    (project / "src" / "app.py").write_text(HANDLER.format("later"))
    wait_for(lambda: answer(node, "dev-first") == "later")
    assert first.stop() == 0
    (project / "src" / "app.py").write_text(HANDLER.format("one"))
    second = Dev(project, node)
    second.line("watching")
    assert answer(node, "dev-first") == "one"
    assert second.stop() == 0


def test_a_template_that_is_not_there_is_one_line(tmp_path: Path, node: RunningNode) -> None:
    done = subprocess.run(
        ["nightbus", "dev", "--port", str(node.port)],
        cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (1, 1, "")
