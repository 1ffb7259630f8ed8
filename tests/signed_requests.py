"""Requests as boto3 signs them, to be sent by hand, and changed before that."""

from __future__ import annotations

import http.client
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from nodes import RunningNode


@dataclass(frozen=True)
class Key:
    """An access key with its secret, and its session token if it is a temporary one."""

    id: str
    secret: str
    token: str = ""

    @property
    def options(self) -> dict[str, str]:
        """For `client(...)`"""
        return {
            "aws_access_key_id": self.id,
            "aws_secret_access_key": self.secret,
            **({"aws_session_token": self.token} if self.token else {}),
        }


@dataclass(frozen=True)
class Request:
    """A request. `target` is the path with the query."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def having(self, **headers: str | None) -> Request:
        """Return the request with other headers (`x_amz_date`); None leaves one out."""
        merged = {name.lower(): value for name, value in self.headers.items()}
        for name, value in headers.items():
            if value is None:
                merged.pop(name.replace("_", "-"), None)
            else:
                merged[name.replace("_", "-")] = value
        return replace(self, headers=merged)

    def with_authorization(self, old: str, new: str) -> Request:
        given = {name.lower(): value for name, value in self.headers.items()}["authorization"]
        assert old in given
        return self.having(authorization=given.replace(old, new, 1))


def sign(
    node: RunningNode,
    key: Key,
    service: str,
    method: str,
    target: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    region: str = "us-east-1",
    seconds: int | None = None,
) -> Request:
    """Return the signed request; with `seconds` a link that is valid for so long."""
    wire: Any = AWSRequest(method, node.endpoint + target, headers=headers or {}, data=body)
    credentials = Credentials(key.id, key.secret, key.token or None)
    if seconds is None:
        signer: Any = (S3SigV4Auth if service == "s3" else SigV4Auth)(credentials, service, region)
        if service == "s3":
            wire.context["client_config"] = None
    else:
        kind = S3SigV4QueryAuth if service == "s3" else SigV4QueryAuth
        signer = kind(credentials, service, region, expires=seconds)
    signer.add_auth(wire)
    parts = urlsplit(wire.prepare().url)
    sent = {name: str(value) for name, value in wire.headers.items()}
    return Request(method, parts.path + (f"?{parts.query}" if parts.query else ""), sent, body)


def send(node: RunningNode, request: Request) -> tuple[int, str]:
    """Return the status and the body of the response, after the code that REST-JSON has in a header."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    try:
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        names = {name.lower() for name in request.headers}
        if "host" not in names:
            connection.putheader("Host", urlsplit(node.endpoint).netloc)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        if "content-length" not in names:
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body)
        response = connection.getresponse()
        code, text = response.getheader("x-amzn-errortype", ""), response.read().decode("utf-8", "replace")
        return response.status, f"{code} {text}" if code else text
    finally:
        connection.close()


def new_user_key(node: RunningNode, name: str, account: str = "000000000000", policy: str = "*") -> Key:
    """Return the key of a new user, who may do what `policy` names (an action)."""
    iam = node.client("iam", account=account)
    iam.create_user(UserName=name)
    statement = f'{{"Effect": "Allow", "Action": "{policy}", "Resource": "*"}}'
    iam.put_user_policy(
        UserName=name,
        PolicyName="all",
        PolicyDocument=f'{{"Version": "2012-10-17", "Statement": {statement}}}',
    )
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return Key(made["AccessKeyId"], made["SecretAccessKey"])
