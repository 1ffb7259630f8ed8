"""Each single change of a signed request is refused with AWS's code, in every protocol and way of signing.

Source of the codes: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import re
import socket
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from nodes import RunningNode
from signed_requests import Key, Request, new_user_key, send, sign

JSON = {"Content-Type": "application/x-amz-json-1.1"}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
ABSENT = ("ec2", "cbor")
MISMATCH = "The request signature we calculated does not match the signature you provided"
# service, method, target, body, headers; the codes of a mismatch, an incomplete signature, an unknown key; the status
REQUESTS: dict[str, tuple[Any, ...]] = {
    "json": (
        "events", "POST", "/", b'{"NamePrefix": "x"}', {**JSON, "X-Amz-Target": "AWSEvents.ListEventBuses"},
        "InvalidSignatureException", "IncompleteSignatureException", "UnrecognizedClientException", 400,
    ),
    "query": (
        "sts", "POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15", FORM,
        "SignatureDoesNotMatch", "IncompleteSignature", "InvalidClientTokenId", 403,
    ),
    "query by GET": (
        "iam", "GET", "/?Action=ListUsers&Version=2010-05-08", b"", {},
        "SignatureDoesNotMatch", "IncompleteSignature", "InvalidClientTokenId", 403,
    ),
    "sqs-query": (
        "sqs", "POST", "/", b"Action=ListQueues&Version=2012-11-05", FORM,
        "SignatureDoesNotMatch", "IncompleteSignature", "InvalidClientTokenId", 403,
    ),
    "sqs": (  # with JSON
        "sqs", "POST", "/", b"{}",
        {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.ListQueues"},
        "InvalidSignatureException", "IncompleteSignatureException", "UnrecognizedClientException", 403,
    ),
    "ec2": (  # a service that Nightbus does not have
        "ec2", "POST", "/", b"Action=DescribeVpcs&Version=2016-11-15", FORM,
        "SignatureDoesNotMatch", "IncompleteSignature", "InvalidClientTokenId", 403,
    ),
    "cbor": (
        "monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/ListDashboards", b"\xa0",
        {"Smithy-Protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"},
        "InvalidSignatureException", "IncompleteSignatureException", "UnrecognizedClientException", 400,
    ),
    "rest-json": (
        "lambda", "GET", "/2015-03-31/functions/?MaxItems=5", b"", {"X-Amz-Meta-Test": "a  b"},
        "InvalidSignatureException", "IncompleteSignatureException", "UnrecognizedClientException", 403,
    ),
    "rest-xml": (
        "s3", "GET", "/?prefix=x&max-buckets=5", b"", {"X-Amz-Meta-Test": "a  b"},
        "SignatureDoesNotMatch", "AuthorizationHeaderMalformed", "InvalidAccessKeyId", 403,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def key(node: RunningNode) -> Key:
    return new_user_key(node, f"signer-{uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="module")
def session_key(node: RunningNode, key: Key) -> Key:
    """The temporary key of a session of a role."""
    iam, name = node.client("iam"), f"signing-{uuid.uuid4().hex[:8]}"
    trust = '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}]}'
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    policy = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy)
    issued = node.client("sts", **key.options).assume_role(RoleArn=role, RoleSessionName="session")[
        "Credentials"
    ]
    return Key(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])


def scope_of(request: Request) -> str:
    found = re.search(r"Credential=([^,]+),", request.headers["Authorization"])
    assert found is not None
    return found[1]


# Each makes another request of a signed one. The second value says which code is due: of a mismatch (m), of an
# incomplete signature (i), of an unknown key (k); of S3 where it is another one.
MUTATIONS: dict[str, tuple[Callable[[Request], Request], str, str]] = {
    "method": (lambda one: replace(one, method={"GET": "DELETE", "POST": "PUT"}[one.method]), "", ""),
    "path": (lambda one: replace(one, target=one.target.replace("/", "/%61", 1)), "", ""),
    "query": (lambda one: replace(one, target=f"{one.target}{'&' if '?' in one.target else '?'}a=b"), "m", "m"),
    "body": (lambda one: replace(one, body=one.body + b" "), "m", "XAmzContentSHA256Mismatch"),
    "date: no date": (lambda one: one.having(x_amz_date="20261301T000000Z"), "i", "AccessDenied"),
    "host": (lambda one: one.having(host="127.0.0.1:1"), "m", "m"),
    "unsigned header": (lambda one: one.having(x_amz_acl="public-read"), "m", "AccessDenied"),
    "no date": (lambda one: one.having(x_amz_date=None), "i", "AccessDenied"),
    "date by a second": (
        lambda one: one.having(x_amz_date=(
            datetime.strptime(one.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ") + timedelta(seconds=1)
        ).strftime("%Y%m%dT%H%M%SZ")), "m", "m",
    ),
    "date long ago": (lambda one: one.having(x_amz_date="20200101T000000Z"), "m", "AuthorizationHeaderMalformed"),
    "scope: date": (lambda one: one.with_authorization(one.headers["X-Amz-Date"][:8], "20200101"), "m", "i"),
    "scope: region": (lambda one: one.with_authorization("us-east-1", "eu-west-1"), "m", "m"),
    "scope: no region": (lambda one: one.with_authorization("/us-east-1/", "/US_EAST/"), "m", "i"),
    "scope: terminator": (lambda one: one.with_authorization("aws4_request", "aws5_request"), "m", "i"),
    "scope: too short": (lambda one: one.with_authorization("/aws4_request", ""), "i", "i"),
    "key: unknown": (lambda one: one.with_authorization(scope_of(one).split("/")[0], "AKIA" + "A" * 16), "k", "k"),
    "signature": (lambda one: one.with_authorization(one.headers["Authorization"][-4:], "0000"), "m", "m"),
    "signature: empty": (lambda one: one.with_authorization(one.headers["Authorization"][-64:], ""), "i", "i"),
    "signed headers: fewer": (lambda one: one.with_authorization("host;", ""), "m", "AccessDenied"),
    "signed headers: more": (lambda one: one.with_authorization("host;", "host;range;"), "m", "m"),
    "algorithm": (lambda one: one.with_authorization("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), "i", "InvalidRequest"),
    "algorithm: SigV4A": (
        lambda one: one.with_authorization("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), "i", "InvalidRequest"
    ),
}  # fmt: skip


@pytest.mark.parametrize("protocol", REQUESTS)
@pytest.mark.parametrize("temporary", [False, True], ids=["user", "session"])
def test_a_signed_request_is_accepted(
    node: RunningNode, key: Key, session_key: Key, protocol: str, temporary: bool
) -> None:
    service, method, target, body, headers, *_ = REQUESTS[protocol]
    status, text = send(
        node, sign(node, session_key if temporary else key, service, method, target, body, headers)
    )
    assert status == (501 if protocol in ABSENT else 200), text


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("protocol", REQUESTS)
def test_each_change_of_a_signed_request_is_refused(
    node: RunningNode, key: Key, protocol: str, mutation: str
) -> None:
    service, method, target, body, headers, mismatch, incomplete, unknown, status = REQUESTS[protocol]
    change, code, s3_code = MUTATIONS[mutation]
    changed = change(sign(node, key, service, method, target, body, headers))
    found, text = send(node, changed)
    due = s3_code if service == "s3" else code
    due = {"m": mismatch, "i": incomplete, "k": unknown}.get(due, due)
    if code == "k":  # this node accepts keys that it does not know
        assert found in (200, 501), text
        return
    assert 400 <= found < 500, text
    assert due in text, text
    if due == mismatch:
        assert found == status


@pytest.mark.parametrize("service", ["sqs", "s3", "lambda", "execute-api"])
def test_a_signature_for_another_service_is_refused(node: RunningNode, key: Key, service: str) -> None:
    headers = {**JSON, "X-Amz-Target": "AWSEvents.ListEventBuses"}
    request = sign(node, key, service, "POST", "/", b"{}", headers)
    status, text = send(node, request)
    assert (status, "Credential should be scoped to correct service: 'events'." in text) == (400, True), text


def test_a_date_in_the_format_of_http_is_one(node: RunningNode, key: Key) -> None:
    service, method, target, body, headers, *_ = REQUESTS["query"]
    request = sign(node, key, service, method, target, body, {**headers, "Date": "any"})
    assert "x-amz-date" not in {name.lower() for name in request.headers}
    assert send(node, request)[0] == 200
    status, text = send(node, request.having(date="Sun, 29 Nov 2020 07:00:00 GMT"))
    assert (status, "SignatureDoesNotMatch" in text) == (403, True)


def test_a_repeated_header_is_signed_with_all_its_values(node: RunningNode, key: Key) -> None:
    """Of two values a service sees one, and the signature has both."""
    headers = {**JSON, "X-Amz-Target": "AWSEvents.ListEventBuses"}
    request = sign(node, key, "events", "POST", "/", b"{}", headers)
    twice = replace(request, headers={**request.headers, "x-amz-target": "AWSEvents.DeleteRule"})
    status, text = send(node, twice)
    assert (status, "InvalidSignatureException" in text) == (400, True), text
    assert "AWSEvents.ListEventBuses,AWSEvents.DeleteRule" in text


def test_a_path_that_is_not_normalised_is_no_operation(node: RunningNode, key: Key) -> None:
    """Its signature is that of the normalised path, which may be another operation's."""
    for path in ("/2015-03-31/functions/x/../", "/2015-03-31//functions/", "/./2015-03-31/functions/"):
        request = sign(node, key, "lambda", "GET", "/2015-03-31/functions/")
        assert send(node, replace(request, target=path))[0] == 404


