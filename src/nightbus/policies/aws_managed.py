"""Provides the managed policies of AWS: their ARNs, and the documents of the common ones.

The names and ARNs are those that the SAM translator lists. `aws_managed_policies.json` has the documents of the common
policies, copied verbatim from AWS's managed policy reference.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from nightbus.aws.arn import partition_of

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def is_aws_managed(arn: str) -> bool:
    return arn.startswith("arn:") and arn.split(":")[3:5] == ["", "aws"] and arn.split(":")[2] == "iam"


def aws_policy_arns(region: str) -> frozenset[str]:
    """Return the ARNs of AWS's managed policies in the region's partition."""
    return _by_partition().get(partition_of(region), frozenset())


def document_of(arn: str) -> dict[str, Any] | None:
    """`{"Version": "v1", "Created": …, "Edited": …, "Document": {…}}`, or None without a document."""
    name = arn.split(":policy/", 1)[-1]
    document = _documents().get(name)
    return dict(document) if document is not None else None


def aws_policy_reply(arn: str, attachments: int, boundaries: int) -> dict[str, Any]:
    """Return the policy as GetPolicy and ListPolicies do, without the members that Nightbus does not have."""
    path, _, name = arn.split(":policy", 1)[1].rpartition("/")
    document = document_of(arn) or {}
    return {
        "PolicyName": name,
        "PolicyId": _policy_id(arn),
        "Arn": arn,
        "Path": f"{path}/",
        "DefaultVersionId": document.get("Version"),
        "AttachmentCount": attachments,
        "PermissionsBoundaryUsageCount": boundaries,
        "IsAttachable": not path.endswith("/aws-service-role"),
        "CreateDate": _time(document.get("Created")),
        "UpdateDate": _time(document.get("Edited")),
    }


def aws_policy_version(arn: str) -> dict[str, Any] | None:
    """Return the default version as GetPolicyVersion does, with its document as text. None without a document."""
    document = document_of(arn)
    if document is None:
        return None
    return {
        "Document": json.dumps(document["Document"], indent=4),
        "VersionId": document["Version"],
        "IsDefaultVersion": True,
        "CreateDate": _time(document["Edited"]),
    }


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _policy_id(arn: str) -> str:
    """Return an id in the form of AWS's, derived from the ARN."""
    digest = hashlib.sha256(arn.encode()).digest()
    return "ANPA" + "".join(_ALPHABET[byte & 31] for byte in digest[:17])


@functools.cache
def _by_partition() -> dict[str, frozenset[str]]:
    """Read the SAM translator's list as data, because importing the translator takes most of a second."""
    spec = importlib.util.find_spec("samtranslator")
    if spec is None or spec.origin is None:
        return {}
    file = Path(spec.origin).parent / "internal" / "data" / "aws_managed_policies.json"
    maps = json.loads(file.read_text(encoding="utf-8"))
    return {partition: frozenset(names.values()) for partition, names in maps.items()}


@functools.cache
def _documents() -> dict[str, dict[str, Any]]:
    file = Path(__file__).with_name("aws_managed_policies.json")
    documents: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return documents
