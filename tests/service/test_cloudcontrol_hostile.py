"""Nonsense sent to the Cloud Control API is refused or fails its request, and is never an internal error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nightbus.stacks.resources import RESOURCE_TYPES
from nightbus.stacks.schemas import resource_schemas
from waiting import wait_for

Client = Callable[..., Any]
IDENTIFIERS = ("a", "1|2|3", '{"Id": 1}', "arn:aws:events:us-east-1:000000000000:rule/a")
VALUES: tuple[Any, ...] = (None, 1.5, "\x00é", [None], {"Key": "a"}, [[[]]], {"Statement": [{}]})
KINDS = sorted(set(RESOURCE_TYPES) & set(resource_schemas()))


def refused(call: Callable[..., Any], **request: Any) -> dict[str, Any]:
    """The reply, or nothing where the request is refused in a way that a client can do something about."""
    try:
        reply: dict[str, Any] = call(**request)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = error.response["Error"]["Code"]
        assert status < 500 or code == "NotImplementedException", (code, request)
        return {}
    return reply


@pytest.mark.parametrize("type_name", KINDS)
def test_nonsense(type_name: str, client: Client) -> None:
    cloud, names = client("cloudcontrol"), sorted(resource_schemas()[type_name]["properties"])
    tokens = []
    for place, identifier in enumerate(IDENTIFIERS):
        value, name = VALUES[place % len(VALUES)], names[place % len(names)]
        patch = json.dumps([{"op": "add", "path": f"/{name}", "value": value}])
        where = {"TypeName": type_name, "Identifier": identifier}
        refused(cloud.get_resource, **where)
        refused(cloud.update_resource, PatchDocument=patch, **where)
        tokens.append(refused(cloud.delete_resource, **where))
    for place, value in enumerate(VALUES):
        state = dict.fromkeys(names[place % 3 :: 3], value)
        tokens.append(refused(cloud.create_resource, TypeName=type_name, DesiredState=json.dumps(state)))
    for reply in tokens:
        if reply:
            token = reply["ProgressEvent"]["RequestToken"]
            ended = wait_for(lambda token=token: _ended(cloud, token))  # type: ignore[misc]
            assert ended.get("ErrorCode") != "InternalFailure", ended


def _ended(cloud: Any, token: str) -> dict[str, Any] | None:
    event: dict[str, Any] = cloud.get_resource_request_status(RequestToken=token)["ProgressEvent"]
    return None if event["OperationStatus"] in ("PENDING", "IN_PROGRESS") else event
