"""Custom resources: what functions in Python and Node.js get and answer, by the helpers that everybody uses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from custom_rig import events, outputs, settled
from lambda_rig import BASIC_EXECUTION, trust
from waiting import wait_for

Client = Callable[..., Any]
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": trust("lambda.amazonaws.com"),
        "ManagedPolicyArns": [BASIC_EXECUTION],
    },
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
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {**properties, "Timeout": 60},
    }  # on a busy machine, too


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
    asked = wait_for(lambda: seen if len(seen := requests(client, stack)) >= 6 else None)
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
