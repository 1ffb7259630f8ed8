"""Custom resources: what functions in Python and Node.js get and answer, by the helpers that everybody uses."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lambda_rig import trust
from nodes import RunningNode
from waiting import wait_for

Client = Callable[..., Any]
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {"AssumeRolePolicyDocument": trust("lambda.amazonaws.com")},
}

BY_CFNRESPONSE = """
import cfnresponse, json
def handler(event, context):
    print("GOT", json.dumps(event))
    wanted = event["ResourceProperties"]
    if wanted.get("Fail") == event["RequestType"]:
        cfnresponse.send(event, context, cfnresponse.FAILED, {}, reason="as asked")
    else:
        cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Seen": wanted.get("Size", "none")},
                         wanted.get("Id"), noEcho=wanted.get("Secret") == "true")
"""
# As crhelper does it: the host with its port, by TLS.
BY_HTTPS_CONNECTION = """
import json
import urllib.error
import urllib.request
from http.client import HTTPSConnection
from urllib.parse import urlsplit
def handler(event, context):
    parts = urlsplit(event["ResponseURL"])
    body = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    body |= {"Status": "SUCCESS", "PhysicalResourceId": "python", "Data": {"Seen": "HTTPSConnection"}}
    connection = HTTPSConnection(parts.netloc)
    connection.request("PUT", parts.path + "?" + parts.query, body=json.dumps(body),
                       headers={"content-type": "", "content-length": str(len(json.dumps(body)))})
    print(connection.getresponse().reason)
