"""Requests that real tools sign: curl, the AWS CLI, the SDK for JavaScript from npm. A changed one is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tools import run_tool

from nodes import RunningNode

JSON = "Content-Type: application/x-amz-json-1.1"
FORM = "Content-Type: application/x-www-form-urlencoded"


def curl(node: RunningNode, service: str, path: str, *arguments: str, secret: str = "") -> tuple[int, str]:
    key = node.key()
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "20", "--aws-sigv4", f"aws:amz:us-east-1:{service}",
         "--user", f"{key.id}:{secret or key.secret}", "-w", "\n%{http_code}", *arguments, node.endpoint + path],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    text, _, status = done.stdout.rpartition("\n")
    return int(status), text


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl_signs_requests_of_every_protocol(node: RunningNode) -> None:
    target = ("-H", "X-Amz-Target: AWSEvents.ListEventBuses", "-H", JSON)
    calls: list[tuple[str, str, tuple[str, ...]]] = [
        ("events", "/", ("-X", "POST", *target, "-d", "{}")),
        ("sts", "/", ("-X", "POST", "-H", FORM, "-d", "Action=GetCallerIdentity&Version=2011-06-15")),
        ("lambda", "/2015-03-31/functions/", ()),
    ]
    for service, path, arguments in calls:
        status, text = curl(node, service, path, *arguments)
        assert status == 200, text
        status, text = curl(node, service, path, *arguments, secret="wrong")
        assert (status in (400, 403), "signature" in text) == (True, True), text
    nothing = hashlib.sha256().hexdigest()
    status, text = curl(node, "s3", "/", "-H", f"x-amz-content-sha256: {nothing}")
    assert status == 200, text
    status, text = curl(node, "s3", "/curl-bucket", "-X", "PUT", "-H", f"x-amz-content-sha256: {nothing}")
    assert status == 200, text
    unsigned = ("-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "-X", "PUT", "--data-binary", "text")
    status, text = curl(node, "s3", "/curl-bucket/key", *unsigned)
    assert status == 200, text


def test_the_cli_signs_its_uploads_and_links(node: RunningNode, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"small")
    (tmp_path / "big").write_bytes(b"0123456789" * 1_000_000)

    def aws(*arguments: str, codes: tuple[int, ...] = (0,), **environment: str) -> str:
        return run_tool(node, ["aws", *arguments], tmp_path, environment, seconds=60, codes=codes)

    aws("s3", "mb", "s3://cli-signs")
    for checksums in ("when_supported", "when_required"):
        for name in ("small", "big"):
            for source, target in (
                (name, f"s3://cli-signs/{name} (é)"),
                (f"s3://cli-signs/{name} (é)", "back"),
            ):
                aws("s3", "cp", source, target, AWS_REQUEST_CHECKSUM_CALCULATION=checksums)
            assert (tmp_path / "back").read_bytes() == (tmp_path / name).read_bytes()
    link = aws("s3", "presign", "s3://cli-signs/small (é)", "--expires-in", "60").strip()
    read = subprocess.run(["curl", "-sS", link], capture_output=True, check=True, timeout=20)
    assert read.stdout == b"small"
    refused = aws("sts", "get-caller-identity", codes=(254, 255), AWS_SECRET_ACCESS_KEY="wrong")
    assert "SignatureDoesNotMatch" in refused
    unknown = aws("events", "list-event-buses", codes=(254, 255), AWS_ACCESS_KEY_ID="AKIAQAAAAAAAAAAAAAAA")
    assert "UnrecognizedClientException" in unknown and "nightbus env" in unknown


@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm")
def test_the_sdk_for_javascript_signs(node: RunningNode, tmp_path: Path) -> None:
    folder = tmp_path / "sdk"
    shutil.copytree(Path(__file__).parent / "sdk", folder)
    run_tool(node, ["npm", "install", "--no-audit", "--no-fund", "--silent"], folder, {}, seconds=200)
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}]
    }
    document = json.dumps(trust)
    key = node.key()
    made = node.client("iam").create_role(RoleName="javascript", AssumeRolePolicyDocument=document)["Role"]
    user = node.client("iam")
    user.create_user(UserName="javascript")
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    user.put_user_policy(UserName="javascript", PolicyName="all", PolicyDocument=policy)
    own = user.create_access_key(UserName="javascript")["AccessKey"]
    assert own["AccessKeyId"] != key.id
    environment = {
        "ROLE": made["Arn"],
        "AWS_ACCESS_KEY_ID": own["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": own["SecretAccessKey"],
    }
    printed = run_tool(node, ["node", "calls.mjs"], folder, environment, seconds=60)
    found: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    assert found.pop("encoded path").startswith("ResourceNotFoundException")
    assert found.pop("wrong secret").startswith("SignatureDoesNotMatch")
    assert found == {
        "json": "default",
        "put": 0,
        "query": "arn:aws:iam::000000000000:user/javascript",
        "sns": "arn:aws:sns:us-east-1:000000000000:js",
        "sqs": hashlib.md5("é".encode(), usedforsecurity=False).hexdigest(),
        "rest-json": 0,
        "bucket": "done",
        "object": "done",
        "read": "text of me  too",
        "list": "a key (1)/é+&.txt",
        "stream": 9_000_000,
        "link": "text, 403",
        "link to put": 200,
        "role": "arn:aws:sts::000000000000:assumed-role/javascript/js",
    }
