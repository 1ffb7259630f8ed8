"""Links and forms: each single change is refused, and so is what is over or not yet valid.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html (version 2) and
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.auth
import pytest
import urllib3
from botocore.config import Config

from nodes import RunningNode
from signed_requests import Key, Request, new_user_key, send, sign

WHO = "/?Action=GetCallerIdentity&Version=2011-06-15"


@pytest.fixture(scope="module")
def key(node: RunningNode) -> Key:
    return new_user_key(node, f"linker-{uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="module")
def session_key(node: RunningNode, key: Key) -> Key:
    issued = node.client("sts", **key.options).get_session_token()["Credentials"]
    return Key(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])


@pytest.fixture(scope="module")
def bucket(node: RunningNode) -> str:
    name = f"links-{uuid.uuid4().hex[:8]}"
    node.client("s3").create_bucket(Bucket=name)
    for at in ("a b", "other"):
        node.client("s3").put_object(Bucket=name, Key=at, Body=at.encode(), Tagging="a=b")
    return name


def link(
    node: RunningNode, key: Key, bucket: str, version: str, operation: str = "get_object", **params: Any
) -> Request:
    config = Config(signature_version=version, s3={"addressing_style": "path"})
    s3 = node.client("s3", config=config, **key.options)
    wanted = {"Bucket": bucket, "Key": "a b", **params}
    parts = urlsplit(s3.generate_presigned_url(operation, Params=wanted, ExpiresIn=60))
    return Request("PUT" if operation.startswith("put") else "GET", f"{parts.path}?{parts.query}")


def changed(old: str, new: str) -> Callable[[Request], Request]:
    def change(request: Request) -> Request:
        assert old in request.target
        return replace(request, target=request.target.replace(old, new, 1))

    return change


CHANGES: dict[str, tuple[Callable[[Request], Request], str]] = {
    "method": (lambda one: replace(one, method="DELETE"), "SignatureDoesNotMatch"),
    "key": (changed("a%20b", "other"), "SignatureDoesNotMatch"),
    "subresource": (lambda one: replace(one, target=one.target + "&tagging"), "SignatureDoesNotMatch"),
    "version of the object": (
        lambda one: replace(one, target=one.target + "&versionId=null"),
        "SignatureDoesNotMatch",
    ),
    "x-amz header": (lambda one: one.having(x_amz_request_payer="requester"), "403"),
}
CHANGES_V4: dict[str, tuple[Callable[[Request], Request], str]] = {
    "host": (lambda one: one.having(host="127.0.0.1:1"), "SignatureDoesNotMatch"),
    "signature": (
        lambda one: replace(one, target=one.target[:-4] + "0000"),
        "SignatureDoesNotMatch",
    ),
    "lifetime": (changed("X-Amz-Expires=60", "X-Amz-Expires=600"), "SignatureDoesNotMatch"),
    "lifetime: a month": (changed("X-Amz-Expires=60", "X-Amz-Expires=2592000"), "AuthorizationQueryParametersError"),
    "region": (changed("us-east-1", "eu-west-1"), "SignatureDoesNotMatch"),
    "terminator": (changed("aws4_request", "aws5_request"), "AuthorizationQueryParametersError"),
    "signed headers": (changed("SignedHeaders=host", "SignedHeaders=range"), "AccessDenied"),
    "algorithm": (changed("HMAC-SHA256", "HMAC-SHA1"), "AuthorizationQueryParametersError"),
    "SigV4A": (changed("HMAC-SHA256", "ECDSA-P256-SHA256"), "InvalidRequest"),
    "no date": (changed("X-Amz-Date", "X-Amz-Dote"), "AuthorizationQueryParametersError"),
    "any parameter": (lambda one: replace(one, target=one.target + "&any=1"), "SignatureDoesNotMatch"),
    **CHANGES,
}  # fmt: skip
CHANGES_V2: dict[str, tuple[Callable[[Request], Request], str]] = {
    "signature": (changed("Signature=", "Signature=A"), "SignatureDoesNotMatch"),
    "end": (changed("Expires=", "Expires=2"), "SignatureDoesNotMatch"),
    "no end": (changed("Expires=", "Expire="), "AccessDenied"),
    "attributes": (
        lambda one: replace(one, target=one.target + "&attributes"),
        "SignatureDoesNotMatch",
    ),
    "another end, by version 4": (
        lambda one: replace(
            one, target=one.target + "&X-Amz-Signature=a&X-Amz-Date=99990101T000000Z&X-Amz-Expires=9"
        ),
        "Only one auth mechanism allowed",
    ),
    **CHANGES,
}


@pytest.mark.parametrize("version", ["s3v4", "s3"])
@pytest.mark.parametrize("temporary", [False, True], ids=["user", "session"])
def test_a_link_is_accepted_with_any_unsigned_header_of_http(
    node: RunningNode, key: Key, session_key: Key, bucket: str, version: str, temporary: bool
) -> None:
    made = link(node, session_key if temporary else key, bucket, version)
    assert send(node, made.having(range="bytes=0-1", user_agent="me")) == (206, "a ")
    made = link(
        node, key, bucket, version, ResponseContentType="text/x y", ResponseContentDisposition='a; b="é"'
    )
    assert send(node, made) == (200, "a b")


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_the_host_may_name_the_bucket(node: RunningNode, key: Key, bucket: str, version: str) -> None:
    config = Config(signature_version=version, s3={"addressing_style": "virtual"})
    options = {**key.options, "region_name": "us-east-1", "config": config}
    s3 = boto3.client("s3", endpoint_url=f"http://localhost:{node.port}", **options)  # type: ignore[call-overload]
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b"}, ExpiresIn=60)
    parts = urlsplit(url)
    assert parts.netloc == f"{bucket}.localhost:{node.port}"
    made = Request("GET", f"{parts.path}?{parts.query}", {"Host": parts.netloc})
    assert send(node, made) == (200, "a b")
    for changed_one in (made.having(host=f"other.localhost:{node.port}"), changed("a%20b", "other")(made)):
        status, text = send(node, changed_one)
        assert (status, "SignatureDoesNotMatch" in text) == (403, True), text


@pytest.mark.parametrize("change", CHANGES_V4)
def test_each_change_of_a_link_is_refused(node: RunningNode, key: Key, bucket: str, change: str) -> None:
    make, code = CHANGES_V4[change]
    status, text = send(node, make(link(node, key, bucket, "s3v4")))
    assert 400 <= status < 500 and (code in text or code == str(status)), (status, text)


def test_one_request_has_one_authorization(node: RunningNode, key: Key, bucket: str) -> None:
    for version in ("s3v4", "s3"):
        made = link(node, key, bucket, version)
        signed = sign(node, key, "s3", "GET", made.target)
        status, text = send(node, signed)
        assert (status, "Only one auth mechanism allowed" in text) == (400, True), text


@pytest.mark.parametrize("change", CHANGES_V2)
def test_each_change_of_a_link_of_version_two_is_refused(
    node: RunningNode, key: Key, bucket: str, change: str
) -> None:
    make, code = CHANGES_V2[change]
    status, text = send(node, make(link(node, key, bucket, "s3")))
    assert 400 <= status < 500 and (code in text or code == str(status)), (status, text)


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_link_to_put_has_any_body_and_the_signed_headers(
    node: RunningNode, key: Key, bucket: str, version: str
) -> None:
    made = link(node, key, bucket, version, "put_object", Metadata={"owner": "me"}, ContentType="text/x")
    right = made.having(x_amz_meta_owner="me", content_type="text/x")
    assert send(node, replace(right, body=b"any"))[0] == 200
    if version == "s3v4":
        for wrong in (right.having(x_amz_meta_owner="you"), right.having(x_amz_meta_owner=None),
                      right.having(content_type="text/y"), right.having(x_amz_tagging="a=b")):  # fmt: skip
            status, text = send(node, replace(wrong, body=b"other"))
            assert status == 403, text
    assert node.client("s3").get_object(Bucket=bucket, Key="a b")["Body"].read() == b"any"
    node.client("s3").put_object(Bucket=bucket, Key="a b", Body=b"a b")


def test_links_of_other_services(node: RunningNode, key: Key) -> None:
    made = sign(node, key, "sts", "GET", WHO, seconds=60)
    assert send(node, made)[0] == 200
    for change, code in [
        (changed("GetCallerIdentity", "GetSessionToken"), "SignatureDoesNotMatch"),
        (changed("X-Amz-Expires=60", "X-Amz-Expires=61"), "SignatureDoesNotMatch"),
        (changed("X-Amz-Expires=60", "X-Amz-Expires=0"), "SignatureDoesNotMatch"),
        (changed("&X-Amz-Signature=", "&X-Amz-Sig="), "must include 'X-Amz-Signature'"),
        (lambda one: replace(one, body=b"x"), "SignatureDoesNotMatch"),
        (lambda one: replace(one, method="POST"), "SignatureDoesNotMatch"),
    ]:
        status, text = send(node, change(made))
        assert 400 <= status < 500 and code in text, text


def at(monkeypatch: pytest.MonkeyPatch, **delta: float) -> None:
    """Let boto3 sign at another time."""
    moment = datetime.now(UTC) + timedelta(**delta)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *args, **kwargs: moment)


@pytest.mark.parametrize(
    ("minutes", "service", "method", "target", "seconds", "due"),
    [
        (-4, "sts", "GET", WHO, None, ""),
        (4, "sts", "GET", WHO, None, ""),
        (-6, "sts", "GET", WHO, None, "Signature expired: "),
        (6, "sts", "GET", WHO, None, "Signature not yet current: "),
        (-14, "s3", "GET", "/", None, ""),
        (-16, "s3", "GET", "/", None, "RequestTimeTooSkewed"),
        (16, "s3", "GET", "/", None, "RequestTimeTooSkewed"),
        (-20, "sts", "GET", WHO, 1800, ""),
        (-20, "sts", "GET", WHO, 900, "Signature expired: "),
        (6, "sts", "GET", WHO, 900, "Signature not yet current: "),
        (-20, "s3", "GET", "/", 1800, ""),
        (-20, "s3", "GET", "/", 900, "Request has expired"),
        (16, "s3", "GET", "/", 900, "Request is not valid yet"),
    ],
)  # fmt: skip
def test_when_a_signature_is_valid(
    node: RunningNode,
    key: Key,
    monkeypatch: pytest.MonkeyPatch,
    minutes: int,
    service: str,
    method: str,
    target: str,
    seconds: int | None,
    due: str,
) -> None:
    at(monkeypatch, minutes=minutes)
    status, text = send(node, sign(node, key, service, method, target, seconds=seconds))
    assert (status == 200, due in text) == (due == "", True), text


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_the_signature_of_a_form(node: RunningNode, key: Key, bucket: str, version: str) -> None:
    s3 = node.client("s3", config=Config(signature_version=version), **key.options)

    def post(**fields: str) -> tuple[int, str]:
        form = s3.generate_presigned_post(bucket, "form", Conditions=[["starts-with", "$x-amz-meta-a", ""]])
        assert set(fields) <= set(form["fields"])
        whole = {**form["fields"], "x-amz-meta-a": "b", **fields, "file": ("f", b"data", "text/plain")}
        reply = urllib3.request("POST", form["url"], fields=whole, redirect=False)
        return reply.status, reply.data.decode()

    assert post()[0] == 204
    other = s3.generate_presigned_post(bucket, "other")["fields"]["policy"]
    wrong = [{"policy": other}]
    if version == "s3v4":
        wrong += [
            {"x-amz-signature": "0" * 64},
            {"x-amz-date": "20200101T000000Z"},
            {"x-amz-algorithm": "AWS4"},
        ]
    else:
        wrong += [{"signature": "AAAA"}]
    for fields in wrong:
        status, text = post(**fields)
        assert status in (400, 403), text
