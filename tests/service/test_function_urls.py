"""Function URLs by boto3 and plain HTTP: their settings, the event of a request, the response of an answer."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from aws_refusals import refusal
from lambda_rig import code
from nodes import RunningNode
from url_rig import HANDLER, Client, answered, ask, make, open_url


@pytest.fixture(scope="module")
def name(node: RunningNode) -> str:
    return make(node.client, code(HANDLER))


@pytest.fixture(scope="module")
def url(node: RunningNode, name: str) -> str:
    return open_url(node.client, name)


def test_the_life_of_a_url(node: RunningNode, client: Client) -> None:
    functions = client("lambda")
    name = make(client, code(HANDLER))
    functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    cors = {"AllowOrigins": ["https://pages.example.test"], "AllowMethods": ["GET"], "MaxAge": 5}
    made = functions.create_function_url_config(FunctionName=name, AuthType="NONE", Cors=cors)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    host = urlsplit(made["FunctionUrl"]).netloc
    assert host.endswith(f".lambda-url.us-east-1.localhost:{node.port}")
    assert len(host.split(".")[0]) == 32
    assert (made["Cors"], made["InvokeMode"]) == (cors, "BUFFERED")
    assert made["FunctionArn"] == f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    assert "LastModifiedTime" not in made
    of_alias = functions.create_function_url_config(FunctionName=name, Qualifier="live", AuthType="AWS_IAM")
    assert of_alias["FunctionArn"].endswith(":live")
    assert of_alias["FunctionUrl"] != made["FunctionUrl"]
    changed = functions.update_function_url_config(
        FunctionName=name, AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM", Cors={}
    )
    assert (changed["AuthType"], changed["InvokeMode"], "Cors" in changed) == (
        "AWS_IAM",
        "RESPONSE_STREAM",
        False,
    )
    assert functions.get_function_url_config(FunctionName=name)["FunctionUrl"] == made["FunctionUrl"]
    listed = functions.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"]
    assert [one["FunctionUrl"] for one in listed] == [made["FunctionUrl"], of_alias["FunctionUrl"]]
    functions.delete_function_url_config(FunctionName=name)
    assert refusal(functions.get_function_url_config, FunctionName=name)[0] == "ResourceNotFoundException"
    functions.delete_alias(FunctionName=name, Name="live")
    assert functions.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"] == []
    again = functions.create_function_url_config(FunctionName=name, AuthType="NONE")
    assert again["FunctionUrl"] == made["FunctionUrl"]
    functions.delete_function(FunctionName=name)
    assert ask(node, made["FunctionUrl"]).status == 403


def test_refused_settings(client: Client, name: str, url: str) -> None:
    functions = client("lambda")

    def refused(**params: Any) -> tuple[str, int]:
        settings = {"FunctionName": name, "AuthType": "NONE", **params}
        return refusal(functions.create_function_url_config, **settings)[:2]

    assert refused() == ("ResourceConflictException", 409)
    assert refused(FunctionName="nobody") == ("ResourceNotFoundException", 404)
    assert refused(Qualifier="nobody") == ("ResourceNotFoundException", 404)
    assert refused(AuthType="ANY") == ("ValidationException", 400)
    other = make(client, code(HANDLER))
    for cors in ({"MaxAge": 86401}, {"AllowMethods": ["OPTIONS"]}, {"AllowOrigins": ["x" * 254]}):
        assert refused(FunctionName=other, Cors=cors) == ("ValidationException", 400)
    assert refused(FunctionName=other, Cors={"AllowMethods": ["FOO"]})[1] == 400
    allow = {"FunctionName": other, "StatementId": "s", "Principal": "*"}
    wrong: dict[str, Any] = {"Action": "lambda:InvokeFunction", "FunctionUrlAuthType": "NONE"}
    assert refusal(functions.add_permission, **allow, **wrong)[0] == "InvalidParameterValueException"
    wrong = {"Action": "lambda:InvokeFunctionUrl", "InvokedViaFunctionUrl": True}
    assert refusal(functions.add_permission, **allow, **wrong)[0] == "InvalidParameterValueException"


def test_the_event_of_a_request(node: RunningNode, url: str) -> None:
    headers = {"Cookie": "a=1; b=2", "X-Many": "1", "User-Agent": "tests", "Content-Type": "text/plain"}
    path = "/some%20path/x?a=1&a=2&b=%C3%B6+o&c="
    event = ask(node, url, "PUT", path, "hällo".encode(), headers).json
    host = urlsplit(url).hostname
    assert event["version"] == "2.0"
    assert event["routeKey"] == "$default"
    assert event["rawPath"] == "/some%20path/x"
    assert event["rawQueryString"] == "a=1&a=2&b=%C3%B6+o&c="
    assert event["queryStringParameters"] == {"a": "1,2", "b": "ö o", "c": ""}
    assert event["cookies"] == ["a=1", "b=2"]
    assert (event["headers"]["x-many"], "cookie" in event["headers"]) == ("1", False)
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert (event["body"], event["isBase64Encoded"]) == ("hällo", False)
    context = event["requestContext"]
    assert context["http"] == {
        "method": "PUT",
        "path": "/some path/x",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "tests",
    }
    assert (context["accountId"], context["stage"], context["routeKey"]) == (
        "anonymous",
        "$default",
        "$default",
    )
    assert (context["domainName"], context["domainPrefix"]) == (host, str(host).split(".")[0])
    assert context["apiId"] == context["domainPrefix"]
    assert "authorizer" not in context
    traced = {"X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"}
    assert ask(node, url, headers=traced).json["headers"]["x-amzn-trace-id"] == traced["X-Amzn-Trace-Id"]
    plain = ask(node, url).json
    assert re.fullmatch("Root=1-[0-9a-f]{8}-[0-9a-f]{24}", plain["headers"]["x-amzn-trace-id"])
    assert not {"cookies", "queryStringParameters", "body"} & set(plain)
    assert plain["isBase64Encoded"] is False


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_every_method(node: RunningNode, url: str, method: str) -> None:
    assert ask(node, url, method).json["requestContext"]["http"]["method"] == method


def test_a_binary_body_goes_in_and_out(node: RunningNode, url: str) -> None:
    body = bytes(range(256))
    event = ask(node, url, "POST", body=body, headers={"Content-Type": "image/png"}).json
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (body, True)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ask(node, url, "POST", body=b"a=1", headers=form).json["isBase64Encoded"] is True
    encoded = {"statusCode": 200, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    assert answered(node, url, encoded | {"headers": {"content-type": "image/png"}}).body == body


def test_the_response_of_an_answer(node: RunningNode, url: str) -> None:
    full = {
        "statusCode": 201,
        "headers": {"Content-Type": "text/html", "X-Number": 1, "Connection": "close", "Date": "never"},
        "cookies": ["a=1; Secure", "b=2"],
        "body": "<p>ö</p>",
    }
    response = answered(node, url, full)
    assert (response.status, response.body) == (201, "<p>ö</p>".encode())
    assert response.headers["Content-Type"] == "text/html"
    assert response.headers["X-Number"] == "1"
    assert response.headers["x-amzn-remapped-date"] == "never"
    assert response.headers.get_all("Set-Cookie") == ["a=1; Secure", "b=2"]
    assert response.headers["x-amzn-requestid"]
    assert response.headers["x-amzn-trace-id"].startswith("Root=1-")
    for value in ({"a": 1}, "text", 7, None, [1]):
        response = answered(node, url, value)
        assert (response.status, response.json) == (200, value)
        assert response.headers["Content-Type"] == "application/json"
    assert answered(node, url, {"statusCode": 204, "body": "x"}).body == b""
    head = ask(node, url, "HEAD")
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": "x"},
        {"statusCode": 99},
        {"statusCode": 600},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "headers": "x"},
        {"statusCode": 200, "headers": {"a b": "1"}},
        {"statusCode": 200, "headers": {"a": "1\r\nb: 2"}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "body": "no base64", "isBase64Encoded": True},
    ],
)
def test_a_malformed_answer_is_a_bad_gateway(node: RunningNode, url: str, answer: Any) -> None:
    response = answered(node, url, answer)
    assert (response.status, response.body) == (502, b"Internal Server Error")


def test_a_function_that_fails_is_a_bad_gateway(node: RunningNode, url: str) -> None:
    json_type = {"Content-Type": "application/json"}
    response = ask(node, url, "POST", body='{"fail": 1}', headers=json_type)
    assert (response.status, response.body) == (502, b"Internal Server Error")


def test_what_is_too_much(node: RunningNode, client: Client, name: str, url: str) -> None:
    response = ask(node, url, "POST", body=b"x" * 6_291_457)
    assert (response.status, response.headers["x-amzn-errortype"]) == (413, "RequestEntityTooLargeException")
    assert ask(node, url, "POST", body=b"\xff" * 5_000_000).status == 413  # in base64 it is more than 6 MB
    client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    response = ask(node, url)
    assert (response.status, response.headers["x-amzn-errortype"]) == (429, "TooManyRequestsException")
    client("lambda").delete_function_concurrency(FunctionName=name)
