"""Validates the grammar of policy documents, as IAM does when a policy is stored. It does not evaluate them.

Identity policies (inline and managed) allow or deny actions; trust policies name those who may assume a role.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from nightbus.aws.documents import read_document
from nightbus.aws.errors import AwsError
from nightbus.policies.conditions import is_comparison, listed

_VERSIONS = ("2008-10-17", "2012-10-17")
_DOCUMENT = {"Version", "Id", "Statement"}
_STATEMENT = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
_PRINCIPAL = {"Principal", "NotPrincipal"}
_ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9*?-]+")
_SID = re.compile(r"[A-Za-z0-9]*")
_ASSUME = re.compile(r"sts:[A-Za-z*?]+", re.IGNORECASE)
_SERVICE = re.compile(r"[a-z0-9.-]+\.(amazonaws\.com|aws\.internal|amazon\.com)(\.cn)?")
_AWS = re.compile(
    r"\*|\d{12}|arn:aws[a-z-]*:iam::\d{12}:(root|(role|user)/.+)"
    r"|arn:aws[a-z-]*:sts::\d{12}:(assumed-role|federated-user)/.+|A[A-Z0-9]{15,}"
)
_KINDS = {"AWS", "Service", "Federated", "CanonicalUser"}
_SYNTAX = "Syntax errors in policy."
_PREFACED = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
_VENDOR = "Resource vendor must be fully qualified and cannot contain regexes."
_PARTITION = re.compile(r"aws[a-z-]*|\*")
_IAM_PATHS = (
    "user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/",
    "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
)  # fmt: skip
_IAM_PATH = f'IAM resource path must either be "*", root, or start with {", ".join(_IAM_PATHS)}.'


def malformed_document(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", message)


def statements_of(document: str | None) -> list[Mapping[str, Any]]:
    """Return the statements of a policy's JSON text, none for no policy. What is not an object is skipped."""
    if not document:
        return []
    return [one for one in listed(json.loads(document).get("Statement")) if isinstance(one, Mapping)]


def is_resource_policy(document: Any) -> bool:
    """Return whether a document, as JSON gives it, has the form of the policy of a resource.

    Every statement needs an effect, a principal and an action. Most services let it leave out the resource, which is
    the one that has the policy.
    """
    if not isinstance(document, Mapping) or set(document) - _DOCUMENT or "Statement" not in document:
        return False
    statements = list(listed(document["Statement"]))
    version = document.get("Version", _VERSIONS[0])
    return (
        bool(statements) and version in _VERSIONS and all(_is_resource_statement(one) for one in statements)
    )


def _is_resource_statement(statement: Any) -> bool:
    if not isinstance(statement, Mapping) or set(statement) - _STATEMENT - _PRINCIPAL:
        return False
    if statement.get("Effect") not in ("Allow", "Deny") or not isinstance(statement.get("Sid", ""), str):
        return False
    try:
        _values(statement, "Action", "")
        if {"Resource", "NotResource"} & set(statement):
            _values(statement, "Resource", "")
        check_condition(statement)
    except AwsError:
        return False
    named = [statement[one] for one in sorted(_PRINCIPAL) if one in statement]
    return len(named) == 1 and _is_principal(named[0])


def _is_principal(element: Any) -> bool:
    if not isinstance(element, Mapping):
        return bool(element == "*")
    return (
        bool(element)
        and not set(element) - _KINDS
        and all(isinstance(one, str) for values in element.values() for one in listed(values))
    )


def percent_encoded(document: str) -> str:
    """Return the document percent-encoded, as IAM's replies contain it."""
    return quote(document, safe="")


def quota_size(document: str) -> int:
    """Return the number of characters that count against IAM's quotas: all but white space."""
    return len(re.sub(r"\s", "", document))


def check_identity_policy(text: str) -> None:
    """Raise AwsError MalformedPolicyDocument unless the text is a valid identity policy."""
    document = _parsed(text, _SYNTAX)
    if (document.get("Version") not in _VERSIONS and "Version" in document) or set(document) - _DOCUMENT:
        raise malformed_document(_SYNTAX)
    for statement in _statements(document, _SYNTAX):
        if _PRINCIPAL & set(statement):
            raise malformed_document("Policy document should not specify a principal.")
        if set(statement) - _STATEMENT or statement.get("Effect") not in ("Allow", "Deny"):
            raise malformed_document(_SYNTAX)
        check_condition(statement)
        for action in _values(statement, "Action", "Policy statement must contain actions."):
            if action != "*" and ":" not in action:
                raise malformed_document(_PREFACED)
            if action.count(":") > 1:
                raise malformed_document("Actions/Condition can contain only one colon.")
            if action != "*" and not _ACTION.fullmatch(action):
                raise malformed_document(_SYNTAX)
        for resource in _values(statement, "Resource", "Policy statement must contain resources."):
            if resource != "*" and not _is_arn(resource):
                raise malformed_document(f'Resource {resource} must be in ARN format or "*".')
            _check_arn(resource)
    _check_sids(document)


def _is_arn(resource: str) -> bool:
    """Return whether the text has the form of an ARN: six parts, or fewer with a star for the rest."""
    parts = resource.count(":") + 1
    return resource.startswith("arn:") and (parts >= 6 or (parts >= 3 and resource.endswith("*")))


