"""Resolves DeletionPolicy and UpdateReplacePolicy: literals, or expressions over parameters. Pure.

Expressions work with and without the transform AWS::LanguageExtensions, as on AWS:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
They are resolved once, when a template is processed, so the processed template has plain values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from nightbus.stacks.templates.expressions import NO_VALUE, function_of, template_error
from nightbus.stacks.templates.intrinsics import Evaluator
from nightbus.stacks.templates.references import references
from nightbus.stacks.templates.syntax import format_error

_ALLOWED = {
    "DeletionPolicy": ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot"),
    "UpdateReplacePolicy": ("Delete", "Retain", "Snapshot"),
}
_SNAPSHOT_TYPES = frozenset(
    {
        "AWS::DocDB::DBCluster", "AWS::EC2::Volume", "AWS::ElastiCache::CacheCluster",
        "AWS::ElastiCache::ReplicationGroup", "AWS::Neptune::DBCluster", "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance", "AWS::Redshift::Cluster",
    }
)  # fmt: skip
_NOT_HERE = frozenset({"Fn::GetAtt", "Fn::GetAZs", "Fn::ImportValue"})


def check_policies(name: str, resource: Mapping[str, Any], parameters: Collection[str]) -> None:
    """Raise AwsError for an invalid policy. `parameters` are the names it may refer to, with pseudo parameters."""
    for member, value in _policies(resource):
        if not isinstance(value, dict) or function_of(value) is None:
            _check_value(name, resource, member, value)
            continue
        wrong = sorted(_NOT_HERE & set(_functions(value)))
        if wrong:
            raise template_error(f"{wrong[0]} cannot be used in the {member} of resource {name}")
        for reference in references(value):
            if reference.name not in parameters:
                raise format_error(
                    f"Unresolved dependencies [{reference.name}]. Cannot reference resources in the {member} "
                    f"of resource {name}"
                )


def with_policies(document: Mapping[str, Any], evaluator: Evaluator) -> dict[str, Any]:
    """Return the template with plain values as policies. Raises AwsError if an expression has an invalid value."""
    resources = document.get("Resources") or {}
    return {
        **document,
        "Resources": {name: _resolved(name, one, evaluator) for name, one in resources.items()},
    }


def _resolved(name: str, resource: Mapping[str, Any], evaluator: Evaluator) -> dict[str, Any]:
    result = dict(resource)
    for member, value in _policies(resource):
        if not isinstance(value, dict):
            continue
        policy = evaluator.evaluate(value)
        if policy is NO_VALUE:
            del result[member]
            continue
        _check_value(name, resource, member, policy)
        result[member] = policy
    return result


def _policies(resource: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((member, resource[member]) for member in _ALLOWED if member in resource)


def _check_value(name: str, resource: Mapping[str, Any], member: str, value: Any) -> None:
    if not isinstance(value, str):
        raise format_error(f"Every {member} member must be a string.")
    if value not in _ALLOWED[member]:
        raise format_error(f"Unrecognized {member} {value} for resource {name}.")
    if value == "Snapshot" and resource["Type"] not in _SNAPSHOT_TYPES:
        raise template_error(f"resource type {resource['Type']} does not support {member} Snapshot ({name}).")


def _functions(value: Any) -> Iterator[str]:
    """Yield the functions that a value calls at any depth."""
    if isinstance(value, dict):
        function = function_of(value)
        if function is not None:
            yield function
        value = list(value.values())
    if isinstance(value, list):
        for child in value:
            yield from _functions(child)
