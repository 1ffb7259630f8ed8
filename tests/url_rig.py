"""Functions with URLs on a running node, and plain HTTP requests to them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from lambda_rig import allow, trust
from nodes import RunningNode

Client = Callable[..., Any]
HANDLER = """
import json
def handler(event, context):
    if event.get("body") and not event["isBase64Encoded"] and event["body"].startswith("{"):
        wanted = json.loads(event["body"])
        if "fail" in wanted:
            raise ValueError("asked to")
        return wanted["answer"]
    return event
"""


def make(client: Client, package: bytes, timeout: int = 3, runtime: str = "python3.12") -> str:
    made = f"streaming-{uuid4().hex[:8]}"
    document = json.dumps(trust("lambda.amazonaws.com"))
    role = client("iam").create_role(RoleName=made, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    allow(client("iam"), made, "sqs:*", "logs:*")
    settings = {"Runtime": runtime, "Handler": "app.handler", "Timeout": timeout, "MemorySize": 256}
    functions = client("lambda")
    functions.create_function(FunctionName=made, Role=role, Code={"ZipFile": package}, **settings)
    functions.get_waiter("function_active_v2").wait(
        FunctionName=made, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    return made


def open_url(client: Client, name: str, **settings: Any) -> str:
    """Give the function a URL that everybody may ask."""
    functions = client("lambda")
    made = functions.create_function_url_config(FunctionName=name, **{"AuthType": "NONE", **settings})
    if settings.get("AuthType") != "AWS_IAM":
        qualifier = {"Qualifier": settings["Qualifier"]} if "Qualifier" in settings else {}
        allow = {"FunctionName": name, "Principal": "*", **qualifier}
        functions.add_permission(
            StatementId="url", Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE", **allow
        )
        functions.add_permission(
            StatementId="call", Action="lambda:InvokeFunction", InvokedViaFunctionUrl=True, **allow
        )
    return str(made["FunctionUrl"])


class Response:
    def __init__(self, raw: http.client.HTTPResponse, body: bytes) -> None:
        self.status = raw.status
        self.headers = raw.headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    node: RunningNode,
    url: str,
    method: str = "GET",
    path: str = "/",
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """By `Host`, since not every machine resolves names below localhost."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    try:
        connection.request(method, path, body, {"Host": urlsplit(url).netloc, **(headers or {})})
        raw = connection.getresponse()
        return Response(raw, raw.read())
    finally:
        connection.close()


def answered(node: RunningNode, url: str, answer: Any, method: str = "POST") -> Response:
    """The response when the function returns `answer`."""
    headers = {"Content-Type": "application/json"}
    return ask(node, url, method, body=json.dumps({"answer": answer}), headers=headers)
