"""Users with policies of their own, for the tests that try what they may do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nodes import RunningNode

ACCOUNT, OTHER_ACCOUNT = "000000000000", "111111111111"
Actions = str | list[str]


def statement(actions: Actions, resource: Actions | None = None, **more: Any) -> dict[str, Any]:
    named = {} if resource is None else {"Resource": resource}
    return {"Effect": "Allow", "Action": actions, **named, **more}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class User:
    """A user with one policy of these statements: dicts, or pairs of actions and resources."""

    def __init__(
        self,
        node: RunningNode,
        name: str,
        *statements: dict[str, Any] | tuple[Actions, Actions],
        account: str = ACCOUNT,
    ) -> None:
        iam = node.client("iam", account=account)
        iam.create_user(UserName=name)
        whole = [one if isinstance(one, dict) else statement(*one) for one in statements]
        if whole:
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(*whole))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self._keys = {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }
        self._node = node
        self.arn = f"arn:aws:iam::{account}:user/{name}"

    def client(self, service: str, **more: Any) -> Any:
        return self._node.client(service, **self._keys, **more)


def code_of(call: Callable[..., Any], /, **params: Any) -> str:
    """Return the code of the error, "" for a call that succeeds."""
    try:
        call(**params)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def refusal(call: Callable[..., Any], /, **params: Any) -> str:
    """Return the text of the refusal, with whichever code the service refuses. Fails if the call is not refused."""
    with pytest.raises(ClientError) as error:
        call(**params)
    code = error.value.response["Error"]["Code"]
    assert "Denied" in code or code in ("AuthorizationError", "403"), error.value
    return str(error.value)
