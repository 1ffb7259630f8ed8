"""A node that speaks TLS: boto3, the aws CLI, links and functions reach it."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import SSLError

from function_rig import zip_of
from nodes import TWO_NODES, RunningNode, clean_environment
from waiting import wait_for

pytestmark = pytest.mark.skipif(TWO_NODES, reason="two nodes in memory have no data folder")

CALLS = """
import json, os, boto3
def handler(event, context):
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    return {"endpoint": endpoint, "arn": boto3.client("sts").get_caller_identity()["Arn"]}
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = RunningNode(
        tmp_path_factory.mktemp("data") / "data", {"NIGHTBUS_TLS": "true"}, dev_credentials=False
    )
    yield running
    assert running.stop() == 0


def authority(node: RunningNode) -> str:
    assert node.folder is not None
    return str(node.folder / "tls" / "ca.pem")


def nightbus(*command: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["nightbus", *command],
        env=clean_environment() | dict(environ or {}),
        capture_output=True,
        text=True,
        timeout=180,
        stdin=subprocess.DEVNULL,
    )


def test_boto3_trusts_the_authority_and_nothing_else(node: RunningNode) -> None:
    assert node.endpoint.startswith("https://127.0.0.1:")
    assert node.client("sts", verify=authority(node)).get_caller_identity()["Account"] == "000000000000"
    with pytest.raises(SSLError):
        node.client("sts").get_caller_identity()


def test_the_greeting_has_the_fingerprint_that_a_client_sees(node: RunningNode) -> None:
    pem = ssl.get_server_certificate(("127.0.0.1", node.port))
    done = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256"], input=pem, capture_output=True, text=True
    )
    fingerprint = done.stdout.strip().partition("=")[2]
    assert fingerprint.count(":") == 31
    wait_for(lambda: any(f"SHA-256 {fingerprint}" in line for line in node.output))


def test_this_machine_may_speak_plain_http_at_the_same_port(node: RunningNode) -> None:
    key = node.key()
    plain: Any = boto3.client(
        "sts",
        endpoint_url=f"http://127.0.0.1:{node.port}",
        region_name="us-east-1",
        aws_access_key_id=key.id,
        aws_secret_access_key=key.secret,
    )
    assert plain.get_caller_identity()["Account"] == "000000000000"


def test_links_are_of_https(node: RunningNode) -> None:
    s3 = node.client("s3", verify=authority(node))
    s3.create_bucket(Bucket="linked")
    s3.put_object(Bucket="linked", Key="a", Body=b"there")
    link = s3.generate_presigned_url("get_object", {"Bucket": "linked", "Key": "a"})
    assert link.startswith("https://")
    trusting = ssl.create_default_context(cafile=authority(node))
    with urllib.request.urlopen(link, context=trusting, timeout=10) as reply:
        assert reply.read() == b"there"
    queue = node.client("sqs", verify=authority(node)).create_queue(QueueName="linked")["QueueUrl"]
    assert queue.startswith("https://")


def test_functions_reach_the_node(node: RunningNode) -> None:
    check_function(node)


def test_functions_with_a_network_of_their_own_reach_the_node(tmp_path: Path) -> None:
    environ = {"NIGHTBUS_HOST": "0.0.0.0", "NIGHTBUS_FUNCTIONS_NETWORK": "loopback"}
    node = RunningNode(tmp_path / "data", environ, dev_credentials=False)
    try:
        check_function(node)
    finally:
        assert node.stop() == 0


def check_function(node: RunningNode) -> None:
    iam, functions = (node.client(service, verify=authority(node)) for service in ("iam", "lambda"))
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="caller", AssumeRolePolicyDocument=json.dumps({"Statement": trust}))[
        "Role"
    ]
    functions.create_function(
        FunctionName="caller", Runtime="python3.12", Handler="app.handler", Role=role["Arn"], Timeout=30,
        Code={"ZipFile": zip_of({"app.py": CALLS})},
    )  # fmt: skip
    functions.get_waiter("function_active_v2").wait(FunctionName="caller")
    reply = json.loads(functions.invoke(FunctionName="caller")["Payload"].read())
    assert reply["endpoint"] == f"http://127.0.0.1:{node.port}"
    assert reply["arn"].startswith("arn:aws:sts::000000000000:assumed-role/caller/")
    url = functions.create_function_url_config(FunctionName="caller", AuthType="NONE")["FunctionUrl"]
    for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"):
        condition = (
            {"FunctionUrlAuthType": "NONE"} if action.endswith("Url") else {"InvokedViaFunctionUrl": True}
        )
        functions.add_permission(
            FunctionName="caller", StatementId=action.partition(":")[2], Action=action, Principal="*", **condition
        )  # fmt: skip
    host = url.removeprefix("https://").partition(":")[0]
    command = ["curl", "-s", "--cacert", authority(node), "--resolve", f"{host}:{node.port}:127.0.0.1", url]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert json.loads(answer.stdout)["arn"] == reply["arn"], answer.stderr


