"""SnapStart by boto3: versions whose environments are initialised ahead, the runtime's hooks, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal
from lambda_rig import code, function_role
from waiting import wait_for

Client = Callable[..., Any]
ON = {"ApplyOn": "PublishedVersions"}
CODE = """
import os, time
from snapshot_restore_py import register_after_restore, register_before_snapshot

STATE = {"imported": time.time(), "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], "hooks": []}

@register_before_snapshot
def before():
    STATE["hooks"].append("before")

@register_after_restore
def after():
    STATE["hooks"].append("after")
    STATE["restored"] = time.time()

def handler(event, context):
    return STATE
"""


@pytest.fixture
def role(client: Client) -> str:
    return function_role(client("iam"))


def create(client: Client, role: str, source: str = CODE, **params: Any) -> str:
    name = f"snap-{uuid4().hex[:8]}"
    settings: dict[str, Any] = {"Runtime": "python3.12", "Handler": "app.handler", "SnapStart": ON}
    client("lambda").create_function(
        FunctionName=name, Role=role, Code={"ZipFile": code(source)}, **(settings | params)
    )
    client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def publish(client: Client, name: str) -> str:
    made = client("lambda").publish_version(FunctionName=name)
    assert (made["State"], made["StateReasonCode"]) == ("Pending", "Creating")
    assert made["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    client("lambda").get_waiter("published_version_active").wait(
        FunctionName=name, Qualifier=made["Version"], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    return str(made["Version"])


def invoke(client: Client, name: str, qualifier: str = "") -> Any:
    chosen = {"Qualifier": qualifier} if qualifier else {}
    reply = client("lambda").invoke(FunctionName=name, **chosen)
    return json.load(reply["Payload"])


def log_of(client: Client, name: str) -> list[str]:
    found = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return [event["message"].rstrip("\n") for event in found]


def test_a_version_is_initialised_ahead_and_restored_with_its_hooks(client: Client, role: str) -> None:
    name = create(client, role)
    latest = client("lambda").get_function_configuration(FunctionName=name)
    assert latest["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    version = publish(client, name)
    state = invoke(client, name, version)
    assert (state["type"], state["hooks"]) == ("snap-start", ["before", "after"])
    assert state["restored"] > state["imported"]
    lines = log_of(client, name)
    words = [line.split()[0] for line in lines]
    assert words[:3] == ["INIT_START", "RESTORE_START", "RESTORE_REPORT"]
    assert words[3:] == ["START", "END", "REPORT"]
    assert lines[1].startswith("RESTORE_START Runtime Version: python:3.12.v")
    assert lines[2].startswith("RESTORE_REPORT Restore Duration: ")
    assert "\tRestore Duration: " in lines[5] and "\tBilled Restore Duration: " in lines[5]
    assert "Init Duration" not in lines[5]
    again = invoke(client, name, version)
    assert again["imported"] == state["imported"]
    assert not any("Restore Duration" in line for line in log_of(client, name)[6:])


def test_the_unpublished_version_is_initialised_on_demand(client: Client, role: str) -> None:
    name = create(client, role)
    state = invoke(client, name)
    assert (state["type"], state["hooks"]) == ("on-demand", [])


def test_concurrent_environments_have_each_their_own_restore(client: Client, role: str) -> None:
    name = create(client, role, CODE.replace("return STATE", "time.sleep(1)\n    return STATE"), Timeout=10)
    version = publish(client, name)
    with ThreadPoolExecutor(3) as callers:
        states = list(callers.map(lambda _: invoke(client, name, version), range(3)))
    assert [one["hooks"] for one in states] == [["before", "after"]] * 3
    assert len({one["imported"] for one in states}) == 3


def test_a_version_whose_code_fails_is_failed(client: Client, role: str) -> None:
    name = create(client, role, "import nowhere\n")
    made = client("lambda").publish_version(FunctionName=name)

    def config() -> dict[str, Any]:
        found = client("lambda").get_function_configuration(FunctionName=name, Qualifier=made["Version"])
        return dict(found) if found["State"] != "Pending" else {}

    failed = wait_for(config)
    assert (failed["State"], failed["StateReasonCode"]) == ("Failed", "FunctionError")
    code_, status, _ = refusal(client("lambda").invoke, FunctionName=name, Qualifier=made["Version"])
    assert (code_, status) == ("ResourceConflictException", 409)


def test_a_hook_that_fails_after_the_restore_fails_the_invocation(client: Client, role: str) -> None:
    name = create(client, role, CODE.replace('STATE["restored"]', "1 / 0\n    STATE['restored']"))
    version = publish(client, name)
    reply = client("lambda").invoke(FunctionName=name, Qualifier=version)
    assert reply["FunctionError"] == "Unhandled"
    assert json.load(reply["Payload"])["errorType"] == "ZeroDivisionError"


@pytest.mark.parametrize(
    ("params", "what"),
    [
        ({"Runtime": "python3.11"}, "python3.11"),
        ({"EphemeralStorage": {"Size": 1024}}, "EphemeralStorage greater than 512 MB"),
    ],
)
def test_what_is_refused_beside_it(client: Client, role: str, params: dict[str, Any], what: str) -> None:
    settings: dict[str, Any] = {"Runtime": "python3.12", "SnapStart": ON, **params}
    code_, status, message = refusal(
        client("lambda").create_function,
        FunctionName=f"snap-{uuid4().hex[:8]}",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": code(CODE)},
        **settings,
    )
    assert (code_, status) == ("InvalidParameterValueException", 400)
    assert message == f"{what} is not supported for SnapStart enabled functions."


def test_provisioned_concurrency_is_refused(client: Client, role: str) -> None:
    name = create(client, role)
    version = publish(client, name)
    code_, _, message = refusal(
        client("lambda").put_provisioned_concurrency_config,
        FunctionName=name,
        Qualifier=version,
        ProvisionedConcurrentExecutions=1,
    )
    assert code_ == "InvalidParameterValueException"
    assert "SnapStart" in message


def test_the_same_code_is_published_once_and_the_setting_makes_another_version(
    client: Client, role: str
) -> None:
    name = create(client, role)
    version = publish(client, name)
    assert client("lambda").publish_version(FunctionName=name)["Version"] == version
    client("lambda").update_function_configuration(FunctionName=name, SnapStart={"ApplyOn": "None"})
    client("lambda").get_waiter("function_updated_v2").wait(FunctionName=name)
    plain = client("lambda").publish_version(FunctionName=name)
    assert (plain["Version"], plain["State"]) == ("2", "Active")
    assert plain["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}


def test_a_sam_function_with_snap_start_and_an_alias(client: Client, role: str) -> None:
    stack = f"snap-{uuid4().hex[:8]}"
    properties = {
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": role,
        "InlineCode": CODE,
        "SnapStart": ON,
        "AutoPublishAlias": "live",
    }
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"Worker": {"Type": "AWS::Serverless::Function", "Properties": properties}},
        "Outputs": {"Alias": {"Value": {"Ref": "Worker.Alias"}}},
    }
    cloudformation, quick = client("cloudformation"), {"Delay": 1, "MaxAttempts": 60}
    cloudformation.create_stack(
        StackName=stack,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig=quick)
    (made,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    state = invoke(client, made["Outputs"][0]["OutputValue"])
    assert state["hooks"] == ["before", "after"]
