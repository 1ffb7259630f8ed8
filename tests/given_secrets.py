"""Gives a node one of each kind of secret, and collects those that the node makes itself as it hands them out.

Each given secret is a text of its own that begins with `hush`, so that a search finds each of them, and says which.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from forwarding_rig import Elsewhere
from nodes import RunningNode
from waiting import wait_for

ACCOUNT = "000000000000"
MATERIAL = b"hush-key-material-of-32-bytes-00"
CODE = """
import json, os, urllib.request, boto3

def handler(event, context):
    if "credentials" in event:
        return [os.environ[name] for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]
    if "ResponseURL" not in event:
        return len(os.environ["PASSWORD"])
    answer = {
        "Status": "SUCCESS", "PhysicalResourceId": "custom", "StackId": event["StackId"], "NoEcho": True,
        "RequestId": event["RequestId"], "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"Answer": "-".join(["hush", "custom", "answer"])},
    }
    told = urllib.request.Request(os.environ["TELL"], json.dumps(event["ResponseURL"]).encode(), method="POST")
    urllib.request.urlopen(told)
    answering = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(answering)
"""
TRUST: dict[str, Any] = {"Version": "2012-10-17", "Statement": [
    {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com", "AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
    }
]}  # fmt: skip
Found = dict[str, bytes]


class Collected:
    """The secrets by their names, beside those that begin with `hush`."""

    def __init__(self) -> None:
        self.made: Found = {}

    def add(self, name: str, text: str) -> None:
        assert len(text) >= 16, name
        self.made[name] = text.encode()

    def in_(self, data: bytes) -> set[str]:
        """Return the names of those that the bytes have, also in base64 and as hexadecimal digits."""
        given = {match.decode() for match in re.findall(rb"hush-[a-z0-9-]+", data)}
        coded = {f"base64 {at}" for at in range(3) if _base64_core(b"hush-", at) in data}
        digits = {"hexadecimal"} if b"hush-".hex().encode() in data else set[str]()
        return given | coded | digits | {name for name, text in self.made.items() if text in data}


def _base64_core(text: bytes, at: int) -> bytes:
    """Return what base64 has of the text wherever it begins at a byte whose number, modulo 3, is `at`."""
    coded = base64.b64encode(b"\0" * at + text + b"\0\0")
    begin, end = -(-at * 8 // 6), (at + len(text)) * 8 // 6
    return coded[begin:end]


def give_events(node: RunningNode, server: Elsewhere, collected: Collected) -> None:
    events = node.client("events")
    oauth = {
        "ClientParameters": {"ClientID": "shop", "ClientSecret": "hush-client-secret"},
        "AuthorizationEndpoint": f"{server.url}/token",
        "HttpMethod": "POST",
        "OAuthHttpParameters": {
            "BodyParameters": [{"Key": "pin", "Value": "hush-oauth-body", "IsValueSecret": True}]
        },
    }
    kinds: dict[str, dict[str, Any]] = {
        "API_KEY": {"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "hush-api-key"}},
        "BASIC": {"BasicAuthParameters": {"Username": "shop", "Password": "hush-basic"}},
        "OAUTH_CLIENT_CREDENTIALS": {"OAuthParameters": oauth},
    }
    role = node.client("iam").create_role(RoleName="sender", AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }))["Role"]["Arn"]  # fmt: skip
    allow = {"Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": "*"}
    node.client("iam").put_role_policy(
        RoleName="sender",
        PolicyName="send",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}),
    )
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["shop"]}))
    for kind, parameters in kinds.items():
        name = kind.lower().replace("_", "-")
        header = {"Key": "x-pin", "Value": f"hush-header-{name}", "IsValueSecret": True}
        connection = events.create_connection(
            Name=name,
            AuthorizationType=kind,
            AuthParameters={**parameters, "InvocationHttpParameters": {"HeaderParameters": [header]}},
        )["ConnectionArn"]
        destination = events.create_api_destination(
            Name=name, ConnectionArn=connection, InvocationEndpoint=f"{server.url}/{name}", HttpMethod="POST"
        )["ApiDestinationArn"]
        events.put_targets(Rule="all", Targets=[{"Id": name, "Arn": destination, "RoleArn": role}])
    wait_for(
        lambda: events.describe_connection(Name="oauth-client-credentials")["ConnectionState"] == "AUTHORIZED"
    )
    events.put_events(Entries=[{"Source": "shop", "DetailType": "d", "Detail": "{}"}])
    wait_for(lambda: len({one.path for one in server.requests if one.path != "/token"}) == 3)


def give_functions(node: RunningNode, server: Elsewhere, collected: Collected) -> None:
    function, iam = node.client("lambda"), node.client("iam")
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.py", CODE)
    function.create_function(
        FunctionName="f",
        Runtime=f"python3.{sys.version_info.minor}",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": package.getvalue()},
        Environment={"Variables": {"PASSWORD": "hush-variable"}},
    )
    function.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    assert json.loads(function.invoke(FunctionName="f")["Payload"].read()) == len("hush-variable")
    own = function.invoke(FunctionName="f", Payload=b'{"credentials": 1}')["Payload"].read()
    for name, text in zip(("secret key", "token"), json.loads(own), strict=True):
        collected.add(f"function's {name}", text)
    function.update_function_configuration(
        FunctionName="f", Environment={"Variables": {"PASSWORD": "hush-variable-2"}}
    )
    function.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    function.publish_version(FunctionName="f")
    function.invoke(FunctionName="f", InvocationType="Event")
    collected.add(
        "link to code", function.get_function(FunctionName="f")["Code"]["Location"].rsplit("/", 1)[-1]
    )


def give_keys(node: RunningNode, server: Elsewhere, collected: Collected) -> None:
    kms = node.client("kms")
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    offered = kms.get_parameters_for_import(
        KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    )
    public = serialization.load_der_public_key(offered["PublicKey"])
    assert isinstance(public, rsa.RSAPublicKey)
    scheme = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    kms.import_key_material(
        KeyId=key,
        ImportToken=offered["ImportToken"],
        EncryptedKeyMaterial=public.encrypt(MATERIAL, scheme),
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
    )
    sealed = kms.encrypt(KeyId=key, Plaintext=b"hush-plaintext")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"hush-plaintext"
    data_key = kms.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"]
    collected.made["data key"] = data_key
    collected.made["data key in base64"] = base64.b64encode(data_key)


def give_identities(node: RunningNode, server: Elsewhere, collected: Collected) -> None:
    iam, sts = node.client("iam"), node.client("sts")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    collected.add("user's secret key", key["SecretAccessKey"])
    with_password: list[Callable[[], Any]] = [
        lambda: iam.create_login_profile(UserName="ann", Password="hush-login-1"),
        lambda: iam.update_login_profile(UserName="ann", Password="hush-login-2"),
        lambda: iam.change_password(OldPassword="hush-login-2", NewPassword="hush-login-3"),
    ]
    for attempt in with_password:
        try:
            attempt()
        except ClientError as refused:  # it may not be there: what is not must hide the password all the same
            assert "hush-" not in str(refused)
    role = f"arn:aws:iam::{ACCOUNT}:role/worker"
    issued = sts.assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    collected.add("session's secret key", issued["SecretAccessKey"])
    collected.add("session token", issued["SessionToken"])
    session = {
        "aws_access_key_id": issued["AccessKeyId"],
        "aws_secret_access_key": issued["SecretAccessKey"],
        "aws_session_token": issued["SessionToken"],
    }
    node.client("sts", **session).get_caller_identity()
    for issue in (sts.get_session_token, lambda: sts.get_federation_token(Name="guest")):
        try:
            given = issue()["Credentials"]
        except ClientError:  # root has no session token of its own, as on AWS
            continue
        collected.add(f"token {len(collected.made)}", given["SessionToken"])
    with pytest.raises(ClientError):
        node.client("sqs", **session).create_queue(QueueName="refused")
    try:
        sts.assume_role_with_web_identity(
            RoleArn=role, RoleSessionName="web", WebIdentityToken="hush-web-identity-token"
        )
    except ClientError as refused:
        assert "hush-" not in str(refused)


def give_storage(node: RunningNode, server: Elsewhere, collected: Collected) -> None:
    node.client("ssm").put_parameter(Name="/shop/word", Type="SecureString", Value="hush-parameter")
    read = node.client("ssm").get_parameter(Name="/shop/word", WithDecryption=True)
    assert read["Parameter"]["Value"] == "hush-parameter"
    secrets = node.client("secretsmanager")
    secrets.create_secret(Name="shop", SecretString=json.dumps({"password": "hush-secret"}))
    secrets.create_secret(Name="binary", SecretBinary=b"hush-binary")
    secrets.put_secret_value(SecretId="binary", SecretString="hush-new-version")
    assert secrets.get_secret_value(SecretId="binary")["SecretString"] == "hush-new-version"
    s3 = node.client("s3")
    s3.create_bucket(Bucket="linked")
    s3.put_object(Bucket="linked", Key="one", Body=b"x")
    signed = node.client("s3", config=Config(signature_version="s3v4"))
    link = signed.generate_presigned_url("get_object", Params={"Bucket": "linked", "Key": "one"})
    collected.add("signature of a link", urllib.parse.parse_qs(link.split("?", 1)[1])["X-Amz-Signature"][0])
    for url in (link, link.replace("/one", "/two")):
        try:
            urllib.request.urlopen(url).read()
        except urllib.error.HTTPError as refused:
            refused.read()
    with contextlib.suppress(ClientError):  # keys of customers are refused by name
        s3.put_object(
            Bucket="linked", Key="own", Body=b"x", SSECustomerAlgorithm="AES256",
            SSECustomerKey="hush-customer-key-of-32-bytes-00",
        )  # fmt: skip
    try:
        collected.add(
            "token of the registry",
            node.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"],
        )
    except ClientError:
        return


def give_messaging(node: RunningNode, server: Elsewhere, collected: Collected) -> None:
    sns = node.client("sns")
    topic = sns.create_topic(Name="orders")["TopicArn"]
    address = server.url.removeprefix("http://")
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://shop:hush-endpoint@{address}/hook")
    wait_for(lambda: any(one.path == "/hook" for one in server.requests))
    (sent,) = [one for one in server.requests if one.path == "/hook"][:1]
    collected.add("token of a subscription", sent.body["Token"])
    sns.confirm_subscription(TopicArn=topic, Token=sent.body["Token"])
    sns.publish(TopicArn=topic, Message="hello")
    wait_for(lambda: len([one for one in server.requests if one.path == "/hook"]) >= 2)
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ann@example.com")
    sns.create_platform_application(
        Name="app", Platform="GCM", Attributes={"PlatformCredential": "hush-platform-credential"}
    )


def give_mistakes(node: RunningNode) -> None:
    """Requests with secrets that are refused: neither the answer nor the record says them."""
    long = "hush-mistake-" + "x" * 70_000
    unchecked = Config(parameter_validation=False, retries={"total_max_attempts": 1})

    def client(service: str) -> Any:
        return node.client(service, config=unchecked)

    mistakes: list[Callable[[], Any]] = [
        lambda: client("secretsmanager").create_secret(Name="long", SecretString=long),
        lambda: client("secretsmanager").create_secret(
            Name="both", SecretString=long[:20], SecretBinary=b"x"
        ),
        lambda: client("ssm").put_parameter(Name="long", Type="SecureString", Value=long[:9000]),
        lambda: client("events").create_connection(
            Name="long",
            AuthorizationType="BASIC",
            AuthParameters={"BasicAuthParameters": {"Username": "u", "Password": long[:2000]}},
        ),
        lambda: client("events").create_connection(
            Name="long",
            AuthorizationType="API_KEY",
            AuthParameters={
                "ApiKeyAuthParameters": {"ApiKeyName": "n", "ApiKeyValue": ["hush-mistake-list"]}
            },
        ),
        lambda: client("lambda").update_function_configuration(
            FunctionName="f", Environment={"Variables": {"0bad": "hush-mistake-variable"}}
        ),
        lambda: client("lambda").update_function_configuration(
            FunctionName="f", Environment={"Variables": {"PASSWORD": ["hush-mistake-list"]}}
        ),
        lambda: client("iam").create_login_profile(UserName="ann", Password="hush-mistake" + "\x01"),
        lambda: client("kms").encrypt(KeyId="nothing", Plaintext=b"hush-mistake-plaintext" * 300),
        lambda: client("sts").assume_role_with_web_identity(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/worker",
            RoleSessionName="web",
            WebIdentityToken="hush-mistake-token" * 2000,
        ),
    ]
    for attempt in mistakes:
        with pytest.raises((ClientError, BotoCoreError)) as refused:
            attempt()
        assert "hush-" not in str(refused.value), str(refused.value)[:300]
