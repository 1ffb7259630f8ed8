"""`nightbus dev` with the real `sam build`: requirements, a nested stack, and changes without another build."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dev_process import Dev
from nodes import RunningNode
from waiting import wait_for

HANDLER = """
import {package}
def handler(event, context):
    return [{package}.__name__, {text!r}]
"""


def function(name: str, folder: str) -> dict[str, Any]:
    properties = {"FunctionName": name, "Handler": "app.handler", "Runtime": "python3.11", "CodeUri": folder}
    return {"Type": "AWS::Serverless::Function", "Properties": properties}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder, package in (("outer", "six"), ("inner", "json")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "app.py").write_text(HANDLER.format(package=package, text="one"))
    (tmp_path / "outer" / "requirements.txt").write_text("six==1.17.0\n")
    transform = {"Transform": "AWS::Serverless-2016-10-31"}
    nested = {**transform, "Resources": {"Inner": function("dev-inner", "inner")}}
    (tmp_path / "nested.yaml").write_text(json.dumps(nested))
    application = {"Type": "AWS::Serverless::Application", "Properties": {"Location": "nested.yaml"}}
    template = {**transform, "Resources": {"Outer": function("dev-outer", "outer"), "Nested": application}}
    (tmp_path / "template.yaml").write_text(json.dumps(template))
    return tmp_path


def answer(node: RunningNode, name: str) -> Any:
    return json.load(node.client("lambda").invoke(FunctionName=name, Payload=b"{}")["Payload"])


def test_sam_builds_once_and_saves_are_live_without_it(project: Path, node: RunningNode) -> None:
    dev = Dev(project, node, "--stack-name", "dev-built")
    dev.line("sam build (Outer: requirements.txt)")
    dev.line("watching", seconds=150)
    assert (answer(node, "dev-outer"), answer(node, "dev-inner")) == (["six", "one"], ["json", "one"])
    (project / "outer" / "app.py").write_text(HANDLER.format(package="six", text="two"))
    wait_for(lambda: answer(node, "dev-outer") == ["six", "two"])
    (project / "inner" / "app.py").write_text(HANDLER.format(package="json", text="two"))
    wait_for(lambda: answer(node, "dev-inner") == ["json", "two"])
    dev.line("Inner live")
    assert sum("sam build" in line for line in dev.lines) == 1
    (project / "outer" / "requirements.txt").write_text("six==1.16.0\n")
    wait_for(lambda: sum("sam build" in line for line in dev.lines) == 2, 60)
    dev.line("Stack dev-built is UPDATE_COMPLETE", seconds=150)
    assert answer(node, "dev-outer") == ["six", "two"]
    assert dev.stop() == 0
