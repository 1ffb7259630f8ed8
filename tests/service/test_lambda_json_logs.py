"""LoggingConfig by boto3 and CloudFormation: what is shown, what is refused, and what a function's log holds then."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from lambda_rig import allow, code, function_role
from waiting import wait_for

Client = Callable[..., Any]
CODE = """
import logging
def handler(event, context):
    logging.getLogger().info("said")
"""


@pytest.fixture
def role(client: Client) -> str:
    return function_role(client("iam"))


def _create(client: Client, role: str, **params: Any) -> dict[str, Any]:
    name = f"json-{uuid4().hex[:8]}"
    client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": code(CODE)},
        **params,
    )
    client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
    return dict(client("lambda").get_function_configuration(FunctionName=name))


def _messages(client: Client, group: str) -> list[dict[str, Any]]:
    try:
        found = client("logs").filter_log_events(logGroupName=group)["events"]
    except client("logs").exceptions.ResourceNotFoundException:
        return []
    return [json.loads(event["message"]) for event in found]


def test_levels_need_json(client: Client, role: str) -> None:
    with pytest.raises(ClientError) as refused:
        _create(client, role, LoggingConfig={"LogFormat": "Text", "ApplicationLogLevel": "INFO"})
    error = refused.value.response["Error"]
    assert (error["Code"], error["Message"]) == (
        "InvalidParameterValueException",
        'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the '
        'LogFormat to "JSON" and try again.',
    )


def test_a_function_logs_json_into_its_own_group(client: Client, role: str) -> None:
    group = f"/orders/{uuid4().hex[:8]}"
    allow(client("iam"), role.rpartition("/")[2], "logs:PutLogEvents")
    made = _create(client, role, LoggingConfig={"LogFormat": "JSON", "LogGroup": group})
    assert made["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "INFO",
        "LogGroup": group,
    }
    name = made["FunctionName"]
    client("lambda").invoke(FunctionName=name)
    found = wait_for(lambda: _messages(client, group))
    assert [one.get("type", one.get("message")) for one in found] == [
        "platform.initStart", "platform.start", "said", "platform.report",
    ]  # fmt: skip
    quiet = {"ApplicationLogLevel": "ERROR", "SystemLogLevel": "WARN"}
    changed = client("lambda").update_function_configuration(FunctionName=name, LoggingConfig=quiet)
    assert changed["LoggingConfig"] == {"LogFormat": "JSON", **quiet, "LogGroup": group}
    client("lambda").get_waiter("function_updated_v2").wait(FunctionName=name)
    client("lambda").invoke(FunctionName=name)
    assert len(_messages(client, group)) == 4
    text = client("lambda").update_function_configuration(
        FunctionName=name, LoggingConfig={"LogFormat": "Text"}
    )
    assert text["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": group}


def test_a_sam_template_sets_and_takes_back_its_logging(client: Client, role: str) -> None:
    stack = f"logging-{uuid4().hex[:8]}"
    properties: dict[str, Any] = {
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": role,
        "InlineCode": CODE,
    }
    template: dict[str, Any] = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Globals": {"Function": {"LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "DEBUG"}}},
        "Resources": {"Worker": {"Type": "AWS::Serverless::Function", "Properties": properties}},
        "Outputs": {"Name": {"Value": {"Ref": "Worker"}}},
    }
    cloudformation = client("cloudformation")

    def deploy(kind: str) -> dict[str, Any]:
        change = cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=f"c{uuid4().hex[:8]}",
            ChangeSetType=kind,
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        quick = {"Delay": 1, "MaxAttempts": 60}
        cloudformation.get_waiter("change_set_create_complete").wait(
            ChangeSetName=change["Id"], WaiterConfig=quick
        )
        cloudformation.execute_change_set(ChangeSetName=change["Id"])
        waiter = cloudformation.get_waiter(f"stack_{kind.lower()}_complete")
        waiter.wait(StackName=stack, WaiterConfig=quick)
        (outputs,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        name = outputs["Outputs"][0]["OutputValue"]
        config = client("lambda").get_function_configuration(FunctionName=name)
        return {"name": name, **config["LoggingConfig"]}

    made = deploy("CREATE")
    assert (made["LogFormat"], made["ApplicationLogLevel"], made["SystemLogLevel"]) == (
        "JSON",
        "INFO",
        "DEBUG",
    )
    del template["Globals"]
    assert deploy("UPDATE") == {
        "name": made["name"],
        "LogFormat": "Text",
        "LogGroup": f"/aws/lambda/{made['name']}",
    }
