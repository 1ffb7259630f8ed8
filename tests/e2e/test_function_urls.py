"""An application with function URLs, by SAM: deployed, opened by curl and by a browser, and what its pages can
reach."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from browser import BROWSER, need_browser
from tools import run_tool

from nodes import RunningNode

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.12, CodeUri: src, Handler: app.handler}
Resources:
  Page:
    Type: AWS::Serverless::Function
    Properties: {FunctionUrlConfig: {AuthType: NONE}, Handler: app.page}
  Open:
    Type: AWS::Serverless::Function
    Properties:
      FunctionUrlConfig: {AuthType: NONE, Cors: {AllowOrigins: ["*"], AllowMethods: [PUT], AllowHeaders: [x-one]}}
  Closed:
    Type: AWS::Serverless::Function
    Properties: {FunctionUrlConfig: {AuthType: NONE}}
  Stream:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs20.x
      Handler: stream.handler
      FunctionUrlConfig: {AuthType: NONE, InvokeMode: RESPONSE_STREAM}
Outputs:
  Page: {Value: !GetAtt PageUrl.FunctionUrl}
  Open: {Value: !GetAtt OpenUrl.FunctionUrl}
  Closed: {Value: !GetAtt ClosedUrl.FunctionUrl}
  Stream: {Value: !GetAtt StreamUrl.FunctionUrl}
  StreamName: {Value: !Ref Stream}
"""
APP = '''
import base64, json

def handler(event, context):
    return {"method": event["requestContext"]["http"]["method"], "name": context.function_name}

def page(event, context):
    """Shows the page in the query, whose script says what it could reach."""
    if event["rawPath"] == "/own":
        return {"own": True}
    page = base64.urlsafe_b64decode(event["queryStringParameters"]["page"]).decode()
    return {"statusCode": 200, "headers": {"Content-Type": "text/html"}, "body": page}
'''
STREAM = """
exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
  stream = awslambda.HttpResponseStream.from(stream, {statusCode: 201, headers: {"Content-Type": "text/plain"}})
  for (const part of ["one ", "two ", "three"]) {
    stream.write(part)
    await new Promise(done => setTimeout(done, 50))
  }
  stream.end()
})
"""
PAGE = """<!doctype html><body><pre id=result></pre><script>
const seen = {}, tries = {
  own: async () => (await fetch("/own")).text(),
  open: async () => (await fetch(OPEN, {method: "PUT", headers: {"x-one": "1"}})).text(),
  closed: async () => (await fetch(CLOSED)).text(),
  blind: async () => { await fetch(CLOSED, {mode: "no-cors", method: "POST"}); return "sent" },
  status: async () => (await fetch(NODE + "/_nightbus/status")).text(),
  blindApi: async () => { await fetch(NODE + "/by-page?X-Amz-Credential=test/20260101/us-east-1/s3/aws4_request",
    {method: "POST", mode: "no-cors"}); return "sent" },
  cookies: async () => { document.cookie = "wide=1; domain=localhost"; return document.cookie },
}
addEventListener("load", async () => {
  for (const [name, attempt] of Object.entries(tries)) {
    try { seen[name] = await attempt() } catch (failure) { seen[name] = String(failure) }
  }
  document.getElementById("result").textContent = JSON.stringify(seen)
})
</script>"""


@pytest.fixture(scope="module")
def urls(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The stack's outputs, as the SAM CLI prints them."""
    folder = tmp_path_factory.mktemp("application")
    (folder / "src").mkdir()
    (folder / "src" / "app.py").write_text(APP)
    (folder / "src" / "stream.js").write_text(STREAM)
    (folder / "template.yaml").write_text(TEMPLATE)
    capabilities = ["--capabilities", "CAPABILITY_IAM"]
    deploy = ["sam", "deploy", "--stack-name", "urls", "--resolve-s3", "--no-progressbar", *capabilities]
    run_tool(node, deploy, folder, {}, seconds=300)
    listed = ["sam", "list", "stack-outputs", "--stack-name", "urls", "--output", "json"]
    outputs = run_tool(node, listed, folder, {}, seconds=120)
    return {one["OutputKey"]: one["OutputValue"] for one in json.loads(outputs)}


def curl(folder: Path, *arguments: str) -> str:
    """curl resolves names below localhost by itself."""
    done = subprocess.run(["curl", "-sS", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl_opens_the_url(node: RunningNode, urls: dict[str, str], tmp_path: Path) -> None:
    assert json.loads(curl(tmp_path, "-X", "DELETE", urls["Closed"]))["method"] == "DELETE"
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    command = ["sam", "list", "endpoints", "--stack-name", "urls", "--output", "json"]
    listed = run_tool(node, command, tmp_path, {}, seconds=120)
    endpoints = {one["LogicalResourceId"]: one["CloudEndpoint"] for one in json.loads(listed)}
    assert urls["Open"] in endpoints.values(), endpoints


def test_a_function_of_nodejs_streams(node: RunningNode, urls: dict[str, str], tmp_path: Path) -> None:
    shown = curl(tmp_path, "-w", " %{http_code} %{content_type}", urls["Stream"])
    assert shown == "one two three 201 text/plain"
    functions: Any = node.client("lambda")
    reply = functions.invoke_with_response_stream(FunctionName=urls["StreamName"], Payload=b"{}")
    *chunks, last = list(reply["EventStream"])
    assert last == {"InvokeComplete": {}}
    streamed = b"".join(one["PayloadChunk"]["Payload"] for one in chunks)
    assert streamed.endswith(b"\0" * 8 + b"one two three")
    assert len(chunks) > 1


def test_a_page_of_a_function_reaches_what_cors_allows_and_nothing_of_the_node(
    node: RunningNode, urls: dict[str, str], tmp_path: Path
) -> None:
    need_browser()
    page = PAGE
    for name, value in {
        "OPEN": urls["Open"],
        "CLOSED": urls["Closed"],
        "NODE": f"http://localhost:{node.port}",
    }.items():
        page = page.replace(name, json.dumps(value))
    address = f"{urls['Page']}?page={base64.urlsafe_b64encode(page.encode()).decode()}"
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]
    done = subprocess.run(
        [
            BROWSER,
            *quiet,
            f"--user-data-dir={tmp_path}",
            "--virtual-time-budget=20000",
            "--dump-dom",
            address,
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    seen = json.loads(done.stdout.split('<pre id="result">', 1)[1].split("</pre>", 1)[0])
    assert json.loads(seen["own"]) == {"own": True}
    assert json.loads(seen["open"])["method"] == "PUT"
    assert "TypeError" in seen["closed"]
    assert "TypeError" in seen["status"]
    assert seen["cookies"] == ""
    assert node.client("s3").list_buckets()["Buckets"][0]["Name"].startswith("aws-sam-cli")
    assert len(node.client("s3").list_buckets()["Buckets"]) == 1
    invoked = node.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/urls-Closed")
    starts = node.client("logs").filter_log_events(
        logGroupName=invoked["logGroups"][0]["logGroupName"], filterPattern='"START RequestId"'
    )
    assert len(starts["events"]) == 1  # curl's: the page's requests did not run it
