"""Whatever a client sends, it gets AWS's error at once, and the node goes on."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.client
import io
import json
import re
import socket
import threading
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import raw_requests
from raw_requests import signed
from waiting import wait_for

LAMBDA = {"Service": "lambda.amazonaws.com"}
TRUST = json.dumps({"Statement": [{"Effect": "Allow", "Principal": LAMBDA, "Action": "sts:AssumeRole"}]})


def target(name: str) -> dict[str, str]:
    return signed("events", **{"X-Amz-Target": name, "Content-Type": "application/x-amz-json-1.1"})


NINES = b"9" * 4301  # more digits than Python reads at once
CBOR = {"smithy-protocol": "rpc-v2-cbor"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def sqs(operation: str, text: bytes) -> tuple[str, str, bytes, dict[str, str]]:
    headers = {"X-Amz-Target": f"AmazonSQS.{operation}", "Content-Type": "application/x-amz-json-1.0"}
    return "POST", "/", text, signed("sqs", **headers)


@pytest.fixture(name="send")
def send_and_look(node: Any) -> Iterator[Callable[..., tuple[int, str]]]:
    """`send` to the node, which is to be well afterwards."""
    yield functools.partial(raw_requests.send, node)
    status, text = raw_requests.send(node, "GET", "/_nightbus/health", b"", {})
    assert (status, json.loads(text)["status"]) == (200, "ok")
    assert not any("Traceback" in line for line in node.output)


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "told"),
    [
        ("POST", "/", b"{", target("AWSEvents.PutRule"), 400, "SerializationException"),
        ("POST", "/", b"[]", target("AWSEvents.PutRule"), 400, "SerializationException"),
        ("POST", "/", b'{"Name": 1}', target("AWSEvents.PutRule"), 400, "NUMBER_VALUE can not be converted"),
        ("POST", "/", b'{"Entries": {}}', target("AWSEvents.PutEvents"), 400, "Start of structure or map found"),
        ("POST", "/", b"{}", target("AWSEvents.PutEvents"), 400, "Value null at 'entries' failed"),
        ("POST", "/", b"null", target("AWSEvents.PutEvents"), 400, "Value null at 'entries' failed"),
        ("POST", "/2015-03-31/functions", b"null", signed("lambda"), 400, "Value null at"),
        ("POST", "/", b"{}", target("AWSEvents.Nothing"), 400, "UnknownOperationException"),
        ("POST", "/", b"{}", target("Nobody.Nothing"), 400, "UnknownOperationException"),
        ("POST", "/", b"\xff\xfe", target("AWSEvents.PutEvents"), 400, "SerializationException"),
        ("POST", "/", b'{"a":' * 50_000, target("AWSEvents.PutEvents"), 400, "SerializationException"),
        ("POST", "/", b"Action=Nothing&Version=2010-05-15", signed("cloudformation", **FORM), 400, "InvalidAction"),
        ("POST", "/", b"Version=2010-05-15", signed("cloudformation", **FORM), 400, "MissingAction"),
        ("POST", "/", b"a=&" * 30_000, signed("cloudformation", **FORM), 400, "MalformedQueryString"),
        ("GET", "/?" + "a=&" * 21_000, b"", signed("sqs"), 400, "MalformedQueryString"),
        ("POST", "/", b"Action=GetRole&Version=2010-05-08", signed("iam", **FORM), 400, "Value null at 'roleName'"),
        ("POST", "/", b"Action=GetRole&RoleName=%FF", signed("iam", **FORM), 400, "ValidationError"),
        ("POST", "/", b"Action=AssumeRole&DurationSeconds=x", signed("sts", **FORM), 400, "Error"),
        ("POST", "/2015-03-31/functions", b"{", signed("lambda"), 400, "Could not parse request body"),
        ("GET", "/2015-03-31/nothing", b"", signed("lambda"), 404, "is no operation of 'lambda'"),
        ("PUT", "/malformed?versioning", b"<a", signed("s3"), 400, "MalformedXML"),
        (
            "PUT",
            "/malformed?versioning",
            '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16"),
            signed("s3"),
            400,
            "MalformedXML",
        ),
        ("PUT", "/malformed?versioning", "<a/>".encode("utf-7"), signed("s3"), 400, "MalformedXML"),
        ("GET", f"/malformed/k?partNumber={'9' * 4301}", b"", signed("s3"), 400, "not a number"),
        ("GET", f"/b/k?AWSAccessKeyId=a&Signature=s&Expires={'9' * 4301}", b"", {}, 404, "NoSuchBucket"),
        (
            "POST",
            "/",
            b"Action=TagQueue&Version=2012-11-05&Tag." + b"9" * 4301 + b".Key=a",
            signed("sqs", **FORM),
            400,
            "Error",
        ),
        (*sqs("CreateQueue", b'{"QueueName": "q", "Attributes": {"DelaySeconds": "%b"}}' % NINES), 400, "InvalidAttr"),
        (*sqs("ReceiveMessage", b'{"QueueUrl": "q", "MaxNumberOfMessages": %b}' % NINES), 400, "Exception"),
        (*sqs("SendMessage", b'{"QueueUrl": "http://[x", "MessageBody": "a"}'), 404, "InvalidAddress"),
        (
            "POST", "/", b"Action=ValidateTemplate&Version=2010-05-15&TemplateURL=http://[x",
            signed("cloudformation", **FORM), 400, "TemplateURL must be a supported URL",
        ),
        ("PUT", "/malformed?versioning", b'<!DOCTYPE a [<!ENTITY b "c">]><a/>', signed("s3"), 400, "MalformedXML"),
        ("PUT", "/Not_A_Bucket", b"", signed("s3"), 400, "InvalidBucketName"),
        ("GET", "/no-such-bucket-here", b"", signed("s3"), 404, "NoSuchBucket"),
        ("PATCH", "/malformed", b"", signed("s3"), 405, "MethodNotAllowed"),
        ("POST", "/", b"", {"Authorization": "nonsense"}, 405, "MethodNotAllowed"),
        ("POST", "/service/X/operation/Y", b"", signed("events", **CBOR), 400, "UnknownOperationException"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(
    send: Callable[..., tuple[int, str]],
    client: Callable[..., Any],
    method: str,
    path: str,
    body: bytes,
    headers: dict[str, str],
    status: int,
    told: str,
) -> None:
    if "malformed" in path:
        client("s3").create_bucket(Bucket="malformed")
    found, text = send(method, path, body, headers)
    assert (found, told in text) == (status, True), text


def test_a_body_over_the_limit_is_refused(node: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
    size = 90 * 1024 * 1024
    connection.putrequest("POST", "/")
    for name, value in {**target("AWSEvents.PutEvents"), "Content-Length": str(size)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    try:
        for _ in range(90):
            connection.send(b" " * 1024 * 1024)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the node may hang up on what it does not want
    else:
        assert connection.getresponse().status == 413
    connection.close()


def chunked(data: bytes, checksum: str) -> bytes:
    return b"%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % (len(data), data, checksum.encode())


@pytest.mark.parametrize("honest", [True, False])
def test_a_chunked_upload_is_checked_by_its_trailer(
    send: Callable[..., tuple[int, str]], client: Callable[..., Any], honest: bool
) -> None:
    client("s3").create_bucket(Bucket="trailers")
    data = b"carried in one chunk"
    checksum = base64.b64encode(zlib.crc32(data if honest else b"other").to_bytes(4, "big")).decode()
    headers = signed(
        "s3",
        **{
            "Content-Encoding": "aws-chunked",
            "X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "X-Amz-Decoded-Content-Length": str(len(data)),
            "X-Amz-Trailer": "x-amz-checksum-crc32",
        },
    )
    status, text = send("PUT", f"/trailers/{honest}", chunked(data, checksum), headers)
    if honest:
        assert status == 200
        found = client("s3").get_object(Bucket="trailers", Key="True", ChecksumMode="ENABLED")
        assert (found["Body"].read(), found["ChecksumCRC32"]) == (data, checksum)
        assert "ContentEncoding" not in found
    else:
        assert (status, "BadDigest" in text) == (400, True)
        assert client("s3").list_objects_v2(Bucket="trailers", Prefix="False")["KeyCount"] == 0


@pytest.mark.parametrize("end", [b"", b"x-amz-checksum-sha1:AAAA\r\n", b"x-amz-checksum-crc32:AAAAAA=="])
def test_an_upload_without_the_trailer_that_it_announces_leaves_nothing(
    send: Callable[..., tuple[int, str]], client: Callable[..., Any], end: bytes
) -> None:
    client("s3").create_bucket(Bucket="no-trailers")
    headers = signed(
        "s3",
        **{
            "Content-Encoding": "aws-chunked",
            "X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "X-Amz-Trailer": "x-amz-checksum-crc32",
        },
    )
    status, text = send("PUT", "/no-trailers/object", b"4\r\ndata\r\n0\r\n" + end, headers)
    assert (status, "MalformedTrailerError" in text or "IncompleteBody" in text) == (400, True), text
    assert client("s3").list_objects_v2(Bucket="no-trailers")["KeyCount"] == 0


def test_a_wrong_md5_and_a_cut_upload_leave_nothing(
    send: Callable[..., tuple[int, str]], client: Callable[..., Any], node: Any
) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="cut-uploads")
    wrong = base64.b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode()
    status, text = send("PUT", "/cut-uploads/wrong", b"data", signed("s3", **{"Content-MD5": wrong}))
    assert (status, "BadDigest" in text) == (400, True)
    with socket.create_connection(("127.0.0.1", node.port)) as raw:
        head = "PUT /cut-uploads/cut HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
        raw.sendall(f"{head}Authorization: {signed('s3')['Authorization']}\r\n\r\nhalf".encode())
    assert s3.list_objects_v2(Bucket="cut-uploads")["KeyCount"] == 0


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls_work_until_they_have_expired(client: Callable[..., Any], version: str) -> None:
    s3 = client("s3", config=Config(signature_version=version))
    s3.create_bucket(Bucket="presigned")
    place = {"Bucket": "presigned", "Key": "a b"}
    url = s3.generate_presigned_url("put_object", Params=place, ExpiresIn=60)
    urllib.request.urlopen(urllib.request.Request(url, version.encode(), method="PUT"))
    url = s3.generate_presigned_url("get_object", Params=place, ExpiresIn=60)
    assert urllib.request.urlopen(url).read() == version.encode()
    old = re.sub(r"(?<=&Expires=)\d+", "1", url).replace("X-Amz-Date=20", "X-Amz-Date=19")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(old)
    assert refused.value.code == 403
    assert b"Request has expired" in refused.value.read()


def test_the_host_may_name_the_bucket(
    send: Callable[..., tuple[int, str]], client: Callable[..., Any]
) -> None:
    client("s3").create_bucket(Bucket="by-host")
    client("s3").put_object(Bucket="by-host", Key="deep/key", Body=b"found")
    for host in ("by-host.localhost:4566", "by-host.s3.localhost", "by-host.s3.us-east-1.localhost"):
        assert send("GET", "/deep/key", b"", signed("s3", Host=host)) == (200, "found")


def package(*entries: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (b"no zip at all", "Could not unzip uploaded file"),
        (package(("../outside.py", b"")), "Could not unzip uploaded file"),
        (package(("/outside.py", b"")), "Could not unzip uploaded file"),
        (package(("bomb", b"\0" * 263_000_000)), "Unzipped size must be smaller than 262144000 bytes"),
    ],
    ids=["no zip", "above", "absolute", "bomb"],
)
def test_hostile_packages_make_no_function(client: Callable[..., Any], code: bytes, told: str) -> None:
    iam = client("iam")
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="hostile", AssumeRolePolicyDocument=TRUST)
    function = {
        "FunctionName": "hostile",
        "Runtime": "python3.12",
        "Handler": "app.handler",
        "Role": "arn:aws:iam::000000000000:role/hostile",
    }
    with pytest.raises(ClientError, match=told):
        client("lambda").create_function(**function, Code={"ZipFile": code})
    with pytest.raises(ClientError, match="ResourceNotFound"):
        client("lambda").get_function(FunctionName="hostile")


GROUP = {"Type": "AWS::Logs::LogGroup"}


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{", "Template format error: JSON not well-formed"),
        ("a: &b [*b]", "YAML aliases are not allowed"),
        ({"Resources": {}}, "At least one Resources member must be defined"),
        (
            {"Resources": {"A": {**GROUP, "DependsOn": "B"}, "B": {**GROUP, "DependsOn": "A"}}},
            "Circular dependency",
        ),
        (
            {"Resources": {"A": {**GROUP, "Properties": {"LogGroupName": {"Ref": "No"}}}}},
            "Unresolved resource",
        ),
        ({"Resources": {"A": {**GROUP, "Properties": {"LogGroupName": {"Fn::Join": "x"}}}}}, "Fn::Join"),
        ({"Resources": {"A": {"Type": "AWS::Made::Up"}}}, "AWS::Made::Up"),
    ],
)
def test_templates_that_cannot_be(client: Callable[..., Any], template: Any, told: str) -> None:
    body = template if isinstance(template, str) else json.dumps(template)
    with pytest.raises(ClientError) as refused:
        client("cloudformation").create_stack(StackName="cannot-be", TemplateBody=body)
    assert told in refused.value.response["Error"]["Message"]
    with pytest.raises(ClientError, match="does not exist"):
        client("cloudformation").describe_stacks(StackName="cannot-be")


def test_of_two_deploys_of_one_stack_at_once_one_is_refused(client: Callable[..., Any]) -> None:
    def body(version: int) -> str:
        buses = {
            f"Bus{at}": {
                "Type": "AWS::Events::EventBus",
                "Properties": {"Name": f"race-{at}", "Description": f"version {version}"},
            }
            for at in range(20)
        }
        return json.dumps({"Resources": buses})

    def ended() -> str:
        status = str(
            client("cloudformation", account="777700009999").describe_stacks(StackName="race")["Stacks"][0][
                "StackStatus"
            ]
        )
        return "" if status.endswith("_IN_PROGRESS") else status

    client("cloudformation", account="777700009999").create_stack(StackName="race", TemplateBody=body(0))
    assert wait_for(ended) == "CREATE_COMPLETE"
    answers: list[str] = []
    barrier = threading.Barrier(4)

    def update(version: int) -> None:
        cloudformation = client("cloudformation", account="777700009999")
        barrier.wait()
        try:
            cloudformation.update_stack(StackName="race", TemplateBody=body(version))
            answers.append("taken")
        except ClientError as error:
            answers.append(error.response["Error"]["Message"])

    threads = [threading.Thread(target=update, args=(version,)) for version in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wait_for(ended) == "UPDATE_COMPLETE"
    assert "taken" in answers
    assert all(answer == "taken" or "can not be updated" in answer for answer in answers), answers
    described = {
        client("events", account="777700009999").describe_event_bus(Name=f"race-{at}")["Description"]
        for at in range(20)
    }
    assert len(described) == 1