def _check_arn(resource: str) -> None:
    """Raise AwsError for an ARN whose partition, service or IAM path IAM does not take."""
    if resource == "*":
        return
    _, partition, service, _, _, path = (*resource.split(":", 5), "*", "*", "*")[:6]
    if not _PARTITION.fullmatch(partition):
        raise malformed_document(f'Partition "{partition}" is not valid for resource "{resource}".')
    if "*" in service or "?" in service:
        raise malformed_document(_VENDOR)
    if service == "iam" and path not in ("*", "root") and not path.startswith((*_IAM_PATHS, "${")):
        raise malformed_document(_IAM_PATH)


def check_trust_policy(text: str) -> None:
    """Raise AwsError MalformedPolicyDocument unless the text is a valid trust policy."""
    document = _parsed(text, "This policy contains invalid Json")
    if document.get("Version") not in _VERSIONS and "Version" in document:
        raise malformed_document("The policy must contain a valid version string")
    if set(document) - _DOCUMENT:
        raise malformed_document(f"Has prohibited field {min(set(document) - _DOCUMENT)}")
    for statement in _statements(document, "Missing required field Statement"):
        for prohibited in ("Resource", "NotResource", *sorted(set(statement) - _STATEMENT - _PRINCIPAL)):
            if prohibited in statement:
                raise malformed_document(f"Has prohibited field {prohibited}")
        if "Effect" not in statement:
            raise malformed_document("Missing required field Effect")
        if statement["Effect"] not in ("Allow", "Deny"):
            raise malformed_document(f"Invalid effect: {statement['Effect']}")
        if not _PRINCIPAL & set(statement):
            raise malformed_document("Missing required field Principal")
        check_condition(statement)
        for action in _values(statement, "Action", "Missing required field Action"):
            if action != "*" and not _ASSUME.fullmatch(action):
                raise malformed_document("AssumeRole policy may only specify STS AssumeRole actions.")
        _check_principal(statement.get("Principal", statement.get("NotPrincipal")))
    _check_sids(document)


def _check_principal(principal: Any) -> None:
    if principal == "*":
        return
    if not isinstance(principal, Mapping) or not principal:
        raise malformed_document("Invalid principal in policy.")
    for kind, values in principal.items():
        pattern = {"AWS": _AWS, "Service": _SERVICE}.get(kind)
        if pattern is None and kind not in ("Federated", "CanonicalUser"):
            raise malformed_document(f'Invalid principal in policy: "{kind.upper()}"')
        for value in values if isinstance(values, list) else [values]:
            if not isinstance(value, str) or (pattern is not None and not pattern.fullmatch(value)):
                raise malformed_document(f'Invalid principal in policy: "{kind.upper()}":"{value}"')


def _parsed(text: str, message: str) -> Mapping[str, Any]:
    try:
        document = read_document(text)
    except ValueError as broken:
        raise malformed_document(message) from broken
    if not isinstance(document, dict) or _has_a_name_twice(text):
        raise malformed_document(message)
    return document


def _has_a_name_twice(text: str) -> bool:
    """Return whether an object of the JSON text has two members of the same name, of which a reader takes the last."""
    twice = False

    def note(pairs: list[tuple[str, Any]]) -> None:
        nonlocal twice
        twice = twice or len({name for name, _ in pairs}) < len(pairs)

    json.loads(text, object_pairs_hook=note)
    return twice


def _statements(document: Mapping[str, Any], message: str) -> Iterator[Mapping[str, Any]]:
    statements = document.get("Statement")
    listed = statements if isinstance(statements, list) else [statements]
    if not listed:
        raise malformed_document(message)
    for statement in listed:
        if not isinstance(statement, dict):
            raise malformed_document(message)
        yield statement


def _values(statement: Mapping[str, Any], name: str, missing: str) -> list[str]:
    """Return the values of the element or of its `Not` form. Raises AwsError if both or neither are there."""
    present = [one for one in (name, f"Not{name}") if one in statement]
    if not present or statement[present[0]] == []:
        raise malformed_document(missing)
    value = statement[present[0]]
    values = value if isinstance(value, list) else [value]
    if len(present) == 2 or not all(isinstance(one, str) for one in values):
        raise malformed_document(_SYNTAX)
    return values


def check_condition(statement: Mapping[str, Any]) -> None:
    """Raise AwsError for a condition with an unknown operator, or with a value that is not of the operator's type."""
    condition = statement.get("Condition", {})
    if not isinstance(condition, dict) or not all(isinstance(one, dict) for one in condition.values()):
        raise malformed_document(_SYNTAX)
    for name, keys in condition.items():
        for key, values in keys.items():
            if ":" not in key:
                raise malformed_document(_PREFACED)
            if not is_comparison(name, values):
                raise malformed_document(_SYNTAX)


def _check_sids(document: Mapping[str, Any]) -> None:
    sids = [one["Sid"] for one in _statements(document, _SYNTAX) if "Sid" in one]
    for sid in sids:
        if not isinstance(sid, str):
            raise malformed_document(_SYNTAX)
        if not _SID.fullmatch(sid):
            text = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression"
            raise malformed_document(f"{text} [0-9A-Za-z]*")
    if len(set(sids)) != len(sids):
        raise malformed_document("Statement IDs (SID) in a single policy must be unique.")
