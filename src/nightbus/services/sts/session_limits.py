"""Reads the session policies, tags and the source identity of a new session, and checks AWS's limits on them. Pure."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.calls import Session
from nightbus.aws.errors import AwsError

Descriptors = Sequence[Mapping[str, Any]]
Tags = Sequence[Mapping[str, str]]
_LONGEST = 2048  # characters of the inline policy and the ARNs together
_MOST_ARNS = 10
_MOST_TAGS = 50
_PACKED_BYTES = 4096  # of the packed form, whose size AWS does not publish; this is DEFLATE's


def session_policies(policy: str | None, policy_arns: Descriptors) -> tuple[str, ...]:
    """Return `Session.policies`: the inline policy's text and the ARNs of the managed ones."""
    arns = [str(one["arn"]) for one in policy_arns if one.get("arn")]
    if len(arns) > _MOST_ARNS:
        raise _too_long("policyArns", f"length less than or equal to {_MOST_ARNS}")
    policies = tuple(arns if policy is None else [policy, *arns])
    if sum(map(len, policies)) > _LONGEST:
        raise _too_long("policy", f"length less than or equal to {_LONGEST}")
    return policies


def session_tags(
    tags: Tags, transitive_keys: Sequence[str], caller: Session | None
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Return `Session.tags` and `Session.transitive`, with the tags that a chain's caller passes on."""
    own = {tag["Key"]: tag["Value"] for tag in tags}
    keys = [tag["Key"].lower() for tag in tags]
    if len(set(keys)) != len(keys):
        raise _invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    transitive = {key.lower() for key in transitive_keys}
    if not transitive <= set(keys):
        raise _invalid("The specified transitive tag key must be included in the requested tags.")
    inherited = caller.inherited_tags if caller is not None else {}
    taken = {key.lower() for key in inherited}
    if taken & set(keys):
        text = "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key"
        raise _invalid(f"{text} from the calling session.")
    if len(own) + len(inherited) > _MOST_TAGS:
        raise _too_long("tags", f"length less than or equal to {_MOST_TAGS}")
    return tuple((inherited | own).items()), tuple(sorted(transitive | taken))


def source_identity(asked: str | None, caller: Session | None) -> str:
    """Return the new session's source identity, which no role of a chain can change."""
    inherited = caller.source_identity if caller is not None else ""
    if asked and inherited and asked != inherited:
        raise _invalid("The source identity of a session cannot be changed after it is set.")
    return asked or inherited


def packed_size(session: Session) -> int | None:
    """Return the percentage of the allotted space that the session's policies and tags take, None without any. Raises
    AwsError PackedPolicyTooLarge over 100."""
    passed = [*session.policies, *session.tags]
    if not passed:
        return None
    percentage = -(-100 * len(zlib.compress(json.dumps(passed).encode(), 9)) // _PACKED_BYTES)
    if percentage > 100:
        text = f"Packed size of session policy consumes {percentage}% of allotted space, please use smaller policy."
        raise AwsError("PackedPolicyTooLarge", text)
    return percentage


def _too_long(member: str, constraint: str) -> AwsError:
    text = f"1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have"
    return AwsError("ValidationError", f"{text} {constraint}")


def _invalid(text: str) -> AwsError:
    return AwsError("InvalidParameterValue", text)
