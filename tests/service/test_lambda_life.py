"""The life of a function by boto3: Pending, then Active; its updates are in progress, then successful or failed."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from lambda_rig import code, function_role
from nodes import RunningNode
from waiting import wait_for

Client = Callable[..., Any]
QUICK = {"Delay": 1, "MaxAttempts": 30}


def role_arn(client: Client) -> str:
    return function_role(client("iam"))


@pytest.fixture
def functions(client: Client) -> Any:
    return client("lambda")


@pytest.fixture
def role(client: Client) -> str:
    return role_arn(client)


def create(functions: Any, role: str, package: bytes, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = functions.create_function(
        FunctionName=f"life-{uuid4().hex[:8]}",
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": package},
        **more,
    )
    return made


def says(value: Any, megabytes: int = 0) -> bytes:
    """A package whose handler returns the value; with megabytes that take their time to be unpacked."""
    packed = io.BytesIO(code(f"def handler(event, context):\n    return {value!r}\n"))
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(megabytes):
            archive.writestr(f"data/{number}", bytes(1024 * 1024))
    return packed.getvalue()


def broken() -> bytes:
    """A package whose directory can be read, and a file in it cannot: its checksum is wrong."""
    package = bytearray(code("def handler(event, context):\n    return 1\n"))
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        crc = archive.infolist()[0].CRC.to_bytes(4, "little")
    at = package.find(crc)
    while at >= 0:
        package[at] ^= 0xFF
        at = package.find(crc)
    return bytes(package)


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    error = response["Error"]
    return error["Code"], response["ResponseMetadata"]["HTTPStatusCode"], error["Message"]


def answer(functions: Any, name: str, **params: Any) -> Any:
    return json.load(functions.invoke(FunctionName=name, **params)["Payload"])


def test_a_new_function_is_pending_and_becomes_active(functions: Any, role: str) -> None:
    made = create(functions, role, says("first"))
    name = made["FunctionName"]
    assert (made["State"], made["StateReasonCode"]) == ("Pending", "Creating")
    assert made["StateReason"] == "The function is being created."
    for waiter in ("function_exists", "function_active_v2", "function_updated_v2", "function_active"):
        functions.get_waiter(waiter).wait(FunctionName=name, WaiterConfig=QUICK)
    config = functions.get_function(FunctionName=name)["Configuration"]
    assert (config["State"], config["LastUpdateStatus"]) == ("Active", "Successful")
    assert "StateReason" not in config
    assert config["RevisionId"] == made["RevisionId"]
    version = config["RuntimeVersionConfig"]["RuntimeVersionArn"]
    assert version.startswith("arn:aws:lambda:us-east-1::runtime:")
    assert len(version.rsplit(":", 1)[1]) == 64


def test_an_invocation_waits_for_what_was_asked_for_before_it(functions: Any, role: str) -> None:
    name = create(functions, role, says("first", megabytes=40))["FunctionName"]
    assert answer(functions, name) == "first"
    changed = functions.update_function_code(FunctionName=name, ZipFile=says("second", megabytes=41))
    assert (changed["State"], changed["LastUpdateStatus"]) == ("Active", "InProgress")
    assert changed["LastUpdateStatusReasonCode"] == "Creating"
    assert answer(functions, name) == "second"
    config = functions.get_function_configuration(FunctionName=name)
    assert (config["LastUpdateStatus"], "LastUpdateStatusReason" in config) == ("Successful", False)


def test_what_is_in_progress_is_not_changed(functions: Any, role: str) -> None:
    made = create(functions, role, says("first", megabytes=200))
    name, arn = made["FunctionName"], made["FunctionArn"]
    refused = refusal(functions.publish_version, FunctionName=name)
    assert refused[:2] == ("ResourceConflictException", 409)
    assert refused[2].startswith("The operation cannot be performed at this time.")
    assert refused[2].endswith("The function is currently in the following state: Pending")
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=QUICK)
    functions.update_function_code(FunctionName=name, ZipFile=says("second", megabytes=201))
    refused = refusal(functions.update_function_configuration, FunctionName=name, Timeout=9)
    assert refused[:2] == ("ResourceConflictException", 409)
    assert refused[2].endswith(f"An update is in progress for resource: {arn}")
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=QUICK)
    functions.update_function_configuration(FunctionName=name, Timeout=9)


def test_a_package_that_cannot_be_unpacked_fails_with_the_reason(functions: Any, role: str) -> None:
    name = create(functions, role, broken())["FunctionName"]

    def failed() -> dict[str, Any] | None:
        config: dict[str, Any] = functions.get_function_configuration(FunctionName=name)
        return config if config["State"] == "Failed" else None

    config = wait_for(failed)
    assert config["StateReasonCode"] == "InvalidZipFileException"
    assert "unzip" in config["StateReason"]
    refused = refusal(functions.invoke, FunctionName=name)
    assert refused[:2] == ("ResourceConflictException", 409)
    assert refused[2].endswith("The function is currently in the following state: Failed")
    functions.update_function_code(FunctionName=name, ZipFile=says("mended"))
    assert answer(functions, name) == "mended"
    assert functions.get_function_configuration(FunctionName=name)["State"] == "Active"


def test_an_event_waits_until_its_function_can_be_invoked(functions: Any, client: Client, role: str) -> None:
    name = create(functions, role, broken())["FunctionName"]
    wait_for(lambda: functions.get_function_configuration(FunctionName=name)["State"] == "Failed")
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    functions.update_function_code(FunctionName=name, ZipFile=says("mended"))
    logs = client("logs")

    def ran() -> bool:
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="REPORT")
        except ClientError:
            return False
        return bool(found["events"])

    wait_for(ran)


def test_a_failed_update_leaves_what_was_there(functions: Any, role: str) -> None:
    name = create(functions, role, says("first"))["FunctionName"]
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=QUICK)
    functions.update_function_code(FunctionName=name, ZipFile=broken())

    def failed() -> dict[str, Any] | None:
        config: dict[str, Any] = functions.get_function_configuration(FunctionName=name)
        return config if config["LastUpdateStatus"] == "Failed" else None

    config = wait_for(failed)
    assert (config["State"], config["LastUpdateStatusReasonCode"]) == ("Active", "InvalidZipFileException")
    assert answer(functions, name) == "first"
    functions.update_function_code(FunctionName=name, ZipFile=says("second"))
    assert answer(functions, name) == "second"


def test_a_version_published_with_its_code_becomes_active(functions: Any, role: str) -> None:
    made = create(functions, role, says("first"), Publish=True)
    assert (made["Version"], made["State"]) == ("1", "Pending")
    name = made["FunctionName"]
    functions.get_waiter("published_version_active").wait(
        FunctionName=name, Qualifier="1", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=QUICK)
    published = functions.publish_version(FunctionName=name)
    assert (published["Version"], published["State"]) == ("1", "Active")
    second = functions.update_function_code(FunctionName=name, ZipFile=says("second"), Publish=True)
    assert (second["Version"], second["LastUpdateStatus"]) == ("2", "InProgress")
    assert answer(functions, name, Qualifier="2") == "second"
    assert answer(functions, name, Qualifier="1") == "first"


def test_what_a_killed_node_was_preparing_is_ready_after_its_start(tmp_path: Path) -> None:
    first = RunningNode(tmp_path / "data")
    functions = first.client("lambda")
    name = create(functions, role_arn(first.client), says("here", megabytes=60))["FunctionName"]
    first.kill()
    second = RunningNode(tmp_path / "data")
    try:
        functions = second.client("lambda")
        functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=QUICK)
        assert answer(functions, name) == "here"
    finally:
        assert second.stop() == 0


def test_a_stack_waits_until_its_function_is_ready(client: Client, functions: Any, role: str) -> None:
    stacks, name = client("cloudformation"), f"life-{uuid4().hex[:8]}"
    client("s3").create_bucket(Bucket=name)
    client("s3").put_object(Bucket=name, Key="good.zip", Body=says("first", megabytes=30))
    client("s3").put_object(Bucket=name, Key="broken.zip", Body=broken())

    def template(key: str) -> str:
        function = {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": name,
                "Runtime": "python3.12",
                "Handler": "app.handler",
                "Role": role,
                "Code": {"S3Bucket": name, "S3Key": key},
            },
        }
        return json.dumps({"Resources": {"Function": function}})

    stacks.create_stack(StackName=name, TemplateBody=template("broken.zip"), OnFailure="DELETE")
    with pytest.raises(Exception, match="Waiter"):
        stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=QUICK)
    wait_for(lambda: refusal_code(functions, name) == "ResourceNotFoundException")
    stacks.create_stack(StackName=f"{name}-2", TemplateBody=template("good.zip"))
    stacks.get_waiter("stack_create_complete").wait(StackName=f"{name}-2", WaiterConfig=QUICK)
    assert functions.list_versions_by_function(FunctionName=name)["Versions"][0]["State"] == "Active"
    assert answer(functions, name) == "first"


def refusal_code(functions: Any, name: str) -> str:
    try:
        functions.get_function(FunctionName=name)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""
