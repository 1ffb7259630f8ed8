"""Validates the attributes of a topic.

https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from nightbus.aws.grammar import whole_number
from nightbus.policies.conditions import listed
from nightbus.policies.grammar import is_resource_policy
from nightbus.services.sns.archives.policies import check_archive_policy
from nightbus.services.sns.deliveries.policies import check_topic_policy
from nightbus.services.sns.errors import bad_parameter
from nightbus.services.sns.json_values import json_object

_FEEDBACK_ROLE = re.compile(r"(HTTP|SQS|Lambda|Firehose|Application)(Success|Failure)FeedbackRoleArn")
_ROLE = re.compile(r"arn:[\w-]+:iam::\d{12}:role/.+")
_SAMPLE_RATE = re.compile(r"(HTTP|SQS|Lambda|Firehose|Application)SuccessFeedbackSampleRate")
_PERCENT = re.compile(r"100|[1-9]?[0-9]")
_LONGEST_NAME = 100
_SIZES = range(1024, 1_048_577)


def _check_policy(document: object) -> None:
    if not isinstance(document, Mapping) or not is_resource_policy(document):
        raise bad_parameter("Policy Error: null")
    for statement in listed(document["Statement"]):
        actions = [*listed(statement.get("Action")), *listed(statement.get("NotAction"))]
        if not all(one == "*" or str(one).lower().startswith("sns:") for one in actions):
            raise bad_parameter("Policy statement action out of service scope!")


def check_topic_attribute(name: str, value: str, fifo: bool) -> None:
    """Raise AwsError InvalidParameter for an invalid value, or an attribute that a topic of this kind does not have."""
    if name == "DisplayName":
        if len(value) > _LONGEST_NAME or (value and not value.isprintable()):
            raise bad_parameter("DisplayName")
    elif name == "Policy":
        if value:
            _check_policy(json_object(name, value))
    elif name == "DeliveryPolicy":
        if value:
            check_topic_policy(json_object(name, value))
    elif name in ("ContentBasedDeduplication", "FifoTopic"):
        if not fifo or value not in ("true", "false"):
            raise bad_parameter(name)
    elif name == "FifoThroughputScope":
        if not fifo or value not in ("Topic", "MessageGroup"):
            raise bad_parameter(name)
    elif name == "MaximumMessageSize":
        if whole_number(value) not in _SIZES:
            raise bad_parameter(name)
    elif name == "SignatureVersion":
        if value not in ("1", "2"):
            raise bad_parameter(name)
    elif name == "TracingConfig":
        if value not in ("PassThrough", "Active"):
            raise bad_parameter(name)
    elif name == "KmsMasterKeyId":
        return
    elif _SAMPLE_RATE.fullmatch(name):
        if value and not _PERCENT.fullmatch(value):
            raise bad_parameter(name)
    elif _FEEDBACK_ROLE.fullmatch(name):
        if value and not _ROLE.fullmatch(value):
            raise bad_parameter(name)
    elif name == "ArchivePolicy":
        if value:
            check_archive_policy(value, fifo)
    else:
        raise bad_parameter("AttributeName")
