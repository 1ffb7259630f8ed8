"""Bodies of uploads to S3: whole, in signed chunks, with trailers. A refused one leaves nothing behind.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and .../sigv4-streaming-trailers.html
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from nodes import RunningNode
from signed_requests import Key, Request, new_user_key, send, sign

CHUNKED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
DATA = bytes(range(256)) * 700  # of three chunks of 64 KiB
CHUNK = 65536
TRAILER = b"x-amz-meta-sum:of the data\n"
NOTHING = hashlib.sha256().hexdigest()


@pytest.fixture(scope="module")
def key(node: RunningNode) -> Key:
    return new_user_key(node, f"uploader-{uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="module")
def bucket(node: RunningNode) -> str:
    name = f"signed-{uuid.uuid4().hex[:8]}"
    node.client("s3").create_bucket(Bucket=name)
    return name


def derived(key: Key, date: str) -> bytes:
    made = f"AWS4{key.secret}".encode()
    for part in (date, "us-east-1", "s3", "aws4_request"):
        made = hmac.digest(made, part.encode(), hashlib.sha256)
    return made


def upload(
    node: RunningNode,
    key: Key,
    target: str,
    *,
    trailer: bool,
    change: Callable[[int, bytes], bytes] | None = None,
) -> Request:
    """A PUT in signed chunks. `change` gets each chunk with its head as it is sent, and its number."""
    claimed = f"{CHUNKED}-TRAILER" if trailer else CHUNKED
    headers = {
        "X-Amz-Content-SHA256": claimed,
        "X-Amz-Decoded-Content-Length": str(len(DATA)),
        "Content-Encoding": "aws-chunked",
        **({"X-Amz-Trailer": "x-amz-meta-sum"} if trailer else {}),
    }
    wire: Any = AWSRequest("PUT", node.endpoint + target, headers=headers)
    signer: Any = SigV4Auth(Credentials(key.id, key.secret), "s3", "us-east-1")
    signer.payload = lambda request: claimed
    signer.add_auth(wire)
    sent = {name: str(value) for name, value in wire.headers.items()}
    stamp, previous = sent["X-Amz-Date"], sent["Authorization"].rsplit("=", 1)[1]
    secret, scope = derived(key, stamp[:8]), f"{stamp[:8]}/us-east-1/s3/aws4_request"

    def signed(kind: str, *lines: str) -> str:
        text = "\n".join((f"AWS4-HMAC-SHA256-{kind}", stamp, scope, previous, *lines))
        return hmac.digest(secret, text.encode(), hashlib.sha256).hex()

    body, starts = b"", [*range(0, len(DATA), CHUNK), len(DATA)]
    for number, start in enumerate(starts):
        chunk = DATA[start : start + CHUNK]
        previous = signed("PAYLOAD", NOTHING, hashlib.sha256(chunk).hexdigest())
        part = (
            b"%x;chunk-signature=%s\r\n" % (len(chunk), previous.encode())
            + chunk
            + (b"\r\n" if chunk else b"")
        )
        body += part if change is None else change(number, part)
    if trailer:
        ending = TRAILER.replace(b"\n", b"\r\n")
        seal = (
            f"x-amz-trailer-signature:{signed('TRAILER', hashlib.sha256(TRAILER).hexdigest())}\r\n".encode()
        )
        body += ending + seal if change is None else change(9, ending + seal)
    return Request("PUT", target, sent, body + b"\r\n")


def stored(node: RunningNode, bucket: str) -> list[str]:
    return [one["Key"] for one in node.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.mark.parametrize("trailer", [False, True])
def test_signed_chunks_are_stored(node: RunningNode, key: Key, bucket: str, trailer: bool) -> None:
    status, text = send(node, upload(node, key, f"/{bucket}/kept", trailer=trailer))
    assert status == 200, text
    found = node.client("s3").get_object(Bucket=bucket, Key="kept")
    assert found["Body"].read() == DATA
    assert "ContentEncoding" not in found
    node.client("s3").delete_object(Bucket=bucket, Key="kept")


@pytest.mark.parametrize(
    "change",
    [
        lambda number, part: part[:-3] + b"!" + part[-2:] if number == 1 else part,
        lambda number, part: part.replace(b"chunk-signature=", b"chunk-signature=0", 1) if number == 0 else part,
        lambda number, part: b"" if number == 1 else part,
        lambda number, part: part.partition(b";")[0] + part[part.index(b"\r\n"):] if number == 2 else part,
        lambda number, part: b"0;chunk-signature=" + b"0" * 64 + b"\r\n" if number == 3 else part,
        lambda number, part: part.replace(b"of the data", b"of no data") if number == 9 else part,
        lambda number, part: b"" if number == 9 else part,
    ],
    ids=["data", "signature", "left out", "unsigned", "last one", "trailer", "no trailer"],
)  # fmt: skip
def test_a_changed_chunk_leaves_nothing(
    node: RunningNode, key: Key, bucket: str, change: Callable[[int, bytes], bytes]
) -> None:
    status, text = send(node, upload(node, key, f"/{bucket}/refused", trailer=True, change=change))
    assert status in (400, 403), text
    assert "SignatureDoesNotMatch" in text or "IncompleteBody" in text
    assert stored(node, bucket) == []


def test_what_follows_the_last_chunk_is_refused(node: RunningNode, key: Key, bucket: str) -> None:
    for trailer in (False, True):
        request = upload(node, key, f"/{bucket}/refused", trailer=trailer)
        status, text = send(node, replace(request, body=request.body + b"more"))
        assert (status, "IncompleteBody" in text) == (400, True), text
    assert stored(node, bucket) == []


def test_a_body_whose_hash_was_signed_has_no_chunks(node: RunningNode, key: Key, bucket: str) -> None:
    """Content-Encoding need not be signed, so that it cannot choose what of the body is verified."""
    request = sign(node, key, "s3", "PUT", f"/{bucket}/refused", DATA)
    for body in (b"4\r\nevil\r\n0\r\n\r\n", b"4\r\nevil\r\n0\r\n\r\n" + DATA):
        status, text = send(node, replace(request.having(content_encoding="aws-chunked"), body=body))
        assert (status, "XAmzContentSHA256Mismatch" in text) == (400, True), text
    assert stored(node, bucket) == []


def test_a_changed_body_leaves_nothing(node: RunningNode, key: Key, bucket: str) -> None:
    request = sign(node, key, "s3", "PUT", f"/{bucket}/refused", DATA)
    status, text = send(node, replace(request, body=DATA[:-1] + b"!"))
    assert (status, "XAmzContentSHA256Mismatch" in text) == (400, True), text
    status, text = send(node, request.having(x_amz_content_sha256="UNSIGNED-PAYLOAD"))
    assert (status, "SignatureDoesNotMatch" in text) == (403, True)
    assert stored(node, bucket) == []
    made = node.client("s3").create_multipart_upload(Bucket=bucket, Key="refused")["UploadId"]
    part = sign(node, key, "s3", "PUT", f"/{bucket}/refused?partNumber=1&uploadId={made}", DATA)
    status, text = send(node, replace(part, body=DATA[:-1] + b"!"))
    assert (status, "XAmzContentSHA256Mismatch" in text) == (400, True), text
    listed = node.client("s3").list_parts(Bucket=bucket, Key="refused", UploadId=made)
    assert listed.get("Parts", []) == []
    node.client("s3").abort_multipart_upload(Bucket=bucket, Key="refused", UploadId=made)


@pytest.mark.parametrize("ending", [b"0\r\n\r\n", b"0\r\n", b"0\r\n\r\nmore"], ids=["whole", "short", "more"])
def test_a_body_whose_hash_was_signed_cannot_become_chunks(
    node: RunningNode, key: Key, bucket: str, ending: bytes
) -> None:
    """Content-Encoding need not be signed, so that whoever changes the body may add it."""
    request = sign(node, key, "s3", "PUT", f"/{bucket}/refused", DATA)
    forged = replace(request.having(content_encoding="aws-chunked"), body=b"6\r\nforged\r\n" + ending)
    status, text = send(node, forged)
    assert (status, "XAmzContentSHA256Mismatch" in text) == (400, True), text
    assert stored(node, bucket) == []


@pytest.mark.parametrize("claimed", ["", "nonsense", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"])
def test_the_hash_of_a_body_is_needed(node: RunningNode, key: Key, bucket: str, claimed: str) -> None:
    request = sign(node, key, "s3", "PUT", f"/{bucket}/refused", DATA)
    status, text = send(node, request.having(x_amz_content_sha256=claimed or None))
    assert (status, "x-amz-content-sha256" in text) == (400, True), text
    assert stored(node, bucket) == []


def test_an_unsigned_body_is_taken_by_s3_alone(node: RunningNode, key: Key, bucket: str) -> None:
    unsigned = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    for service, target, due in [
        ("s3", f"/{bucket}/unsigned", 200),
        ("lambda", "/2015-03-31/event-source-mappings/", 403),
    ]:
        wire: Any = AWSRequest("PUT" if service == "s3" else "POST", node.endpoint + target, headers=unsigned)
        signer: Any = SigV4Auth(Credentials(key.id, key.secret), service, "us-east-1")
        signer.payload = lambda request: "UNSIGNED-PAYLOAD"
        signer.add_auth(wire)
        headers = {name: str(value) for name, value in wire.headers.items()}
        assert send(node, Request(wire.method, target, headers, b"anything"))[0] == due
    node.client("s3").delete_object(Bucket=bucket, Key="unsigned")
