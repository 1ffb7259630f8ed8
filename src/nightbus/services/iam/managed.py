"""Which policies does AWS itself provide, and what do they say?

Their names and ARNs are those that the SAM translator knows; the documents of the common ones are in
`managed_policies.json`, word by word as in AWS's managed policy reference.
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


def known_arns(region: str) -> frozenset[str]:
    """Of the region's partition."""
    return _by_partition().get(partition_of(region), frozenset())


def document_of(arn: str) -> dict[str, Any] | None:
    """`{"Version": "v1", "Created": …, "Edited": …, "Document": {…}}`, or None where we do not have it."""
    name = arn.split(":policy/", 1)[-1]
    found = _documents().get(name)
    return dict(found) if found is not None else None


def described(arn: str, attachments: int, boundaries: int) -> dict[str, Any]:
    """As GetPolicy and ListPolicies show it. What we do not know of it is left out."""
    path, _, name = arn.split(":policy", 1)[1].rpartition("/")
    known = document_of(arn) or {}
    return {
        "PolicyName": name,
        "PolicyId": _policy_id(arn),
        "Arn": arn,
        "Path": f"{path}/",
        "DefaultVersionId": known.get("Version"),
        "AttachmentCount": attachments,
        "PermissionsBoundaryUsageCount": boundaries,
        "IsAttachable": not path.endswith("/aws-service-role"),
        "CreateDate": _time(known.get("Created")),
        "UpdateDate": _time(known.get("Edited")),
    }


def version_of(arn: str) -> dict[str, Any] | None:
    """The default version as GetPolicyVersion shows it, its document as text."""
    known = document_of(arn)
    if known is None:
        return None
    return {
        "Document": json.dumps(known["Document"], indent=4),
        "VersionId": known["Version"],
        "IsDefaultVersion": True,
        "CreateDate": _time(known["Edited"]),
    }


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _policy_id(arn: str) -> str:
    """Stands for AWS's own id: one ARN, one id."""
    digest = hashlib.sha256(arn.encode()).digest()
    return "ANPA" + "".join(_ALPHABET[byte & 31] for byte in digest[:17])


@functools.cache
def _by_partition() -> dict[str, frozenset[str]]:
    """Read as data: importing the translator would take most of a second."""
    spec = importlib.util.find_spec("samtranslator")
    if spec is None or spec.origin is None:
        return {}
    file = Path(spec.origin).parent / "internal" / "data" / "aws_managed_policies.json"
    maps = json.loads(file.read_text(encoding="utf-8"))
    return {partition: frozenset(names.values()) for partition, names in maps.items()}


@functools.cache
def _documents() -> dict[str, dict[str, Any]]:
    file = Path(__file__).with_name("managed_policies.json")
    documents: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return documents
