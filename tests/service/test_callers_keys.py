"""Whose a request is: a node that accepts only the keys that it issued, sessions that are over, tokens of other keys.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError

from node_databases import store_options
from nodes import RunningNode, clean_environment
from signed_requests import Key, Request, new_user_key, send, sign
from url_rig import HANDLER, ask, make, open_url

WHO = "/?Action=GetCallerIdentity&Version=2011-06-15"
UNKNOWN = Key("AKIAQAAAAAAAAAAAAAAA", "secret")
HOW = "`nightbus env`"
CODES = {
    "events": "UnrecognizedClientException",
    "sts": "InvalidClientTokenId",
    "lambda": "UnrecognizedClientException",
    "s3": "InvalidAccessKeyId",
    "cloudformation": "InvalidClientTokenId",
    "logs": "UnrecognizedClientException",
    "sqs": "InvalidClientTokenId",
}
CALLS = {
    "events": "list_event_buses",
    "sts": "get_caller_identity",
    "lambda": "list_functions",
    "s3": "list_buckets",
    "cloudformation": "list_stacks",
    "logs": "describe_log_groups",
    "sqs": "list_queues",
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path_factory.mktemp("strict") / "data", dev_credentials=False)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def user(strict: RunningNode) -> Key:
    return new_user_key(strict, "somebody")


def error(strict: RunningNode, service: str, key: Key) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        getattr(strict.client(service, **key.options), CALLS[service])()
    told = refused.value.response["Error"]
    return str(told["Code"]), str(told["Message"])


@pytest.mark.parametrize("service", CODES)
@pytest.mark.parametrize(
    "key",
    [
        UNKNOWN,
        Key("000000000000", "test"),
        Key("test", "test"),
        Key("ASIAQAAAAAAAAAAAAAAA", "x", "of nobody"),
    ],
    ids=["AKIA", "account", "word", "session"],
)
def test_an_unknown_key_is_refused_and_told_how_to_get_one(
    strict: RunningNode, service: str, key: Key
) -> None:
    code, text = error(strict, service, key)
    assert code == CODES[service]
    assert HOW in text and "--dev-credentials" in text


@pytest.mark.parametrize("service", CODES)
def test_a_wrong_secret_is_refused(strict: RunningNode, user: Key, service: str) -> None:
    code, text = error(strict, service, replace(user, secret=user.secret[:-1]))
    assert code in ("SignatureDoesNotMatch", "InvalidSignatureException")
    assert user.secret[:-1] not in text and HOW not in text
    getattr(strict.client(service, **user.options), CALLS[service])()


def test_a_large_body_of_an_unknown_key_is_not_read(strict: RunningNode) -> None:
    headers = {"X-Amz-Target": "AWSEvents.PutEvents", "Content-Type": "application/x-amz-json-1.1"}
    request = sign(strict, UNKNOWN, "events", "POST", "/", b" " * 1_000_000, headers)
    request = request.having(content_length=str(10_000_000))  # the answer does not wait for the rest
    status, text = send(strict, request)
    assert (status, "UnrecognizedClientException" in text) == (400, True)


def test_a_key_that_was_made_inactive_or_deleted(strict: RunningNode) -> None:
    key, iam = new_user_key(strict, "leaving"), strict.client("iam")
    sts = strict.client("sts", **key.options)
    sts.get_caller_identity()
    iam.update_access_key(UserName="leaving", AccessKeyId=key.id, Status="Inactive")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        sts.get_caller_identity()
    iam.update_access_key(UserName="leaving", AccessKeyId=key.id, Status="Active")
    sts.get_caller_identity()
    iam.delete_access_key(UserName="leaving", AccessKeyId=key.id)
    with pytest.raises(ClientError, match=r"InvalidClientTokenId.*nightbus env"):
        sts.get_caller_identity()


def test_a_session_needs_its_own_token_and_secret(strict: RunningNode, user: Key) -> None:
    def begun() -> Key:
        issued = strict.client("sts", **user.options).get_session_token(DurationSeconds=900)["Credentials"]
        return Key(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])

    one, other = begun(), begun()
    strict.client("events", **one.options).list_event_buses()
    flipped = one.token[:50] + ("A" if one.token[50] != "A" else "B") + one.token[51:]
    for service, wrong, code in [
        ("events", replace(one, token=other.token), "UnrecognizedClientException"),
        ("s3", replace(one, token=other.token), "InvalidToken"),
        ("events", replace(one, token=""), "UnrecognizedClientException"),
        ("events", replace(one, token=flipped), "UnrecognizedClientException"),
        ("events", replace(one, secret=other.secret), "InvalidSignatureException"),
        ("events", replace(user, token=one.token), "UnrecognizedClientException"),
        ("s3", replace(user, token=one.token), "InvalidToken"),
    ]:
        assert error(strict, service, wrong)[0] == code, (service, wrong)


def test_a_token_that_is_not_signed_is_refused(strict: RunningNode, user: Key) -> None:
    issued = strict.client("sts", **user.options).get_session_token()["Credentials"]
    key = Key(issued["AccessKeyId"], issued["SecretAccessKey"])
    request = sign(strict, key, "events", "POST", "/", b"{}", {"X-Amz-Target": "AWSEvents.ListEventBuses"})
    status, text = send(strict, request.having(x_amz_security_token=issued["SessionToken"]))
    assert (status, "'x-amz-security-token' must be a 'SignedHeader'" in text) == (400, True), text


@pytest.mark.parametrize(
    ("authorization", "due"),
    [
        ("Bearer abc", "not a valid key=value pair"),
        ("AWS AKIAQ:abc", "not a valid key=value pair"),
        ("AWS4-HMAC-SHA256", "MissingAuthenticationToken"),
        ("", "MissingAuthenticationToken"),
    ],
)
def test_other_authorizations(strict: RunningNode, authorization: str, due: str) -> None:
    headers = {"X-Amz-Target": "AWSEvents.ListEventBuses", "Authorization": authorization}
    request = sign(strict, UNKNOWN, "events", "POST", "/", b"{}").having(
        **{name.lower().replace("-", "_"): value for name, value in headers.items()}
    )
    status, text = send(strict, request)
    assert 400 <= status < 500
    assert due in text or "IncompleteSignature" in text or "UnrecognizedClient" in text, text


def test_function_urls_verify_who_asks(strict: RunningNode) -> None:
    from botocore.auth import SigV4Auth, SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    from lambda_rig import code

    key = strict.key()
    name = make(strict.client, code(HANDLER))
    url = open_url(strict.client, name, AuthType="AWS_IAM")

    def status(signer: Any, secret: str, *, sent: bytes = b"") -> tuple[int, str]:
        request: Any = AWSRequest("POST", url, data=b"signed" if signer is SigV4Auth else b"")
        signer(Credentials(key.id, secret), "lambda", "us-east-1").add_auth(request)
        path = "/" + request.prepare().url.split("/", 3)[3]
        response = ask(strict, url, "POST", path, sent or request.data, dict(request.headers))
        return response.status, response.body.decode()

    for signer in (SigV4Auth, SigV4QueryAuth):
        assert status(signer, key.secret)[0] == 200
        for wrong in ({"secret": "wrong"}, {"secret": key.secret, "sent": b"other"}):
            found, told = status(signer, **wrong)
            assert (found, "signature" in told) == (403, True), told
    unknown: Any = AWSRequest("GET", url)
    SigV4Auth(Credentials("000000000000", "x"), "lambda", "us-east-1").add_auth(unknown)
    response = ask(strict, url, "GET", "/", headers=dict(unknown.headers))
    assert (response.status, HOW in response.json["Message"]) == (403, True)


def test_the_id_of_the_administrators_key_opens_nothing(strict: RunningNode) -> None:
    """An id is no secret: it is in links, in errors and in the trail."""
    key, now = strict.key(), datetime.now(UTC)
    stamp, s3 = now.strftime("%Y%m%dT%H%M%SZ"), strict.client("s3")
    s3.create_bucket(Bucket="closed")
    s3.put_object(Bucket="closed", Key="k", Body=b"text")
    scope = f"{key.id}/{stamp[:8]}/us-east-1/{{}}/aws4_request"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    link = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}&X-Amz-Date={}&X-Amz-Expires=60"
    link += "&X-Amz-SignedHeaders=host"
    version_2 = f"AWSAccessKeyId={key.id}&Signature=AAAA&SignatureVersion=2&SignatureMethod=HmacSHA256"
    header = {"X-Amz-Date": stamp, "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    attempts = [
        ("GET", f"/closed/k?{link.format(scope.format('s3'), stamp)}", {}, b""),
        ("GET", f"/closed/k?{link.format(scope.format('s3'), stamp)}&X-Amz-Signature=", {}, b""),
        ("GET", f"/closed/k?{link.format(scope.format('s3'), stamp)}&X-Amz-Signature={'0' * 64}", {}, b""),
        ("GET", f"/closed/k?AWSAccessKeyId={key.id}", {}, b""),
        ("GET", f"/closed/k?AWSAccessKeyId={key.id}&Signature=&Expires=9999999999", {}, b""),
        ("GET", "/closed/k", {**header, "Authorization": f"AWS {key.id}:AAAA"}, b""),
        ("GET", "/closed/k", {**header, "Authorization": f"AWS4-HMAC-SHA256 Credential={scope.format('s3')}"}, b""),
        ("GET", "/closed/k", {**header, "Authorization": f"AWS4-ECDSA-P256-SHA256 Credential={key.id}/{stamp[:8]}/s3/"
         "aws4_request, SignedHeaders=host, Signature=00", "X-Amz-Region-Set": "*"}, b""),
        ("GET", "/closed/k", {}, b""),
        ("GET", "/closed/k?x-amz-credential=" + scope.format("s3"), {}, b""),
        ("GET", f"/?Action=ListUsers&Version=2010-05-08&{version_2}", {}, b""),
        ("POST", "/", form, f"Action=ListUsers&Version=2010-05-08&{version_2}".encode()),
        ("GET", f"/?Action=ListUsers&Version=2010-05-08&{link.format(scope.format('iam'), stamp)}", {}, b""),
        ("POST", "/", {**form, "Authorization": f"Credential={scope.format('iam')}"},
         b"Action=ListUsers&Version=2010-05-08"),
        ("POST", "/", {"X-Amz-Target": "AWSEvents.ListEventBuses", "X-Amz-Date": stamp, "Authorization":
         f"AWS4-HMAC-SHA256 Credential={scope.format('events')}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"},
         b"{}"),
    ]  # fmt: skip
    for method, target, headers, body in attempts:
        status, text = send(strict, Request(method, target, headers, body))
        assert 400 <= status < 500, (method, target, headers, text)
    for fields in (
        {"key": "new", "policy": "e30=", "AWSAccessKeyId": key.id},
        {"key": "new", "policy": "e30=", "AWSAccessKeyId": key.id, "signature": ""},
        {"key": "new", "policy": "e30=", "x-amz-credential": scope.format("s3"), "x-amz-date": stamp},
    ):
        whole: dict[str, Any] = {**fields, "file": ("f", b"data", "text/plain")}
        reply = urllib3.request("POST", f"{strict.endpoint}/closed", fields=whole, redirect=False)
        assert 400 <= reply.status < 500, reply.data
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="closed")["Contents"]] == ["k"]


def test_the_root_user_sees_the_key_that_it_uses(strict: RunningNode) -> None:
    """The keys of an account's root have no user name:
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html
    """
    iam = strict.client("iam")
    (key,) = iam.list_access_keys()["AccessKeyMetadata"]
    assert (key["AccessKeyId"], key["Status"], "UserName" in key) == (strict.key().id, "Active", False)
    assert iam.get_user()["User"]["CreateDate"] == key["CreateDate"]


def test_the_root_user_makes_switches_and_deletes_its_own_keys(strict: RunningNode, user: Key) -> None:
    """A request without UserName is about who signed it, the root too:
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html
    """
    iam = strict.client("iam")
    made = iam.create_access_key()["AccessKey"]
    key = Key(made["AccessKeyId"], made["SecretAccessKey"])
    second = strict.client("sts", **key.options)
    assert second.get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"
    assert "UserName" not in made
    with pytest.raises(iam.exceptions.LimitExceededException, match="AccessKeysPerUser: 2"):
        iam.create_access_key()
    assert iam.get_access_key_last_used(AccessKeyId=key.id)["AccessKeyLastUsed"]["ServiceName"] == "sts"
    with pytest.raises(iam.exceptions.NoSuchEntityException):  # a user's key is not the root's
        iam.delete_access_key(AccessKeyId=user.id)
    iam.update_access_key(AccessKeyId=key.id, Status="Inactive")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        second.get_caller_identity()
    iam.delete_access_key(AccessKeyId=key.id)
    assert [one["AccessKeyId"] for one in iam.list_access_keys()["AccessKeyMetadata"]] == [strict.key().id]


def test_a_temporary_key_without_its_token_says_what_it_needs(strict: RunningNode, user: Key) -> None:
    issued = strict.client("sts", **user.options).get_session_token()["Credentials"]
    bare = Key(issued["AccessKeyId"], issued["SecretAccessKey"])
    code, text = error(strict, "sqs", bare)
    assert (code, "AWS_SESSION_TOKEN" in text, HOW in text) == ("InvalidClientTokenId", True, False)


def test_a_session_whose_role_is_gone_is_refused_in_the_words_of_the_service(strict: RunningNode) -> None:
    iam = strict.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="gone", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    issued = strict.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    key = Key(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])
    iam.delete_role(RoleName="gone")
    codes = {service: error(strict, service, key)[0] for service in CODES}
    assert codes == {**CODES, "s3": "InvalidToken"}


def test_doctor_knows_roles_by_names_with_capitals(strict: RunningNode) -> None:
    def doctor() -> str:
        assert strict.folder is not None
        command = ["nightbus", "doctor", *store_options(strict.folder)]
        return subprocess.run(
            command, env=clean_environment(), capture_output=True, text=True, timeout=60
        ).stdout

    iam = strict.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="OfRules", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    strict.client("events").put_rule(Name="named", EventPattern='{"source": ["x"]}', RoleArn=arn)
    assert "does not exist" not in doctor()
    iam.delete_role(RoleName="OfRules")
    assert f"role {arn} does not exist, so it is refused to rule named" in doctor()