@pytest.mark.parametrize("setting", ["true", "false"])
def test_the_command_line_reaches_it_whatever_it_knows(node: RunningNode, setting: str) -> None:
    port = {"NIGHTBUS_PORT": str(node.port), "NIGHTBUS_TLS": setting}
    command = ("aws", "sts", "get-caller-identity", "--query", "Arn", "--output", "text")
    done = nightbus("run", "--", *command, environ=port)
    assert done.stdout.strip() == "arn:aws:iam::000000000000:root", done.stderr
    assert nightbus("status", environ=port).stdout.startswith("Nightbus ")
    exports = nightbus("env", environ=port).stdout
    assert (f"export AWS_CA_BUNDLE={authority(node)}" in exports) == (setting == "true")
    assert ("export AWS_ENDPOINT_URL=https://" in exports) == (setting == "true")


def test_the_profile_trusts_the_authority(node: RunningNode, tmp_path: Path) -> None:
    files = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }
    assert nightbus("configure", "--tls", "--port", str(node.port), environ=files).returncode == 0
    command = ("aws", "--profile", "nightbus", "events", "list-event-buses")
    done = subprocess.run(
        command, env=clean_environment() | files, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_what_is_no_tls_and_no_http_disturbs_nobody(node: RunningNode) -> None:
    for sent in (b"", b"\x16\x03\x01\x02\x00", b"\x00\xff" * 100, b"SSH-2.0-x\r\n"):
        with socket.create_connection(("127.0.0.1", node.port), 10) as connection:
            connection.sendall(sent)
    assert node.client("sts", verify=authority(node)).get_caller_identity()["Account"] == "000000000000"


def test_a_certificate_of_ones_own(node: RunningNode, tmp_path: Path) -> None:
    assert node.folder is not None
    own = {
        "NIGHTBUS_TLS_CERT": str(node.folder / "tls" / "certificate.pem"),
        "NIGHTBUS_TLS_KEY": str(node.folder / "tls" / "key.pem"),
    }
    other = RunningNode(tmp_path / "data", own, dev_credentials=False)
    try:
        assert other.client("sts", verify=authority(node)).get_caller_identity()["Account"] == "000000000000"
        assert not (tmp_path / "data" / "tls").exists()
        exports = nightbus("env", "--port", str(other.port), environ=own).stdout
        assert "AWS_CA_BUNDLE" not in exports
    finally:
        assert other.stop() == 0
    wrong = {**own, "NIGHTBUS_TLS_KEY": str(tmp_path / "none")}
    done = nightbus("start", "--port", "0", "--data", str(tmp_path / "data"), environ=wrong)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "cannot be used for TLS: No such file or directory" in done.stderr


def test_beyond_loopback_a_node_speaks_tls_or_is_told_not_to(tmp_path: Path) -> None:
    everywhere = RunningNode(tmp_path / "data", {"NIGHTBUS_HOST": "0.0.0.0"}, dev_credentials=False)
    assert everywhere.endpoint.startswith("https://")
    assert everywhere.stop() == 0
    options = {"NIGHTBUS_HOST": "0.0.0.0", "NIGHTBUS_INSECURE_HTTP": "yes"}
    insecure = RunningNode(tmp_path / "data", options, dev_credentials=False)
    assert insecure.endpoint.startswith("http://")
    assert insecure.client("sts").get_caller_identity()["Account"] == "000000000000"
    assert insecure.stop() == 0
    done = nightbus("start", "--host", "0.0.0.0", "--no-tls", "--port", "0", "--data", str(tmp_path / "data"))
    assert (done.returncode, "tls off goes with a loopback address only" in done.stderr) == (2, True)