"""
# As AWS's cfn-response for Node.js and the CDK's helpers do it: host and path, by https and its port.
BY_HTTPS_MODULE = """
const { request } = require('https')
exports.handler = async (event) => {
  const parsed = require('url').parse(event.ResponseURL)
  const body = JSON.stringify({ Status: 'SUCCESS', PhysicalResourceId: 'node', StackId: event.StackId,
    RequestId: event.RequestId, LogicalResourceId: event.LogicalResourceId, Data: { Seen: 'https' } })
  await new Promise((resolve, reject) => {
    const asked = request({ hostname: parsed.hostname, %s path: parsed.path, method: 'PUT',
      headers: { 'content-type': '', 'content-length': Buffer.byteLength(body) } }, (r) => { r.resume(); resolve() })
    asked.on('error', reject)
    asked.end(body)
  })
}
"""
BY_CFN_RESPONSE = """
const response = require('cfn-response')
exports.handler = (event, context) => {
  response.send(event, context, response.SUCCESS, { Seen: 'cfn-response' })
}
"""


@pytest.fixture
def stack() -> str:
    return f"custom-{uuid4().hex[:8]}"


def function(code: str, runtime: str = "python3.11") -> dict[str, Any]:
    role = {"Fn::GetAtt": ["Role", "Arn"]}
    properties = {"Runtime": runtime, "Handler": "index.handler", "Role": role, "Code": {"ZipFile": code}}
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


def template(resources: dict[str, Any], **outputs: Any) -> str:
    return json.dumps(
        {
            "Resources": {"Role": ROLE, **resources},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
    )


def thing(**properties: Any) -> dict[str, Any]:
    token = {"Fn::GetAtt": ["Maker", "Arn"]}
    return {"Type": "Custom::Thing", "Properties": {"ServiceToken": token, **properties}}


def settled(client: Client, stack: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        (found,) = client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return None if found["StackStatus"].endswith("_IN_PROGRESS") else found

    found: dict[str, Any] = wait_for(ended, 60)
    return found


def create(client: Client, stack: str, body: str, **more: Any) -> dict[str, Any]:
    capabilities = ["CAPABILITY_IAM"]
    client("cloudformation").create_stack(
        StackName=stack, TemplateBody=body, Capabilities=capabilities, **more
    )
    return settled(client, stack)


def update(client: Client, stack: str, body: str, **more: Any) -> dict[str, Any]:
    client("cloudformation").update_stack(
        StackName=stack, TemplateBody=body, Capabilities=["CAPABILITY_IAM"], **more
    )
    return settled(client, stack)


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}


def events(client: Client, stack: str, name: str) -> list[tuple[str, str]]:
    found = client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [
        (one["ResourceStatus"], one.get("ResourceStatusReason", ""))
        for one in reversed(found)
        if one["LogicalResourceId"] == name
    ]


def requests(client: Client, stack: str) -> list[dict[str, Any]]:
    """What the function Maker has printed."""
    maker = client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId="Maker")
    group = "/aws/lambda/" + maker["StackResourceDetail"]["PhysicalResourceId"]
    found = client("logs").filter_log_events(logGroupName=group, filterPattern="GOT")["events"]
    return [json.loads(one["message"].split("GOT ", 1)[1]) for one in found]


@pytest.mark.parametrize(
    ("code", "runtime", "seen"),
    [
        (BY_CFNRESPONSE, "python3.11", "none"),
        (BY_HTTPS_CONNECTION, "python3.11", "HTTPSConnection"),
        (BY_HTTPS_MODULE % "", "nodejs20.x", "https"),
        (BY_HTTPS_MODULE % "port: 443,", "nodejs20.x", "https"),
        (BY_CFN_RESPONSE, "nodejs20.x", "cfn-response"),
    ],
)
def test_helpers_answer(client: Client, stack: str, code: str, runtime: str, seen: str) -> None:
    body = template(
        {"Maker": function(code, runtime), "Thing": thing()}, Seen={"Fn::GetAtt": ["Thing", "Seen"]}
    )
    found = create(client, stack, body)
    assert found["StackStatus"] == "CREATE_COMPLETE", events(client, stack, "Thing")
    assert outputs(found) == {"Seen": seen}


def test_a_life(client: Client, stack: str) -> None:
    """Created, updated in place, replaced by another physical id, updated in vain, deleted."""
    base = {"Maker": function(BY_CFNRESPONSE)}
    refs = {"Id": {"Ref": "Thing"}, "Seen": {"Fn::GetAtt": "Thing.Seen"}}

    def body(**properties: Any) -> str:
        return template(base | {"Thing": thing(**properties)}, **refs)

    found = create(client, stack, body(Id="one", Size=1, Deep={"On": True, "List": [1, "b"]}))
    assert outputs(found) == {"Id": "one", "Seen": "1"}
    found = update(client, stack, body(Id="one", Size=2))
    assert outputs(found) == {"Id": "one", "Seen": "2"}
    found = update(client, stack, body(Id="two", Size=3))
    assert outputs(found) == {"Id": "two", "Seen": "3"}
    found = update(client, stack, body(Id="three", Size=4, Fail="Update"))
    assert found["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    failed = [reason for status, reason in events(client, stack, "Thing") if status == "UPDATE_FAILED"]
    assert failed[0].startswith(
        "Received response status [FAILED] from custom resource. Message returned: as asked (RequestId: "
    )
    assert outputs(found) == {"Id": "two", "Seen": "3"}
    asked = wait_for(lambda: seen if len(seen := requests(client, stack)) >= 6 else None, 10)
    kinds = [(one["RequestType"], one.get("PhysicalResourceId")) for one in asked]
    assert kinds == [
        ("Create", None),
        ("Update", "one"),
        ("Update", "one"),
        ("Delete", "one"),
        ("Update", "two"),
        ("Update", "two"),
    ]
    first = asked[0]
    assert first["ResourceType"] == "Custom::Thing"
    assert first["LogicalResourceId"] == "Thing"
    assert first["ResourceProperties"] == {
        "ServiceToken": first["ServiceToken"],
        "Id": "one",
        "Size": "1",
        "Deep": {"On": "true", "List": ["1", "b"]},
    }
    assert asked[4]["OldResourceProperties"]["Size"] == "3"
    assert asked[5]["ResourceProperties"]["Size"] == "3"
    client("cloudformation").delete_stack(StackName=found["StackId"])
    assert settled(client, found["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def put(url: str, body: Any) -> int:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=text, method="PUT")) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


class Topic:
    """A topic whose requests a queue gets."""

    def __init__(self, client: Client, name: str) -> None:
        self.arn = client("sns").create_topic(Name=name)["TopicArn"]
        self._queues = client("sqs")
        self._url = self._queues.create_queue(QueueName=name)["QueueUrl"]
        attributes = self._queues.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        queue = attributes["Attributes"]["QueueArn"]
        policy = {
            "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}
            ]
        }
        self._queues.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": json.dumps(policy)})
        client("sns").subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue)

    def request(self, seconds: int = 10) -> dict[str, Any] | None:
        got = self._queues.receive_message(QueueUrl=self._url, WaitTimeSeconds=seconds)
        for message in got.get("Messages", []):
            self._queues.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            envelope = json.loads(message["Body"])
            assert envelope["Subject"] == "AWS CloudFormation custom resource request"
            request: dict[str, Any] = json.loads(envelope["Message"])
            return request
        return None

    def next(self) -> dict[str, Any]:
        request = self.request()
        assert request is not None
        return request

    def thing(self, **properties: Any) -> dict[str, Any]:
        return {"Type": "Custom::Thing", "Properties": {"ServiceToken": self.arn, **properties}}


def answer(request: dict[str, Any], **members: Any) -> dict[str, Any]:
    copied = {name: request[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    return {"Status": "SUCCESS", "PhysicalResourceId": "thing-1", **copied, **members}


@pytest.fixture
def topic(client: Client, stack: str) -> Topic:
    return Topic(client, stack)


def begin(client: Client, stack: str, resources: dict[str, Any], **more: Any) -> None:
    body = json.dumps({"Resources": resources})
    client("cloudformation").create_stack(StackName=stack, TemplateBody=body, **more)


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

    begin(client, f"{stack}-t", {"Thing": topic.thing(ServiceTimeout="1")})
    asked = topic.next()
    request = topic.next()
    assert request["RequestType"] == "Delete"
    assert request["PhysicalResourceId"].startswith(f"{stack}-t-Thing-")
    put(request["ResponseURL"], answer(request))
    assert settled(client, f"{stack}-t")["StackStatus"] == "ROLLBACK_COMPLETE"
    late = [reason for _, reason in events(client, f"{stack}-t", "Thing") if asked["RequestId"] in reason]
    assert late[0].startswith("CloudFormation did not receive a response from your Custom Resource.")

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

    url = wait_for(waits, 10)
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

        put(wait_for(handle, 10), {"Status": "FAILURE", "Reason": "broken", "UniqueId": "i"})
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
