"""Refuses malformed credentials, and requests without credentials, except for operations that need none on AWS.

The exceptions are operations whose model says so, SNS's links in notifications, and operations that the policy of a
queue or a bucket may allow to everybody; the services evaluate that policy for the anonymous caller.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html
"""

from __future__ import annotations

from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import is_region
from nightbus.gateway.models import OperationModel
from nightbus.gateway.request import Credential, WireRequest

_ANSWERED: dict[str, frozenset[str]] = {
    "sns": frozenset({"ConfirmSubscription", "Unsubscribe"}),
    "sqs": frozenset(
        {
            "ChangeMessageVisibility",
            "ChangeMessageVisibilityBatch",
            "DeleteMessage",
            "DeleteMessageBatch",
            "GetQueueAttributes",
            "GetQueueUrl",
            "ReceiveMessage",
            "SendMessage",
            "SendMessageBatch",
        }
    ),
    "s3": frozenset({"GetObject", "HeadObject"}),
}
_QUERY_PARTS = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature")


def check_form(request: WireRequest, service: str) -> None:
    """Raise AwsError for a malformed credential, or for only some of a presigned URL's parameters."""
    _check_scope(request.authorization, service)
    if "X-Amz-Credential" in request.query and "authorization" not in request.headers:
        _check_query(request, service)


def check_anonymous(operation: OperationModel) -> None:
    """Raise AwsError unless the operation may be called without credentials."""
    service = operation.service
    if operation.needs_signature and operation.name not in _ANSWERED.get(service.name, ()):
        raise _missing(service.name, service.protocol)


def _check_scope(credential: Credential, service: str) -> None:
    """Raise AwsError for an invalid credential scope. Its region goes into ARNs, events and functions."""
    if credential.malformed:
        text = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
        raise AwsError("AuthorizationHeaderMalformed" if service == "s3" else "IncompleteSignature", text)
    region = credential.region
    if not region or region == "*" or is_region(region):
        return
    if service == "s3":
        text = f"The authorization header is malformed; the region '{region[:80]}' is wrong"
        raise AwsError("AuthorizationHeaderMalformed", text)
    text = "Credential should be scoped to a valid region."
    raise AwsError("InvalidSignatureException", text, 403)


def _check_query(request: WireRequest, service: str) -> None:
    for part in _QUERY_PARTS:
        if not request.query.get(part):
            if service == "s3":
                text = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential,"
                text += " X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
                raise AwsError("AuthorizationQueryParametersError", text)
            text = (
                f"AWS query-string parameters must include '{part}'. Re-examine the query-string parameters."
            )
            raise AwsError("IncompleteSignature", text)


def _missing(service: str, protocol: str) -> AwsError:
    if service == "s3":
        return AwsError("AccessDenied", "Access Denied", 403)
    if service == "sqs" or protocol in ("query", "ec2"):
        return AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    return AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
