"""Provides the managed policies of AWS, with their documents.

`aws_managed_policies.zip` has the default version of each, as `scripts/update_managed_policies.py` found them; the SAM
translator lists the names that other partitions have. Both are read with the first policy that a node asks for.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from nightbus.aws.arn import partition_of

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ARCHIVE = Path(__file__).with_name("aws_managed_policies.zip")


class _Entry(NamedTuple):
    group: int
    version: str
    created: str
    edited: str


def is_aws_managed(arn: str) -> bool:
    return arn.startswith("arn:") and arn.split(":")[3:5] == ["", "aws"] and arn.split(":")[2] == "iam"


def aws_policy_arns(region: str) -> frozenset[str]:
    """Return the ARNs of AWS's managed policies in the region's partition."""
    return _arns(partition_of(region))


def document_of(arn: str) -> dict[str, Any] | None:
    """Return `{"Version": "v1", "Created": …, "Edited": …, "Document": {…}}`, None if AWS has no such policy."""
    name = arn.split(":policy/", 1)[-1]
    entry = _index().get(name)
    if entry is None:
        return None
    partition = arn.split(":")[1] if arn.startswith("arn:") else "aws"
    text = json.dumps(_group(entry.group)[name])
    if partition != "aws":
        text = text.replace('"arn:aws:', f'"arn:{partition}:')
    return {
        "Version": entry.version,
        "Created": entry.created,
        "Edited": entry.edited,
        "Document": json.loads(text),
    }


def aws_policy_reply(arn: str, attachments: int, boundaries: int) -> dict[str, Any]:
    """Return the policy as GetPolicy and ListPolicies do, without its description."""
    path, _, name = arn.split(":policy", 1)[1].rpartition("/")
    entry = _index()[arn.split(":policy/", 1)[1]]
    return {
        "PolicyName": name,
        "PolicyId": _policy_id(arn),
        "Arn": arn,
        "Path": f"{path}/",
        "DefaultVersionId": entry.version,
        "AttachmentCount": attachments,
        "PermissionsBoundaryUsageCount": boundaries,
        "IsAttachable": not path.endswith("/aws-service-role"),
        "CreateDate": _time(entry.created),
        "UpdateDate": _time(entry.edited),
    }


def aws_policy_version(arn: str) -> dict[str, Any] | None:
    """Return the default version as GetPolicyVersion does, with its document as text. None if AWS has none."""
    document = document_of(arn)
    if document is None:
        return None
    return {
        "Document": json.dumps(document["Document"], indent=4),
        "VersionId": document["Version"],
        "IsDefaultVersion": True,
        "CreateDate": _time(document["Edited"]),
    }


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(microsecond=0)


def _policy_id(arn: str) -> str:
    """Return an id in the form of AWS's, derived from the ARN."""
    digest = hashlib.sha256(arn.encode()).digest()
    return "ANPA" + "".join(_ALPHABET[byte & 31] for byte in digest[:17])


@functools.cache
def _arns(partition: str) -> frozenset[str]:
    if partition == "aws":
        return frozenset(f"arn:aws:iam::aws:policy/{name}" for name in _index())
    listed = _sam_lists().get(partition, {}).values()
    return frozenset(arn for arn in listed if arn.split(":policy/", 1)[-1] in _index())


def _sam_lists() -> dict[str, dict[str, str]]:
    """Read the SAM translator's list as data, because importing the translator takes most of a second."""
    spec = importlib.util.find_spec("samtranslator")
    if spec is None or spec.origin is None:
        return {}
    file = Path(spec.origin).parent / "internal" / "data" / "aws_managed_policies.json"
    lists: dict[str, dict[str, str]] = json.loads(file.read_text(encoding="utf-8"))
    return lists


@functools.cache
def _index() -> dict[str, _Entry]:
    return {name: _Entry(*entry) for name, entry in _read("index.json").items()}


@functools.lru_cache(maxsize=4)
def _group(number: int) -> dict[str, Any]:
    return _read(f"{number}.json")


def _read(name: str) -> dict[str, Any]:
    with zipfile.ZipFile(_ARCHIVE) as archive:
        value: dict[str, Any] = json.loads(archive.read(name))
        return value
