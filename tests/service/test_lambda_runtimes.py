"""Functions that are not Python, by boto3: Node.js with the AWS SDK, own programs, and runtimes that are refused."""

from __future__ import annotations

import base64
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from lambda_rig import allow, trust

Client = Callable[..., Any]
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")
SENDER = """
import { SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs'
const sqs = new SQSClient({})
export const handler = async (event, context) => {
  console.log('sends to', event.queue)
  const message = { QueueUrl: event.queue, MessageBody: 'from ' + context.functionName }
  const sent = await sqs.send(new SendMessageCommand(message))
  return sent.MessageId
}
"""


def package(files: Mapping[str, str], mode: int = 0o644) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, text)
    return packed.getvalue()


@pytest.fixture
def functions(client: Client) -> Any:
    return client("lambda")


@pytest.fixture
def create(client: Client, functions: Any) -> Callable[..., str]:
    role = f"role-{uuid4().hex[:8]}"
    document, iam = json.dumps(trust("lambda.amazonaws.com")), client("iam")
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    allow(iam, role, "sqs:SendMessage", "logs:*")

    def make(files: Mapping[str, str], runtime: str, mode: int = 0o644, **params: Any) -> str:
        name = f"other-{uuid4().hex[:8]}"
        params = {"Handler": "index.handler", "Timeout": 10, "Role": arn, **params}
        functions.create_function(
            FunctionName=name, Runtime=runtime, Code={"ZipFile": package(files, mode)}, **params
        )
        config = {"Delay": 1, "MaxAttempts": 120}  # npm may have to install the SDK
        functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=config)
        return name

    return make


@needs_node
def test_a_function_in_javascript_uses_the_sdk_that_lambda_has(
    client: Client, functions: Any, create: Callable[..., str]
) -> None:
    queue = client("sqs").create_queue(QueueName=f"q-{uuid4().hex[:8]}")["QueueUrl"]
    name = create({"index.mjs": SENDER}, "nodejs22.x", MemorySize=256)
    reply = functions.invoke(FunctionName=name, Payload=json.dumps({"queue": queue}), LogType="Tail")
    log = base64.b64decode(reply["LogResult"]).decode()
    assert "FunctionError" not in reply, log
    assert f"\tINFO\tsends to {queue}\n" in log
    (message,) = client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert (message["MessageId"], message["Body"]) == (json.load(reply["Payload"]), f"from {name}")


@needs_node
def test_a_stack_with_inline_javascript(client: Client, functions: Any) -> None:
    stack = f"js-{uuid4().hex[:8]}"
    code = "exports.handler = async (event) => `hello ${event.name}`"
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {"Runtime": "nodejs20.x", "Handler": "index.handler", "InlineCode": code},
    }
    body = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"F": function}}
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName=stack,
        TemplateBody=json.dumps(body),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    resource = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId="F")
    name = resource["StackResourceDetail"]["PhysicalResourceId"]
    reply = functions.invoke(FunctionName=name, Payload=b'{"name": "you"}')
    assert json.load(reply["Payload"]) == "hello you"
    cloudformation.delete_stack(StackName=stack)


def test_a_bootstrap_that_is_a_script_and_one_that_is_missing(
    functions: Any, create: Callable[..., str]
) -> None:
    script = "#!/bin/sh\necho from the script; exit 3\n"
    reply = functions.invoke(
        FunctionName=create({"bootstrap": script}, "provided.al2023", 0o755), LogType="Tail"
    )
    assert json.load(reply["Payload"])["errorType"] == "Runtime.ExitError"
    assert "from the script\n" in base64.b64decode(reply["LogResult"]).decode()
    reply = functions.invoke(FunctionName=create({"main": script}, "provided.al2"))
    assert reply["FunctionError"] == "Unhandled"
    failure = json.load(reply["Payload"])
    assert failure["errorType"] == "Runtime.InvalidEntrypoint"
    assert failure["errorMessage"].endswith(
        " Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    )


@pytest.mark.parametrize(
    ("runtime", "code", "said"),
    [
        ("java21", "NotImplementedException", "Runtime java21"),
        ("ruby3.4", "NotImplementedException", "Runtime ruby3.4"),
        ("nodejs14.x", "InvalidParameterValueException", "nodejs14.x is no longer supported for creating"),
        ("go1.x", "InvalidParameterValueException", "go1.x is no longer supported for creating"),
    ],
)
def test_runtimes_that_are_refused_at_creation(
    create: Callable[..., str], runtime: str, code: str, said: str
) -> None:
    with pytest.raises(ClientError, match=said) as caught:
        create({"index.js": "x"}, runtime)
    assert caught.value.response["Error"]["Code"] == code


@needs_node
def test_a_deprecated_runtime_runs_on_the_nearest_node(client: Client, functions: Any, create: Any) -> None:
    name = create({"index.js": "exports.handler = async () => process.version"}, "nodejs16.x")
    version = json.load(functions.invoke(FunctionName=name)["Payload"])
    events = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    assert (
        events[0]["message"]
        .rstrip()
        .endswith(
            f"\tNightbus: nodejs16.x is not on this machine; running on Node.js {version.removeprefix('v')}."
        )
    )
