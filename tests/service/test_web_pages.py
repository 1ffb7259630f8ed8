"""What a web page in the browser of a user can send reaches no API of the node; requests are as browsers send them."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from nodes import RunningNode
from waiting import wait_for

EVIL = "https://evil.example"
SCOPE = "test/20260101/us-east-1/{}/aws4_request"
FORM = "application/x-www-form-urlencoded"
PAGE = "http://localhost:3000"


class Answer:
    def __init__(self, reply: http.client.HTTPResponse) -> None:
        self.status = reply.status
        self.headers = {name.lower(): value for name, value in reply.getheaders()}
        self.text = reply.read().decode("utf-8", "replace")


def send(node: RunningNode, method: str, path: str, body: str = "", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_host="Host" in named, skip_accept_encoding=True)
        for name, value in {**named, "Content-Length": str(len(body.encode()))}.items():
            connection.putheader(name, value)
        connection.endheaders(body.encode())
        return Answer(connection.getresponse())
    finally:
        connection.close()


FORGED: Mapping[str, Any] = {
    "form": {"Origin": EVIL, "Sec_Fetch_Site": "cross-site", "Content_Type": FORM},
    "form of an old browser": {"Origin": EVIL, "Content_Type": FORM},
    "form in a sandboxed frame": {"Origin": "null", "Content_Type": FORM},
    "page on another port": {
        "Origin": "http://127.0.0.1:9",
        "Sec_Fetch_Site": "same-site",
        "Content_Type": FORM,
    },
    "rebound name": {
        "Host": "rebind.evil.example:4566",
        "Origin": "http://rebind.evil.example:4566",
        "Sec_Fetch_Site": "same-origin",
        "Content_Type": FORM,
    },
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED)
@pytest.mark.parametrize("credentials", ["none", "query", "header"])
def test_a_form_creates_nothing(node: RunningNode, headers: dict[str, str], credentials: str) -> None:
    name = f"forged-{uuid4().hex[:8]}"
    template = json.dumps(
        {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}}}
    )
    fields = {"Action": "CreateStack", "Version": "2010-05-15", "StackName": name, "TemplateBody": template}
    scope = SCOPE.format("cloudformation")
    query = f"?{urlencode({'X-Amz-Credential': scope})}" if credentials == "query" else ""
    extra = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}"} if credentials == "header" else {}
    answer = send(node, "POST", f"/{query}", urlencode(fields), **headers, **extra)
    assert answer.status == 403
    assert "allowed_" in answer.text
    assert "access-control-allow-origin" not in answer.headers
    with pytest.raises(Exception, match="does not exist"):
        node.client("cloudformation").describe_stacks(StackName=name)


def test_plain_text_creates_no_function(node: RunningNode) -> None:
    path = f"/2015-03-31/functions?{urlencode({'X-Amz-Credential': SCOPE.format('lambda')})}"
    body = json.dumps({"FunctionName": "forged", "Role": "arn:aws:iam::000000000000:role/r", "Code": {}})
    answer = send(
        node, "POST", path, body, Origin=EVIL, Sec_Fetch_Site="cross-site", Content_Type="text/plain"
    )
    assert answer.status == 403
    assert json.loads(answer.text)["message"].startswith("A web page of https://evil.example may not")


@pytest.mark.parametrize(
    "headers",
    [{"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Referer": f"{EVIL}/page"}],
)
def test_an_image_makes_no_queue(node: RunningNode, headers: dict[str, str]) -> None:
    name = f"forged-{uuid4().hex[:8]}"
    parts = {
        "Action": "CreateQueue",
        "QueueName": name,
        "Version": "2012-11-05",
        "X-Amz-Credential": SCOPE.format("sqs"),
    }
    assert send(node, "GET", f"/?{urlencode(parts)}", **headers).status == 403
    assert "QueueUrls" not in node.client("sqs").list_queues(QueueNamePrefix=name)


@pytest.mark.parametrize(
    "path", ["/_nightbus/status", "/_nightbus/health", "/_nightbus/trace?event=x", "/_nightbus/events/tail"]
)
def test_pages_and_rebound_names_read_nothing_of_the_node(node: RunningNode, path: str) -> None:
    for headers in ({"Host": "rebind.evil.example"}, {"Origin": EVIL}, {"Sec_Fetch_Site": "cross-site"}):
        answer = send(node, "GET", path, **headers)
        assert (answer.status, json.loads(answer.text)["error"]) == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("headers", "begins"),
    [
        ({"X_Amz_Target": "AWSEvents.PutEvents", "Content_Type": "application/x-amz-json-1.1"}, "{"),
        ({"Content_Type": FORM, "Authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE.format('sns')}"}, "<"),
        ({"Authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE.format('s3')}"}, "<"),
    ],
)
def test_the_refusal_is_in_the_clients_protocol(
    node: RunningNode, headers: dict[str, str], begins: str
) -> None:
    answer = send(node, "POST", "/", "x", Host="nightbus.test", **headers)
    assert (answer.status, answer.text.lstrip()[:1]) == (403, begins)
    assert "allowed_hosts" in answer.text


# Requests without credentials.


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "code"),
    [
        ("POST", "/", "Action=CreateTopic&Name=a&Version=2010-03-31", {"Content_Type": FORM}, "Missing"),
        ("GET", "/?Action=CreateQueue&QueueName=a&Version=2012-11-05", "", {}, "MissingAuthenticationToken"),
        ("POST", "/", "{}", {"X_Amz_Target": "AWSEvents.ListRules"}, "MissingAuthenticationTokenException"),
        ("PUT", "/made-by-nobody", "", {}, "AccessDenied"),
        ("GET", "/", "", {}, "AccessDenied"),
    ],
)
def test_without_credentials_there_is_no_answer(
    node: RunningNode, method: str, path: str, body: str, headers: dict[str, str], code: str
) -> None:
    answer = send(node, method, path, body, **headers)
    assert answer.status == 403
    assert code in answer.text


@pytest.mark.parametrize(
    ("service", "path", "code"),
    [
        ("sqs", "/?Action=CreateQueue&QueueName=a&Version=2012-11-05&", "IncompleteSignature"),
        ("s3", "/bucket/key?", "AuthorizationQueryParametersError"),
    ],
)
def test_a_part_of_a_presigned_url_is_none(node: RunningNode, service: str, path: str, code: str) -> None:
    answer = send(node, "GET", path + urlencode({"X-Amz-Credential": SCOPE.format(service)}))
    assert (answer.status, code in answer.text) == (400, True)


def test_everybody_may_do_what_a_queues_policy_grants(node: RunningNode) -> None:
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName=f"open-{uuid4().hex[:8]}")["QueueUrl"]
    path = url.removeprefix(node.endpoint)
    fields = urlencode({"Action": "SendMessage", "MessageBody": "x", "Version": "2012-11-05"})
    refused = send(node, "POST", path, fields, Content_Type=FORM)
    assert (refused.status, "AccessDenied" in refused.text) == (403, True)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
    )
    assert send(node, "POST", path, fields, Content_Type=FORM).status == 200
    receive = urlencode({"Action": "ReceiveMessage", "Version": "2012-11-05"})
    assert send(node, "POST", path, receive, Content_Type=FORM).status == 403
    assert [one["Body"] for one in sqs.receive_message(QueueUrl=url)["Messages"]] == ["x"]


def test_everybody_may_read_what_a_buckets_policy_grants(node: RunningNode) -> None:
    s3, bucket = node.client("s3"), f"open-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="public/a.txt", Body=b"all")
    s3.put_object(Bucket=bucket, Key="private.txt", Body=b"none")
    assert send(node, "GET", f"/{bucket}/public/a.txt").status == 403
    s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={"BlockPublicPolicy": False, "RestrictPublicBuckets": False},
    )
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/public/*",
    }
    s3.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    assert send(node, "GET", f"/{bucket}/public/a.txt").text == "all"
    for path in (f"/{bucket}/private.txt", f"/{bucket}/public-no", f"/{bucket}", f"/{bucket}?policy"):
        assert send(node, "GET", path).status == 403, path
    assert send(node, "PUT", f"/{bucket}/public/b.txt", "x").status == 403


# What a browser gets of an object.


@pytest.mark.parametrize(
    ("content_type", "sandboxed"),
    [
        ("text/html", True),
        ("image/svg+xml; charset=utf-8", True),
        ("application/xhtml+xml", True),
        ("text/javascript", True),
        ("made/up", True),
        ("image/png", False),
        ("text/plain", False),
        ("application/pdf", False),
    ],
)
def test_no_object_runs_script_in_the_apis_origin(
    node: RunningNode, content_type: str, sandboxed: bool
) -> None:
    s3, bucket = node.client("s3"), f"shown-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"<script>", ContentType=content_type)
    s3.put_object(Bucket=bucket, Key="plain", Body=b"<script>", ContentType="text/plain")
    links = [
        s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a"}),
        s3.generate_presigned_url(
            "get_object", {"Bucket": bucket, "Key": "plain", "ResponseContentType": content_type}
        ),
    ]
    for link in links:
        answer = send(node, "GET", link.removeprefix(node.endpoint))
        assert answer.status == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers.get("content-security-policy") == ("sandbox" if sandboxed else None)


# Pages and names that the settings admit.


@pytest.fixture(scope="module")
def open_node() -> Iterator[RunningNode]:
    running = RunningNode(
        environ={"NIGHTBUS_ALLOWED_ORIGINS": PAGE, "NIGHTBUS_ALLOWED_HOSTS": "nightbus, .example.test"}
    )
    yield running
    assert running.stop() == 0


def test_a_name_that_the_settings_allow_is_served(open_node: RunningNode) -> None:
    for host in ("nightbus:4566", "a.example.test"):
        assert send(open_node, "GET", "/_nightbus/health", Host=host).status == 200
    assert send(open_node, "GET", "/_nightbus/health", Host="other.test").status == 403


def test_an_allowed_page_uses_the_sdk(open_node: RunningNode) -> None:
    asked = {
        "Origin": PAGE,
        "Sec_Fetch_Site": "same-site",
        "Access_Control_Request_Method": "POST",
        "Access_Control_Request_Headers": "authorization,x-amz-target,amz-sdk-invocation-id",
    }
    preflight = send(open_node, "OPTIONS", "/", **asked)
    assert preflight.status == 200
    assert preflight.headers["access-control-allow-origin"] == PAGE
    assert "amz-sdk-invocation-id" in preflight.headers["access-control-allow-headers"]
    assert preflight.headers["access-control-max-age"] == "172800"
    signed = f"AWS4-HMAC-SHA256 Credential={SCOPE.format('events')}"
    answer = send(
        open_node,
        "POST",
        "/",
        "{}",
        Origin=PAGE,
        Authorization=signed,
        X_Amz_Target="AWSEvents.ListEventBuses",
        Content_Type="application/x-amz-json-1.1",
    )
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, PAGE)
    assert "x-amzn-ErrorType" in answer.headers["access-control-expose-headers"]
    assert send(open_node, "OPTIONS", "/", **{**asked, "Origin": EVIL}).status == 403


def test_a_bucket_answers_by_its_own_cors_configuration(open_node: RunningNode) -> None:
    s3, bucket = open_node.client("s3"), f"cors-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    asked = {"Origin": PAGE, "Access_Control_Request_Method": "GET"}
    closed = send(open_node, "OPTIONS", f"/{bucket}/a", **asked)
    assert (closed.status, "CORS is not enabled for this bucket" in closed.text) == (403, True)
    assert "<ResourceType>OBJECT</ResourceType>" in closed.text
    rule = {"AllowedOrigins": ["http://localhost:*"], "AllowedMethods": ["GET"], "ExposeHeaders": ["ETag"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    opened = send(open_node, "OPTIONS", f"/{bucket}/a", **asked)
    assert (opened.status, opened.headers["access-control-allow-origin"]) == (200, PAGE)
    refused = send(open_node, "OPTIONS", f"/{bucket}/a", Origin=PAGE, Access_Control_Request_Method="PUT")
    assert (refused.status, "This CORS request is not allowed" in refused.text) == (403, True)
    link = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a"})
    read = send(open_node, "GET", link.removeprefix(open_node.endpoint), Origin=PAGE)
    assert (read.text, read.headers["access-control-expose-headers"]) == ("x", "ETag")
    assert "Origin request header needed" in send(open_node, "OPTIONS", f"/{bucket}/a").text


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"AllowedMethods": ["PATCH"]}, "Unsupported method is PATCH"),
        ({"AllowedOrigins": ["http://*.*"]}, "can not have more than one wildcard"),
    ],
)
def test_a_cors_configuration_is_checked(node: RunningNode, changed: dict[str, Any], message: str) -> None:
    s3, bucket = node.client("s3"), f"cors-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    rule = {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], **changed}
    with pytest.raises(s3.exceptions.ClientError, match=message):
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})


# The command line.


def test_stop_ends_the_node_of_the_data_folder_and_nothing_that_an_answer_names(tmp_path: Path) -> None:
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    from nodes import clean_environment

    bystander = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )

    class Liar(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"status": "ok", "pid": bystander.pid, "endpoint": "x", "data": str(tmp_path)})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Liar)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        (tmp_path / "nightbus.lock").write_text(f"{bystander.pid}, port {server.server_port}\n")
        stopped = subprocess.run(
            [
                sys.executable,
                "-m",
                "nightbus",
                "stop",
                "--port",
                str(server.server_port),
                "--data",
                str(tmp_path),
            ],
            capture_output=True,
            text=True,
            env=clean_environment(),
        )
        assert (stopped.returncode, "no node of yours" in stopped.stderr) == (3, True)
        assert "if a load balancer does, name the port of one of its nodes" in stopped.stderr
        assert bystander.poll() is None
    finally:
        server.shutdown()
        assert bystander.stdin is not None
        bystander.stdin.close()
        bystander.wait(20)


@pytest.mark.parametrize("memory", [True, False])
def test_stop_finds_the_node_by_its_port_and_uses_no_proxy(tmp_path: Path, memory: bool) -> None:
    running = RunningNode(None if memory else tmp_path)
    environ = running.environment() | {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "nightbus"]
    status = subprocess.run(
        [*command, "status", "--port", str(running.port)], capture_output=True, text=True, env=environ
    )
    assert (status.returncode, f"process {running.process.pid}" in status.stdout) == (0, True)
    stopped = subprocess.run(
        [*command, "stop", "--port", str(running.port)], capture_output=True, text=True, env=environ
    )
    assert (stopped.returncode, stopped.stderr) == (0, "")
    wait_for(lambda: running.process.poll() == 0)
    running.stop()


def test_a_foreign_page_is_refused_whatever_its_query_is(node: RunningNode) -> None:
    """One that cannot be read would be a traceback in the log for each request."""
    told = len(node.output)
    refused = send(node, "GET", "/?" + "a&" * 20_000, Origin=EVIL)
    assert (refused.status, f"web page of {EVIL}" in refused.text) == (403, True)
    assert not any("Traceback" in line for line in node.output[told:])
