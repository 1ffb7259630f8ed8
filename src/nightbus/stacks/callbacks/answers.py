"""Judges what a custom resource has answered, with CloudFormation's texts. Pure.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.documents import read_json

LONGEST = 4096  # bytes of a response
_LONGEST_PHYSICAL_ID = 1024
TOO_LONG = "Response object is too long."


@dataclass(frozen=True)
class Answer:
    """A judged response. `failure` is the reason of the failure, empty after a success."""

    failure: str = ""
    physical_id: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    no_echo: bool = False


def judged(body: str, request: Mapping[str, Any]) -> Answer:
    """Return the answer that the body of a response is to `request`."""
    try:
        response = read_json(body)
    except AwsError:
        return Answer("Invalid response: the response is not valid JSON.")
    if not isinstance(response, dict):
        return Answer("Invalid response: the response must be a JSON object.")
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        if name in response and response[name] != request[name]:
            return Answer(f"Invalid response: {name} does not match that of the request.")
    physical_id, status = response.get("PhysicalResourceId"), response.get("Status")
    has_id = isinstance(physical_id, str) and 0 < len(physical_id.encode()) <= _LONGEST_PHYSICAL_ID
    own = str(physical_id) if has_id else ""
    if status not in ("SUCCESS", "FAILED"):
        return Answer("Invalid response: Status must be either SUCCESS or FAILED.", own)
    if not has_id and request["RequestType"] != "Delete":
        return Answer("Invalid PhysicalResourceId")
    if status == "FAILED":
        return Answer(_failed(response.get("Reason"), request), own)
    data = response.get("Data") or {}
    if not isinstance(data, dict):
        return Answer("Invalid response: Data must be a JSON object.", own)
    return Answer("", own, data, str(response.get("NoEcho", False)).lower() == "true")


def _failed(reason: Any, request: Mapping[str, Any]) -> str:
    message = reason if isinstance(reason, str) and reason else "No reason was given."
    return (
        f"Received response status [FAILED] from custom resource. Message returned: {message} "
        f"(RequestId: {request['RequestId']})"
    )


def no_answer(request: Mapping[str, Any]) -> str:
    return (
        "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId "
        f"[{request['RequestId']}]. If you are using the Python cfn-response module, you may need to update your "
        "Lambda function code so that CloudFormation can attach the updated version."
    )
