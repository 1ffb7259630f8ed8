"""Checks key policies as KMS does: their form, and that their author is not locked out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Caller
from nightbus.aws.documents import read_document
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy
from nightbus.policies.grammar import is_resource_policy, statements_of
from nightbus.policies.request import AccessRequest
from nightbus.services.kms.errors import malformed_policy

_LOCKED_OUT = "The new key policy will not allow you to update the key policy in the future."


def check_policy(text: str, caller: Caller, key_arn: str, owner: str, bypass: bool) -> None:
    """Raise AwsError unless the text is a policy by which the caller could change it again, or `bypass` is set."""
    try:
        document = read_document(text)
    except ValueError:
        raise malformed_policy("Policy contains a statement that is not valid JSON.") from None
    if not isinstance(document, Mapping) or not document.get("Statement"):
        raise malformed_policy("Policy is not in a valid form.")
    for one in statements_of(text):
        _check_statement(one)
    if not is_resource_policy(document):
        raise malformed_policy("Policy is not in a valid form.")
    if not bypass and caller.arn and not _may_change(text, caller, key_arn, owner):
        raise malformed_policy(_LOCKED_OUT)


def _check_statement(statement: Mapping[str, Any]) -> None:
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise malformed_policy("Policy contains a statement with no valid Effect.")
    if "Principal" not in statement and "NotPrincipal" not in statement:
        raise malformed_policy("Policy contains a statement with no principal.")
    if "Action" not in statement and "NotAction" not in statement:
        raise malformed_policy("Policy contains a statement with no action.")
    if "Resource" not in statement and "NotResource" not in statement:
        raise malformed_policy("Policy contains a statement with no resource.")


def _may_change(text: str, caller: Caller, key_arn: str, owner: str) -> bool:
    """Return whether the policy lets the caller, or the whole of its account, put another policy."""
    policy = Policy.compile(text, PolicyKind.RESOURCE, key_arn)
    arns = (caller.arn, f"arn:aws:iam::{owner}:root")
    return any(policy.allows(AccessRequest("kms:PutKeyPolicy", key_arn, arn, owner)) for arn in arns)
