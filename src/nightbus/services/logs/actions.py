"""Says which actions an operation of Amazon CloudWatch Logs needs, on which log groups and streams.

As on AWS the operations on tags by ARN name a group `log-group:NAME`, and all others name it with its streams, so that
a policy must end in `log-group:NAME:*` for them.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
"""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.identity.needs import Asked, NeedsOf, needs, passes_role, request_tags, when
from nightbus.messaging.log_policies import POLICY
from nightbus.messaging.log_streams import GROUP
from nightbus.policies.document import Policy
from nightbus.policies.request import Values
from nightbus.services.context import Platform

_MEMBERS = ("logGroupIdentifier", "resourceIdentifier", "resourceArn", "logGroupName")


def _name(asked: Asked) -> str:
    """Return the group's name from a name or an ARN, of which the handlers take the name alone."""
    text = next(filter(None, map(asked.text, _MEMBERS)), "")
    try:
        named = Arn.parse(text).resource
    except ValueError:
        return text
    return named.removeprefix("log-group:").removesuffix(":*")


def _tagged(asked: Asked) -> str:
    return asked.arn("logs", f"log-group:{_name(asked)}")


def _group(asked: Asked) -> str:
    return f"{_tagged(asked)}:log-stream:"


def _stream(asked: Asked) -> str:
    return f"{_group(asked)}{asked.text('logStreamName')}"


def _all_groups(asked: Asked) -> str:
    return asked.arn("logs", "log-group::log-stream:")


_ROLE = passes_role("roleArn", "logs.amazonaws.com")
_TAGS = request_tags("tags")


def _on_group(action: str) -> NeedsOf:
    return needs(f"logs:{action}", _group)


def _on_stream(action: str) -> NeedsOf:
    return needs(f"logs:{action}", _stream)


ACTIONS: Mapping[str, NeedsOf] = {
    "AssociateKmsKey": _on_group("AssociateKmsKey"),
    "CreateLogGroup": needs(
        "logs:CreateLogGroup",
        _group,
        when("tags", needs("logs:TagResource", _tagged, keys=_TAGS)),
        keys=_TAGS,
    ),
    "CreateLogStream": _on_stream("CreateLogStream"),
    "DeleteLogGroup": _on_group("DeleteLogGroup"),
    "DeleteLogStream": _on_stream("DeleteLogStream"),
    "DeleteQueryDefinition": needs("logs:DeleteQueryDefinition"),
    "DeleteResourcePolicy": needs("logs:DeleteResourcePolicy"),
    "DeleteRetentionPolicy": _on_group("DeleteRetentionPolicy"),
    "DeleteSubscriptionFilter": _on_group("DeleteSubscriptionFilter"),
    "DescribeLogGroups": needs("logs:DescribeLogGroups", _all_groups),
    "DescribeLogStreams": _on_group("DescribeLogStreams"),
    "DescribeQueryDefinitions": needs("logs:DescribeQueryDefinitions"),
    "DescribeResourcePolicies": needs("logs:DescribeResourcePolicies"),
    "DescribeSubscriptionFilters": _on_group("DescribeSubscriptionFilters"),
    "DisassociateKmsKey": _on_group("DisassociateKmsKey"),
    "FilterLogEvents": _on_group("FilterLogEvents"),
    "GetLogEvents": _on_stream("GetLogEvents"),
    "ListLogGroups": needs("logs:ListLogGroups", _all_groups),
    "ListTagsForResource": needs("logs:ListTagsForResource", _tagged),
    "ListTagsLogGroup": _on_group("ListTagsLogGroup"),
    "PutLogEvents": _on_stream("PutLogEvents"),
    "PutQueryDefinition": needs("logs:PutQueryDefinition"),
    "PutResourcePolicy": needs("logs:PutResourcePolicy"),
    "PutRetentionPolicy": _on_group("PutRetentionPolicy"),
    "PutSubscriptionFilter": needs("logs:PutSubscriptionFilter", _group, _ROLE),
    "TagLogGroup": needs("logs:TagLogGroup", _group, keys=_TAGS),
    "TagResource": needs("logs:TagResource", _tagged, keys=_TAGS),
    "TestMetricFilter": needs("logs:TestMetricFilter"),
    "UntagLogGroup": needs("logs:UntagLogGroup", _group, keys=_TAGS),
    "UntagResource": needs("logs:UntagResource", _tagged, keys=request_tags("tagKeys")),
}


POLICY_RECORDS = (POLICY,)  # that have policies with principals


async def resource_policy(platform: Platform, arn: str) -> Policy | None:
    """Return the resource policies of the account as one: each may name any of its log groups."""
    _, _, _, region, account, _ = arn.split(":", 5)
    if platform.log_policies is None:
        return None
    policy = await platform.log_policies.find(Scope(account, region))
    return policy if policy is not None and policy.statements else None


async def resource_tags(platform: Platform, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
    """Return the tags of a log group, for its streams too."""
    parsed = Arn.parse(arn)
    name = parsed.resource.removeprefix("log-group:").partition(":")[0]
    record = await platform.store.get(Scope(parsed.account, parsed.region), GROUP, name)
    return record.value["tags"] if record is not None else {}
