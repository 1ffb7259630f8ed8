"""What answers custom resources and wait conditions may be, and what they wait for: bad answers, limits, crashes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from custom_rig import Topic, answer, begin, events, outputs, put, settled
from nodes import RunningNode
from waiting import wait_for

Client = Callable[..., Any]


@pytest.fixture
def stack() -> str:
    return f"custom-{uuid4().hex[:8]}"


@pytest.fixture
def topic(client: Client, stack: str) -> Topic:
    return Topic(client, stack)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"no json", "Invalid response"),
        (b"x" * 4097, "Response object is too long."),
        ({"Status": "SUCCESS"}, "Invalid PhysicalResourceId"),
        ({"Status": "MAYBE", "PhysicalResourceId": "a"}, "Invalid response: Status"),
        (
            {"Status": "FAILED", "Reason": "no", "PhysicalResourceId": "a"},
            "Message returned: no (RequestId: ",
        ),
    ],
)
def test_a_bad_answer_fails_the_creation(
    client: Client, stack: str, topic: Topic, body: Any, reason: str
) -> None:
    begin(client, stack, {"Thing": topic.thing()}, OnFailure="DO_NOTHING")
    request = topic.next()
    assert put(request["ResponseURL"], body) == 200
    assert put(request["ResponseURL"], answer(request)) == 200  # ignored
    assert settled(client, stack)["StackStatus"] == "CREATE_FAILED"
    assert reason in events(client, stack, "Thing")[-1][1]


def test_a_url_is_good_for_its_request_alone(client: Client, stack: str, topic: Topic) -> None:
    begin(client, stack, {"Thing": topic.thing()})
    request = topic.next()
    url = request["ResponseURL"]
    for wrong in (
        url.replace("Thing", "Thong"),
        url.replace("Expires=", "Expires=1"),
        url.replace("Signature=", "Signature=A"),
        url.split("?")[0],
        url.replace(request["RequestId"], str(uuid4())),
    ):
        assert put(wrong, answer(request)) == 403
    assert put(url, answer(request, NoEcho=True, Data={"Key": "top-secret-value"})) == 200
    assert settled(client, stack)["StackStatus"] == "CREATE_COMPLETE"
    reader = topic.thing(Given={"Fn::GetAtt": ["Thing", "Key"]})
    client("cloudformation").update_stack(
        StackName=stack, TemplateBody=json.dumps({"Resources": {"Thing": topic.thing(), "Reader": reader}})
    )
    second = topic.next()
    assert second["ResourceProperties"]["Given"] == "top-secret-value"
    assert put(second["ResponseURL"], answer(second)) == 200
    assert settled(client, stack)["StackStatus"] == "UPDATE_COMPLETE"
    told = client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    assert "top-secret" not in json.dumps(told, default=str)
    assert any("****" in one.get("ResourceProperties", "") for one in told)


def test_failures_of_the_service(client: Client, stack: str, topic: Topic) -> None:
    """A missing function, a timeout with its deletion, a token that changes, a stack deleted while it waits."""
    nobody = "arn:aws:lambda:us-east-1:000000000000:function:nobody"
    begin(client, stack, {"Thing": {"Type": "Custom::A", "Properties": {"ServiceToken": nobody}}})
    assert settled(client, stack)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any("Function not found" in reason for _, reason in events(client, stack, "Thing"))

    begin(client, f"{stack}-t", {"Thing": topic.thing(ServiceTimeout="1")}, OnFailure="DO_NOTHING")
    asked = topic.next()
    found = settled(client, f"{stack}-t")
    assert found["StackStatus"] == "CREATE_FAILED"
    late = [reason for _, reason in events(client, f"{stack}-t", "Thing") if asked["RequestId"] in reason]
    assert late[0].startswith("CloudFormation did not receive a response from your Custom Resource.")
    client("cloudformation").delete_stack(StackName=found["StackId"])
    request = topic.next()
    assert request["RequestType"] == "Delete"
    assert request["PhysicalResourceId"].startswith(f"{stack}-t-Thing-")
    put(request["ResponseURL"], answer(request))
    # A busy machine may miss the second that it has to answer.
    assert settled(client, found["StackId"])["StackStatus"] in ("DELETE_COMPLETE", "DELETE_FAILED")

    begin(client, f"{stack}-u", {"Thing": topic.thing()})
    request = topic.next()
    put(request["ResponseURL"], answer(request))
    settled(client, f"{stack}-u")
    other = {"Type": "Custom::Thing", "Properties": {"ServiceToken": nobody}}
    client("cloudformation").update_stack(
        StackName=f"{stack}-u", TemplateBody=json.dumps({"Resources": {"Thing": other}})
    )
    assert settled(client, f"{stack}-u")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert ("UPDATE_FAILED", "Modifying service token is not allowed.") in events(
        client, f"{stack}-u", "Thing"
    )

    begin(client, f"{stack}-d", {"Thing": topic.thing()})
    topic.next()
    found = client("cloudformation").describe_stacks(StackName=f"{stack}-d")["Stacks"][0]
    client("cloudformation").delete_stack(StackName=f"{stack}-d")
    request = topic.next()
    assert request["RequestType"] == "Delete"
    put(request["ResponseURL"], answer(request, Status="FAILED", Reason="still used"))
    assert settled(client, found["StackId"])["StackStatus"] == "DELETE_FAILED"
    client("cloudformation").delete_stack(StackName=f"{stack}-d", RetainResources=["Thing"])
    assert settled(client, found["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def test_what_a_failed_custom_resource_needs_outlives_its_deletion(
    client: Client, stack: str, topic: Topic
) -> None:
    group = {"Type": "AWS::Logs::LogGroup"}
    begin(client, stack, {"Group": group, "Thing": {**topic.thing(), "DependsOn": "Group"}})
    request = topic.next()
    put(request["ResponseURL"], answer(request, Status="FAILED", Reason="no"))
    request = topic.next()
    assert request["RequestType"] == "Delete"
    put(request["ResponseURL"], answer(request))
    assert settled(client, stack)["StackStatus"] == "ROLLBACK_COMPLETE"
    told = reversed(client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"])
    found = [(one["LogicalResourceId"], one["ResourceStatus"]) for one in told]
    assert found.index(("Thing", "DELETE_COMPLETE")) < found.index(("Group", "DELETE_IN_PROGRESS"))


def test_wait_conditions(client: Client, stack: str) -> None:
    resources = {
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Wait": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "60", "Count": 2},
        },
        "Policy": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "CreationPolicy": {"ResourceSignal": {"Timeout": "PT1M", "Count": "1"}},
        },
    }
    body = {"Resources": resources, "Outputs": {"Data": {"Value": {"Fn::GetAtt": "Wait.Data"}}}}
    stacks = client("cloudformation")
    stacks.create_stack(StackName=stack, TemplateBody=json.dumps(body))

    def waits() -> str | None:
        found = {
            one["LogicalResourceId"]: one
            for one in stacks.describe_stack_resources(StackName=stack)["StackResources"]
        }
        return found["Handle"]["PhysicalResourceId"] if len(found) == 3 else None

    url = wait_for(waits)
    assert put(url, {"Status": "SOMETHING"}) == 400
    for unique in ("one", "one", "two"):
        assert put(url, {"Status": "SUCCESS", "UniqueId": unique, "Data": f"data {unique}"}) == 200
    signal = {"StackName": stack, "LogicalResourceId": "Policy", "UniqueId": "a", "Status": "SUCCESS"}
    stacks.signal_resource(**signal)
    found = settled(client, stack)
    assert found["StackStatus"] == "CREATE_COMPLETE"
    assert json.loads(outputs(found)["Data"]) == {"one": "data one", "two": "data two"}
    with pytest.raises(stacks.exceptions.ClientError, match="is in CREATE_COMPLETE state"):
        stacks.signal_resource(**signal)


@pytest.mark.parametrize("ending", ["time", "failure"])
def test_wait_conditions_fail(client: Client, stack: str, ending: str) -> None:
    seconds = 1 if ending == "time" else 60
    resources = {
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Wait": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": seconds},
        },
    }
    begin(client, stack, resources)
    if ending == "failure":

        def handle() -> str | None:
            found = client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
            return next(
                (one.get("PhysicalResourceId") for one in found if one["LogicalResourceId"] == "Handle"), None
            )

        put(wait_for(handle), {"Status": "FAILURE", "Reason": "broken", "UniqueId": "i"})
    assert settled(client, stack)["StackStatus"] == "ROLLBACK_COMPLETE"
    expected = {
        "time": "WaitCondition timed out. Received 0 conditions when expecting 1",
        "failure": "WaitCondition received failed message: 'broken' for uniqueId: i",
    }
    assert ("CREATE_FAILED", expected[ending]) in events(client, stack, "Wait")


def test_a_killed_node_goes_on_waiting(tmp_path: Path, stack: str) -> None:
    node = RunningNode(tmp_path)
    topic = Topic(node.client, stack)
    resources = {
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Wait": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "120"},
        },
        "Thing": topic.thing(Url={"Ref": "Handle"}),
    }
    begin(node.client, stack, resources)
    request = topic.next()
    node.kill()
    again = RunningNode(tmp_path, port=node.port)
    try:
        again_topic = Topic(again.client, stack)
        assert put(request["ResponseURL"], answer(request)) == 200
        assert put(request["ResourceProperties"]["Url"], {"Status": "SUCCESS"}) == 200
        assert settled(again.client, stack)["StackStatus"] == "CREATE_COMPLETE"
        assert again_topic.request(1) is None
    finally:
        again.stop()
