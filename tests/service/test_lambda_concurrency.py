"""Reserved and provisioned concurrency, and the account's limit, by boto3."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
WORKER = """
import os, time, uuid
ID = uuid.uuid4().hex
BEGAN = time.time()
if os.environ.get("BREAKS"):
    raise ValueError("it breaks")
def handler(event, context):
    asked = time.time()
    time.sleep(event.get("seconds", 0))
    return {"id": ID, "age": asked - BEGAN, "kind": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]}
"""


@pytest.fixture
def functions(client: Client) -> Any:
    return client("lambda")


@pytest.fixture
def name(client: Client) -> str:
    return create(client)


def create(client: Client, **more: Any) -> str:
    role = function_role(client("iam"))
    made = f"worker-{uuid4().hex[:8]}"
    functions = client("lambda")
    functions.create_function(
        FunctionName=made,
        Runtime="python3.11",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": code(WORKER)},
        Timeout=20,
        **more,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=made, WaiterConfig=QUICK)
    return made


def invoke(functions: Any, name: str, seconds: float = 0, **more: Any) -> Any:
    reply = functions.invoke(FunctionName=name, Payload=json.dumps({"seconds": seconds}), **more)
    return json.load(reply["Payload"])


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def ready(functions: Any, name: str, qualifier: str) -> None:
    def status() -> bool:
        config = functions.get_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier)
        return bool(config["Status"] == "READY")

    wait_for(status)


def test_provisioned_environments_are_ready_before_the_first_request(functions: Any, name: str) -> None:
    functions.publish_version(FunctionName=name)
    put = functions.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=2
    )
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (put["Status"], put["AvailableProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 0)
    ready(functions, name, "1")
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda _: invoke(functions, name, 1, Qualifier="1"), range(3)))
    kinds = sorted(answer["kind"] for answer in answers)
    assert kinds == [
        "on-demand",
        "provisioned-concurrency",
        "provisioned-concurrency",
    ]  # the third one spills over
    assert len({answer["id"] for answer in answers}) == 3
    listed = functions.list_provisioned_concurrency_configs(FunctionName=name)[
        "ProvisionedConcurrencyConfigs"
    ]
    assert [(one["FunctionArn"].rsplit(":", 1)[1], one["Status"]) for one in listed] == [("1", "READY")]
    assert listed[0]["AllocatedProvisionedConcurrentExecutions"] == 2
    # A change of $LATEST leaves the version's environments alone.
    functions.update_function_configuration(FunctionName=name, Timeout=21)
    again = invoke(functions, name, Qualifier="1")
    assert again["id"] in {one["id"] for one in answers if one["kind"] == "provisioned-concurrency"}
    functions.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
    wait_for(lambda: invoke(functions, name, Qualifier="1")["kind"] == "on-demand")
    asked = {"FunctionName": name, "Qualifier": "1"}
    gone = refusal(functions.get_provisioned_concurrency_config, **asked)
    assert gone == ("ProvisionedConcurrencyConfigNotFoundException", 404)


def test_provisioned_concurrency_follows_its_alias(functions: Any, name: str) -> None:
    functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    functions.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier="live", ProvisionedConcurrentExecutions=1
    )
    ready(functions, name, "live")
    first = invoke(functions, name, Qualifier="live")
    functions.update_function_configuration(FunctionName=name, Timeout=19)
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=QUICK)
    functions.publish_version(FunctionName=name)
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    wait_for(lambda: invoke(functions, name, Qualifier="live")["kind"] == "provisioned-concurrency")
    assert invoke(functions, name, Qualifier="live")["id"] != first["id"]
    put = functions.put_provisioned_concurrency_config
    assert refusal(put, FunctionName=name, Qualifier="2", ProvisionedConcurrentExecutions=1)[1] == 409
    wait_for(lambda: invoke(functions, name, Qualifier="1")["kind"] == "on-demand")


def test_what_cannot_be_initialised_is_failed(client: Client, functions: Any) -> None:
    name = create(client, Environment={"Variables": {"BREAKS": "1"}}, Publish=True)
    functions.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=1
    )

    def failed() -> dict[str, Any] | None:
        config: dict[str, Any] = functions.get_provisioned_concurrency_config(
            FunctionName=name, Qualifier="1"
        )
        return config if config["Status"] == "FAILED" else None

    assert wait_for(failed)["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"


@pytest.mark.parametrize(("qualifier", "count"), [("$LATEST", 1), ("latest", 1), ("1", 4), ("1", 901)])
def test_what_cannot_be_provisioned(functions: Any, name: str, qualifier: str, count: int) -> None:
    functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="latest", FunctionVersion="$LATEST")
    if count == 4:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=3)
    asked = {"FunctionName": name, "Qualifier": qualifier, "ProvisionedConcurrentExecutions": count}
    code_, status = refusal(functions.put_provisioned_concurrency_config, **asked)
    assert (code_, status) == ("InvalidParameterValueException", 400)


def test_reserved_concurrency_says_why_it_throttles_and_when_to_come_again(functions: Any, name: str) -> None:
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    assert functions.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 1

    def attempt(_: int) -> Any:
        try:
            return invoke(functions, name, 1) and None
        except functions.exceptions.TooManyRequestsException as error:
            return error.response

    with ThreadPoolExecutor(2) as threads:
        response = wait_for(lambda: next(filter(None, threads.map(attempt, range(2))), None))
    assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == response["retryAfterSeconds"]
    put = functions.put_function_concurrency
    assert (
        refusal(put, FunctionName=name, ReservedConcurrentExecutions=950)[0]
        == "InvalidParameterValueException"
    )


@pytest.fixture(scope="module")
def small() -> Iterator[RunningNode]:
    """A node with room for two invocations, and with environments that soon end."""
    settings = {"NIGHTBUS_CONCURRENT_EXECUTIONS": "2", "NIGHTBUS_ENVIRONMENT_IDLE_SECONDS": "1"}
    node = RunningNode(environ=settings)
    yield node
    assert node.stop() == 0


def environments(node: RunningNode, kind: str) -> int:
    with urllib.request.urlopen(f"{node.endpoint}/_nightbus/sizes") as reply:
        return int(json.load(reply)["memory"][f"environments {kind}"])


def test_the_accounts_limit_is_shared_and_events_wait_for_it(small: RunningNode) -> None:
    functions = small.client("lambda")
    limit = functions.get_account_settings()["AccountLimit"]
    assert (limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]) == (2, 2)
    one, other = create(small.client), create(small.client)
    with ThreadPoolExecutor(2) as threads:
        slow = [threads.submit(invoke, functions, one, 3) for _ in range(2)]
        wait_for(lambda: environments(small, "busy") == 2)
        with pytest.raises(functions.exceptions.TooManyRequestsException) as caught:
            invoke(functions, other)
        assert caught.value.response["Reason"] == "ConcurrentInvocationLimitExceeded"
        functions.invoke(FunctionName=other, InvocationType="Event", Payload=b'{"seconds": 0}')
        assert len({done.result()["id"] for done in slow}) == 2
    logs = small.client("logs")

    def reported() -> bool:
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{other}", filterPattern="REPORT")
        except ClientError:
            return False
        return len(found["events"]) >= 1

    wait_for(reported)


def test_an_idle_environment_ends_after_the_settings_time(small: RunningNode) -> None:
    invoke(small.client("lambda"), create(small.client))

    wait_for(lambda: environments(small, "idle") == 0)


def test_provisioned_environments_are_made_again_after_a_restart(tmp_path: Path) -> None:
    first = RunningNode(tmp_path / "data")
    functions = first.client("lambda")
    name = create(first.client, Publish=True)
    functions.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=1
    )
    ready(functions, name, "1")
    first.kill()
    second = RunningNode(tmp_path / "data")
    try:
        functions = second.client("lambda")
        ready(functions, name, "1")
        assert invoke(functions, name, Qualifier="1")["kind"] == "provisioned-concurrency"
    finally:
        assert second.stop() == 0
