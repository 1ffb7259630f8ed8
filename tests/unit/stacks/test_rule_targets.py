"""Targets in a template, as PutTargets takes them."""

from __future__ import annotations

import pytest

from nightbus.aws.errors import AwsError
from nightbus.stacks.resources.events.rule_targets import api_target


def test_numbers_and_the_names_of_ecs() -> None:
    vpc = {"Subnets": ["s"]}
    target = {
        "Id": "t",
        "RetryPolicy": {"MaximumRetryAttempts": "3"},
        "EcsParameters": {
            "TaskDefinitionArn": "arn",
            "TaskCount": "2",
            "TagList": [{"Key": "a", "Value": "1"}],
            "NetworkConfiguration": {"AwsVpcConfiguration": vpc},
            "CapacityProviderStrategy": [{"CapacityProvider": "c", "Weight": "1"}],
            "PlacementStrategies": [{"Type": "spread", "Field": "f"}],
        },
    }
    assert api_target(target) == {
        "Id": "t",
        "RetryPolicy": {"MaximumRetryAttempts": 3},
        "EcsParameters": {
            "TaskDefinitionArn": "arn",
            "TaskCount": 2,
            "Tags": [{"Key": "a", "Value": "1"}],
            "NetworkConfiguration": {"awsvpcConfiguration": vpc},
            "CapacityProviderStrategy": [{"capacityProvider": "c", "weight": 1}],
            "PlacementStrategy": [{"type": "spread", "field": "f"}],
        },
    }
    batch = {"JobName": "j", "ArrayProperties": {"Size": "3"}, "RetryStrategy": {"Attempts": "2"}}
    made = api_target({"BatchParameters": batch, "RedshiftDataParameters": {"Sql": "7", "WithEvent": "true"}})
    assert made == {
        "BatchParameters": {"JobName": "j", "ArrayProperties": {"Size": 3}, "RetryStrategy": {"Attempts": 2}},
        "RedshiftDataParameters": {"Sql": "7", "WithEvent": True},
    }
    with pytest.raises(AwsError, match="TaskCount"):
        api_target({"EcsParameters": {"TaskCount": "many"}})
