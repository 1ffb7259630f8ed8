"""Defines what is told of a refused request, and spells its refusal as the service does that refuses it."""

from __future__ import annotations

from dataclasses import dataclass

from nightbus.aws.calls import Call
from nightbus.aws.errors import AwsError
from nightbus.policies.decision import Decision
from nightbus.policies.evaluation import Policies
from nightbus.policies.request import AccessRequest, Need

_BY_JSON, _BY_REST_JSON, _BY_XML = (
    ("AccessDeniedException", 400),
    ("AccessDeniedException", 403),
    ("AccessDenied", 403),
)
_SPELLINGS = {
    "cloudformation": _BY_XML,
    "iam": _BY_XML,
    "lambda": _BY_REST_JSON,
    "s3": _BY_XML,
    "sns": ("AuthorizationError", 403),
    "sqs": _BY_XML,
    "sts": _BY_XML,
}


def access_denied(service: str, text: str) -> AwsError:
    """Return the error of `service`, by botocore's name, for a request that no policy allows or that one denies."""
    code, status = _SPELLINGS.get(service, _BY_JSON)
    return AwsError(code, text, status)


def invalid_token(service: str) -> AwsError:
    """Return the error of `service`, by botocore's name, for credentials whose principal does not exist any more."""
    if service == "s3":
        return AwsError("InvalidToken", "The provided token is malformed or otherwise invalid.")
    spelling, status = _SPELLINGS.get(service, _BY_JSON)
    code = "UnrecognizedClientException" if spelling == "AccessDeniedException" else "InvalidClientTokenId"
    return AwsError(code, "The security token included in the request is invalid.", status)


def spelled(action: str) -> str:
    """Return the action as the service's refusals spell it, such as `sqs:sendmessage` and `SNS:Publish`."""
    service, _, name = action.partition(":")
    return f"sqs:{name.lower()}" if service == "sqs" else f"SNS:{name}" if service == "sns" else action


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused request. `operation` is such as `events:PutEvents`; with `enforced` False it went on (audit mode).

    `is_role_missing`: an AWS service was to use a role that does not exist.
    """

    operation: str
    need: Need
    call: Call
    request: AccessRequest
    policies: Policies
    owner: str
    decision: Decision
    enforced: bool
    text: str
    is_role_missing: bool = False
