"""Names the resources of a call for its record: the ARNs that its operation needs rights on, with their types."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from nightbus.aws.calls import Call
from nightbus.identity.needs import Asked
from nightbus.policies.request import Need
from nightbus.services import SERVICES

_MOST = 20
_TYPES = [
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"cloudformation:.*:stack/", "AWS::CloudFormation::Stack"),
        (r"cloudtrail:.*:trail/", "AWS::CloudTrail::Trail"),
        (r"ecr:.*:repository/", "AWS::ECR::Repository"),
        (r"events:.*:rule/", "AWS::Events::Rule"),
        (r"events:.*:event-bus/", "AWS::Events::EventBus"),
        (r"events:.*:archive/", "AWS::Events::Archive"),
        (r"events:.*:connection/", "AWS::Events::Connection"),
        (r"events:.*:api-destination/", "AWS::Events::ApiDestination"),
        (r"iam:.*:role/", "AWS::IAM::Role"),
        (r"iam:.*:user/", "AWS::IAM::User"),
        (r"iam:.*:group/", "AWS::IAM::Group"),
        (r"iam:.*:policy/", "AWS::IAM::Policy"),
        (r"kms:.*:key/", "AWS::KMS::Key"),
        (r"kms:.*:alias/", "AWS::KMS::Alias"),
        (r"lambda:.*:function:", "AWS::Lambda::Function"),
        (r"lambda:.*:layer:", "AWS::Lambda::LayerVersion"),
        (r"lambda:.*:event-source-mapping:", "AWS::Lambda::EventSourceMapping"),
        (r"logs:.*:log-group:", "AWS::Logs::LogGroup"),
        (r"s3:::[^/]+/", "AWS::S3::Object"),
        (r"s3:::[^/]+$", "AWS::S3::Bucket"),
        (r"secretsmanager:.*:secret:", "AWS::SecretsManager::Secret"),
        (r"sns:", "AWS::SNS::Topic"),
        (r"sqs:", "AWS::SQS::Queue"),
        (r"ssm:.*:parameter/", "AWS::SSM::Parameter"),
    )
]


def needs_of(service: str, operation: str, params: Mapping[str, Any], call: Call) -> Sequence[Need]:
    """Return what the operation needs, nothing where its table has no line for it or the request is not complete."""
    line = _table(service).get(operation)
    if line is None or not callable(line):
        return ()
    try:
        needed: Sequence[Need] = line(Asked(params, call))
    except (KeyError, ValueError, TypeError, AttributeError):  # of a request that was refused as invalid
        return ()
    return needed


def resources_of(needs: Iterable[Need]) -> list[dict[str, str]]:
    """Return the resources of a record, at most 20, each once."""
    arns = dict.fromkeys(need.resource for need in needs if need.resource.startswith("arn:"))
    return [_resource(arn) for arn in list(arns)[:_MOST]]


def _resource(arn: str) -> dict[str, str]:
    parts = arn.split(":", 5)
    resource = {"ARN": arn}
    if len(parts) > 4 and parts[4]:
        resource["accountId"] = parts[4]
    rest = arn.split(":", 2)[-1]
    kind = next((kind for pattern, kind in _TYPES if pattern.match(rest)), None)
    return resource if kind is None else resource | {"type": kind}


@functools.cache
def _table(service: str) -> Mapping[str, Callable[..., Any]]:
    package = SERVICES.get(service)
    try:
        table: Mapping[str, Callable[..., Any]] = importlib.import_module(f"{package}.actions").ACTIONS
    except ModuleNotFoundError:
        return {}
    return table
