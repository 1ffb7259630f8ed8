"""Who may ask a function URL: policies, signatures, web pages. And what a URL streams."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from lambda_rig import code
from nodes import RunningNode
from streaming_function import Gate, streaming_code
from url_rig import HANDLER, Client, Response, ask, make, open_url
from waiting import wait_for


@pytest.fixture(scope="module")
def name(node: RunningNode) -> str:
    return make(node.client, code(HANDLER))


@pytest.fixture(scope="module")
def url(node: RunningNode, name: str) -> str:
    return open_url(node.client, name)


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.close()


def test_who_may_ask(node: RunningNode, client: Client) -> None:
    functions = client("lambda")
    name = make(client, code(HANDLER))
    url = functions.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]

    def refused() -> bool:
        response = ask(node, url)
        if response.status == 200:
            return False
        assert (response.status, response.json) == (403, {"Message": "Forbidden"})
        assert response.headers["x-amzn-errortype"] == "AccessDeniedException"
        return True

    allow = {"FunctionName": name, "Principal": "*"}
    assert refused()
    by_url = {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"}
    functions.add_permission(StatementId="a", **by_url, **allow)
    assert refused()  # since October 2025 both actions are needed
    functions.add_permission(
        StatementId="b", Action="lambda:InvokeFunction", InvokedViaFunctionUrl=True, **allow
    )
    assert not refused()
    functions.remove_permission(FunctionName=name, StatementId="a")
    functions.add_permission(StatementId="a", **(by_url | {"FunctionUrlAuthType": "AWS_IAM"}), **allow)
    assert refused()


def test_a_url_for_signed_requests(node: RunningNode, client: Client) -> None:
    from botocore.auth import SigV4Auth, SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    name = make(client, code(HANDLER))
    url = open_url(client, name, AuthType="AWS_IAM")

    def signed(signer: Any, service: str = "lambda", account: str = "000000000000") -> Response:
        request: Any = AWSRequest("GET", url)
        signer(Credentials(account, "secret"), service, "us-east-1").add_auth(request)
        parts = urlsplit(request.prepare().url)
        return ask(node, url, path=f"{parts.path}?{parts.query}", headers=dict(request.headers))

    unsigned = ask(node, url)
    assert (unsigned.status, unsigned.json) == (403, {"Message": "Forbidden"})
    for signer in (SigV4Auth, SigV4QueryAuth):
        context = signed(signer).json["requestContext"]
        assert context["accountId"] == "000000000000"
        assert context["authorizer"]["iam"] == {
            "accessKey": "000000000000",
            "accountId": "000000000000",
            "callerId": "000000000000",
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": "arn:aws:iam::000000000000:root",
            "userId": "000000000000",
        }
    assert signed(SigV4Auth, service="s3").status == 403
    assert signed(SigV4Auth, account="111122223333").status == 403
    for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"):
        client("lambda").add_permission(
            FunctionName=name, StatementId=action.rpartition(":")[2], Action=action, Principal="111122223333"
        )
    assert signed(SigV4Auth, account="111122223333").status == 200


def test_a_url_of_an_alias(node: RunningNode, client: Client) -> None:
    functions = client("lambda")
    name = make(client, code("def handler(event, context):\n    return context.invoked_function_arn\n"))
    functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    assert ask(node, open_url(client, name, Qualifier="live")).json.endswith(f"{name}:live")


@pytest.mark.parametrize(
    ("headers", "admitted"),
    [
        ({}, True),
        ({"Origin": "https://pages.example.test"}, True),
        ({"Origin": "https://other.example.test"}, False),
        ({"Origin": "null"}, False),
        ({"Referer": "https://pages.example.test/"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, False),
    ],
)
def test_web_pages_ask_as_far_as_cors_says(
    node: RunningNode, client: Client, name: str, url: str, headers: dict[str, str], admitted: bool
) -> None:
    cors = {
        "AllowOrigins": ["https://pages.example.test"],
        "AllowMethods": ["GET", "PUT"],
        "AllowHeaders": ["X-One"],
        "ExposeHeaders": ["X-Two"],
        "AllowCredentials": True,
        "MaxAge": 60,
    }
    client("lambda").update_function_url_config(FunctionName=name, Cors=cors)
    try:
        response = ask(node, url, headers=headers)
        assert (response.status == 200) is admitted, response.body
        named = response.headers["access-control-allow-origin"]
        assert named == (headers.get("Origin") if admitted else None)
        if named:
            assert response.headers["access-control-allow-credentials"] == "true"
            assert response.headers["access-control-expose-headers"] == "X-Two"
    finally:
        client("lambda").update_function_url_config(FunctionName=name, Cors={})


def test_the_url_itself_answers_preflight_requests(node: RunningNode, client: Client) -> None:
    name = make(client, code("raise Exception('it must not run')"))
    cors = {"AllowOrigins": ["*"], "AllowMethods": ["PUT"], "AllowHeaders": ["x-one"], "MaxAge": 60}
    url = open_url(client, name, Cors=cors)

    def preflight(method: str, names: str = "x-one") -> Response:
        wanted = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": names}
        return ask(node, url, "OPTIONS", headers={"Origin": "https://any.example.test", **wanted})

    allowed = preflight("PUT")
    assert (allowed.status, allowed.body) == (200, b"")
    assert allowed.headers["access-control-allow-origin"] == "*"
    assert allowed.headers["access-control-allow-methods"] == "PUT"
    assert allowed.headers["access-control-allow-headers"] == "x-one"
    assert allowed.headers["access-control-max-age"] == "60"
    for refused in (preflight("POST"), preflight("PUT", "x-two")):
        assert (refused.status, refused.headers["access-control-allow-origin"]) == (200, None)


def test_the_host_of_a_url_is_the_functions_alone(node: RunningNode, url: str) -> None:
    event = ask(node, url, path="/_nightbus/status").json
    assert event["rawPath"] == "/_nightbus/status"
    upper = url.upper().replace("HTTP:", "http:")
    assert ask(node, upper).status == 200
    dotted = url.replace("localhost", "localhost.")
    assert ask(node, dotted, path="/_nightbus/status").json["rawPath"] == "/_nightbus/status"
    unknown = ask(node, url.replace("//", "//x", 1), path="/_nightbus/status")
    assert (unknown.status, unknown.json) == (403, {"Message": None})
    assert ask(node, url.replace("us-east-1", "eu-west-1")).status == 403
    assert ask(node, url.replace("localhost", "evil.example")).status == 403
    own = {"Origin": url.rstrip("/")}
    assert ask(node, url, "POST", headers=own).status == 200
    for path in ("/_nightbus/status", "/?Action=ListQueues"):
        assert ask(node, node.endpoint, path=path, headers=own).status == 403


def test_a_url_streams(node: RunningNode, client: Client, gate: Gate) -> None:
    name = make(client, streaming_code())
    url = open_url(client, name, InvokeMode="RESPONSE_STREAM")

    def asked(event: Any) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
        headers = {"Host": urlsplit(url).netloc, "Content-Type": "application/json"}
        connection.request("POST", "/", json.dumps(event), headers)
        return connection, connection.getresponse()

    connection, response = asked({"do": "chunks", "chunks": ["first", "second"], "gate": gate.port})
    assert (response.status, response.headers["Content-Type"]) == (200, "text/plain")
    assert response.read1() == b"first"
    gate.open()
    assert response.read1() == b"second"
    gate.open()
    assert response.read() == b""
    connection.close()
    prelude = {"statusCode": 202, "headers": {"Content-Type": "text/html", "X-A": "1"}, "cookies": ["c=1"]}
    connection, response = asked({"do": "http", "prelude": prelude, "chunks": ["<p>", "</p>"]})
    assert (response.status, response.read()) == (202, b"<p></p>")
    assert response.headers["Content-Type"] == "text/html"
    assert (response.headers["X-A"], response.headers["Set-Cookie"]) == ("1", "c=1")
    connection.close()
    connection, response = asked({"do": "http", "prelude": {"statusCode": 1}, "chunks": []})
    assert (response.status, response.read()) == (502, b"Internal Server Error")
    connection.close()
    connection, response = asked({"do": "error"})
    assert response.status == 502
    connection.close()
    connection, response = asked({"do": "fails"})
    assert response.status == 200
    with pytest.raises(http.client.IncompleteRead) as caught:
        response.read()
    assert caught.value.partial == b"begun"
    connection.close()
    connection, response = asked({"do": "whole"})
    assert (response.status, json.loads(response.read())) == (200, {"do": "whole"})
    connection.close()


def test_a_stream_that_no_client_reads_does_not_hold_up_the_function(
    client: Client, node: RunningNode
) -> None:
    name = make(client, streaming_code(), timeout=300)
    url = open_url(client, name, InvokeMode="RESPONSE_STREAM")
    event = json.dumps({"do": "large", "bytes": 8 * 1024 * 1024})
    assert ask(node, url, "HEAD", body=event, headers={"Content-Type": "application/json"}).status == 200

    def ended() -> bool:
        logs = client("logs")
        try:
            lines = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        except logs.exceptions.ResourceNotFoundException:  # nothing was logged yet
            return False
        return any("ended with" in line["message"] for line in lines)

    wait_for(ended)
