"""Functions in JavaScript that stream by awslambda.streamifyResponse: what clients and function URLs get."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from lambda_rig import code, trust
from nodes import RunningNode
from url_rig import ask, open_url

Client = Callable[..., Any]
pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")
HANDLER = """
const { pipeline } = require('node:stream/promises'), { Readable } = require('node:stream')
const asked = async (event, stream, context) => {
  const { does } = event.does ? event : JSON.parse(event.body ?? '{"does": "page"}')
  if (does === 'throws') throw new TypeError('at once')
  if (does === 'pipes') {
    stream.setContentType('text/csv')
    await pipeline(Readable.from(['a,', 'b,', context.functionName ? 'c' : '']), stream)
    return
  }
  if (does === 'page') {
    stream = awslambda.HttpResponseStream.from(stream, {
      statusCode: 201, headers: { 'content-type': 'text/html', 'x-mine': 'yes' }, cookies: ['a=1', 'b=2'] })
    stream.write('<p>ü')
    stream.end('</p>')
    return
  }
  stream.write('begun')
  stream.write({ as: 'json' })
  if (does === 'breaks') throw new RangeError('in the middle')
  stream.end()
}
exports.handler = awslambda.streamifyResponse(asked)
"""


@pytest.fixture(scope="module", params=["nodejs20.x", "nodejs24.x"])
def name(node: RunningNode, request: pytest.FixtureRequest) -> str:
    made = f"streams-{uuid4().hex[:8]}"
    document = json.dumps(trust("lambda.amazonaws.com"))
    role = node.client("iam").create_role(RoleName=made, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    functions = node.client("lambda")
    settings = {"Runtime": request.param, "Handler": "index.handler", "Timeout": 5, "MemorySize": 256}
    functions.create_function(
        FunctionName=made, Role=role, Code={"ZipFile": code(HANDLER, "index.js")}, **settings
    )
    config = {"Delay": 1, "MaxAttempts": 20}
    functions.get_waiter("function_active_v2").wait(FunctionName=made, WaiterConfig=config)
    return made


def streamed(client: Client, name: str, does: str) -> tuple[bytes, dict[str, Any]]:
    payload = json.dumps({"does": does}).encode()
    reply = client("lambda").invoke_with_response_stream(FunctionName=name, Payload=payload)
    *chunks, last = list(reply["EventStream"])
    return b"".join(one["PayloadChunk"]["Payload"] for one in chunks), last["InvokeComplete"]


def test_what_is_streamed_and_how_it_ends(client: Client, name: str) -> None:
    for _ in range(2):
        assert streamed(client, name, "pipes") == (b"a,b,c", {})
        assert streamed(client, name, "writes") == (b'begun{"as":"json"}', {})
    payload, complete = streamed(client, name, "breaks")
    assert payload == b'begun{"as":"json"}'
    details = json.loads(complete["ErrorDetails"])
    assert (complete["ErrorCode"], details["errorMessage"]) == ("RangeError", "in the middle")
    assert details["trace"][0] == "RangeError: in the middle"
    payload, complete = streamed(client, name, "throws")
    assert (payload, complete["ErrorCode"]) == (b"", "TypeError")
    assert streamed(client, name, "pipes") == (b"a,b,c", {})


def test_invoke_gets_the_whole(client: Client, name: str) -> None:
    reply = client("lambda").invoke(FunctionName=name, Payload=b'{"does": "writes"}')
    assert reply["Payload"].read() == b'begun{"as":"json"}'
    assert "FunctionError" not in reply


def test_a_url_gets_status_headers_and_cookies(node: RunningNode, client: Client, name: str) -> None:
    response = ask(node, open_url(client, name, InvokeMode="RESPONSE_STREAM"))
    assert (response.status, response.body) == (201, "<p>ü</p>".encode())
    assert (response.headers["content-type"], response.headers["x-mine"]) == ("text/html", "yes")
    assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]
