"""`nightbus deploy`, for a person, for a pipe and for a program; and what `nightbus doctor` says afterwards."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lambda_rig import allow
from nodes import RunningNode, clean_environment

LONG = "a-name-that-is-long-enough-to-be-cut-in-a-narrow-one"
NAME = {"Fn::Sub": "${AWS::StackName}-" + LONG}
FUNCTION: dict[str, Any] = {
    "Type": "AWS::Serverless::Function",
    "Properties": {"Handler": "app.handler", "Runtime": "python3.12", "CodeUri": "shared"},
}


def template(**resources: Any) -> dict[str, Any]:
    return {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": resources,
        "Outputs": {"Long": {"Value": "x" * 300, "Description": "cut nowhere"}},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three functions of one folder, one of them in a nested stack; and a dead-letter queue by an intrinsic."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "app.py").write_text("def handler(event, context): pass\n")
    (tmp_path / "nested.json").write_text(json.dumps(template(Inner=FUNCTION)))
    dead = {"DeadLetterQueue": {"Type": "SQS", "TargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}}}
    resources = {
        "Dead": {"Type": "AWS::SQS::Queue"},
        "First": {
            **FUNCTION,
            "Properties": {
                **FUNCTION["Properties"],
                "FunctionName": NAME,
                **dead,
            },
        },
        "Second": FUNCTION,
        "Nested": {"Type": "AWS::Serverless::Application", "Properties": {"Location": "nested.json"}},
    }
    (tmp_path / "template.json").write_text(json.dumps(template(**resources)))
    return tmp_path


def nightbus(node: RunningNode, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = clean_environment() | {
        "COLUMNS": "30",
        "NIGHTBUS_PORT": str(node.port),
        "TERM": "xterm-256color",
    }
    return subprocess.run(
        ["nightbus", *arguments], env=environ, cwd=folder, capture_output=True, text=True, timeout=120
    )


def test_piped_it_is_whole_lines_without_colours(node: RunningNode, folder: Path) -> None:
    done = nightbus(node, folder, "deploy", "--stack-name", "lines")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    packaged = [line for line in done.stdout.splitlines() if line.startswith("Packaged")]
    assert [line.split(" (")[0] for line in packaged] == ["Packaged First, Second", "Packaged Nested"]
    assert f"  {'Long':{len('Long')}}  {'x' * 300}  (cut nowhere)" in done.stdout.splitlines()
    assert any(
        line.startswith("CREATE_COMPLETE") and " First  AWS::Lambda" in line
        for line in done.stdout.splitlines()
    )
    assert done.stdout.splitlines()[-1] == "Stack lines is CREATE_COMPLETE in us-east-1."
    again = nightbus(node, folder, "deploy", "--stack-name", "lines")
    assert again.stdout.splitlines()[-1] == "No changes: stack lines is up to date in us-east-1."


def test_as_json_it_is_one_document(node: RunningNode, folder: Path) -> None:
    done = nightbus(node, folder, "deploy", "--stack-name", "document", "--json")
    told = json.loads(done.stdout)
    assert (told["stack"], told["status"], told["changed"]) == ("document", "CREATE_COMPLETE", True)
    assert told["outputs"] == {"Long": "x" * 300}
    assert {"action": "Add", "resource": "Dead", "type": "AWS::SQS::Queue", "replacement": "False"} in told[
        "changes"
    ]
    assert ("CREATE_COMPLETE", "First") in {(event["status"], event["resource"]) for event in told["events"]}
    again = json.loads(nightbus(node, folder, "deploy", "--stack-name", "document", "--json").stdout)
    assert (again["changed"], again["changes"], again["events"]) == (False, [], [])


def test_the_node_is_reached_without_the_proxy_of_the_environment(
    node: RunningNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (tmp_path / "template.json").write_text(json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}))
    done = nightbus(node, tmp_path, "deploy", "--stack-name", "direct")
    assert done.returncode == 0, done.stderr
    (tmp_path / "event.json").write_text('{"Source": "a", "DetailType": "b", "Detail": "{}"}')
    assert nightbus(node, tmp_path, "events", "put", "event.json").returncode == 0


def test_a_stack_that_fails_is_told_in_both_forms(node: RunningNode, tmp_path: Path) -> None:
    broken = {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": 30}}
    (tmp_path / "template.json").write_text(json.dumps({"Resources": {"Broken": broken}}))
    done = nightbus(node, tmp_path, "deploy", "--stack-name", "broken")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("nightbus: ")
    nowhere = nightbus(node, tmp_path, "deploy", "none.yaml", "--stack-name", "x")
    assert (nowhere.returncode, nowhere.stderr) == (1, "nightbus: none.yaml is not a file\n")


def test_the_doctor_names_dead_letter_queues_that_are_and_none_of_templates(
    tmp_path: Path, folder: Path
) -> None:
    data = tmp_path / "data"
    node = RunningNode(data=data)
    try:
        assert nightbus(node, folder, "deploy", "--stack-name", "gone").returncode == 0
        topic = node.client("sns").create_topic(Name="told")["TopicArn"]
        stack = node.client("cloudformation")
        functions = node.client("lambda")
        role = functions.get_function_configuration(FunctionName=f"gone-{LONG}")["Role"].rsplit("/", 1)[-1]
        allow(node.client("iam"), role, "sns:Publish")
        functions.update_function_configuration(
            FunctionName=f"gone-{LONG}", DeadLetterConfig={"TargetArn": topic}
        )
        node.client("iam").delete_role_policy(
            RoleName=role, PolicyName="allowed"
        )  # the stack deletes the role
        examined = nightbus(node, folder, "doctor", "--data", str(data))
        assert examined.returncode == 0, examined.stdout
        assert "dead-letter queue" not in examined.stdout
        stack.delete_stack(StackName="gone")
        stack.get_waiter("stack_delete_complete").wait(StackName="gone", WaiterConfig={"Delay": 1})
        examined = nightbus(node, folder, "doctor", "--data", str(data))
        assert "dead-letter queue" not in examined.stdout
        assert "no dead letters" in examined.stdout
    finally:
        node.stop()