def test_a_request_has_one_authorization_header(node: RunningNode, key: Key) -> None:
    for name in REQUESTS:
        service, method, target, body, headers, _, incomplete, *_ = REQUESTS[name]
        request = sign(node, key, service, method, target, body, headers)
        for other in ("Bearer x", request.headers["Authorization"]):
            status, text = send(node, replace(request, headers={"authorization": other, **request.headers}))
            assert (status, incomplete in text) == (400, True), text


def test_a_credential_without_a_key_is_not_anonymous(node: RunningNode, key: Key) -> None:
    request = sign(node, key, "s3", "GET", "/any/object")
    status, text = send(node, request.with_authorization(key.id, ""))
    assert (status, "InvalidAccessKeyId" in text) == (403, True), text


def test_trailers_are_no_headers(node: RunningNode, key: Key) -> None:
    """https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1"""
    service, method, target, body, headers, *_ = REQUESTS["query"]
    request = sign(node, key, service, method, target, body, headers)
    chunked = b"%x\r\n%b\r\n0\r\n" % (len(body), body)
    for trailer, status in (("authorization", 403), ("", 200)):
        sent = {"Host": f"127.0.0.1:{node.port}", **request.headers, "Transfer-Encoding": "chunked"}
        trailers = f"Authorization: {sent.pop('Authorization')}\r\n" if trailer else "X-Amz-Target: x\r\n"
        head = "".join(f"{name}: {value}\r\n" for name, value in {**sent, "Connection": "close"}.items())
        with socket.create_connection(("127.0.0.1", node.port), timeout=30) as connection:
            whole = (
                f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + chunked + f"{trailers}\r\n".encode()
            )
            connection.sendall(whole)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert int(answer.split()[1]) == status, answer
