"""Which records advanced event selectors choose, and which selectors are refused."""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.aws.errors import AwsError
from nightbus.services.cloudtrail.advanced_selectors import check_advanced, selects, wanted_types
from nightbus.services.cloudtrail.selectors import data_services

PUT: dict[str, Any] = {
    "eventCategory": "Data",
    "eventName": "PutObject",
    "eventSource": "s3.amazonaws.com",
    "eventType": "AwsApiCall",
    "readOnly": False,
    "managementEvent": False,
    "userIdentity": {"arn": "arn:aws:iam::123456789012:user/ann"},
    "resources": [
        {"ARN": "arn:aws:s3:::shop/invoices/1", "type": "AWS::S3::Object"},
        {"ARN": "arn:aws:s3:::shop", "type": "AWS::S3::Bucket"},
    ],
}
DATA = [
    {"Field": "eventCategory", "Equals": ["Data"]},
    {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
]
MANAGEMENT = [{"Field": "eventCategory", "Equals": ["Management"]}]


def selector(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"FieldSelectors": list(fields)}


@pytest.mark.parametrize(
    ("field", "is_chosen"),
    [
        ({"Field": "eventName", "Equals": ["GetObject", "PutObject"]}, True),
        ({"Field": "eventName", "Equals": ["GetObject"]}, False),
        ({"Field": "eventName", "StartsWith": ["Put"]}, True),
        ({"Field": "eventName", "EndsWith": ["Tagging"]}, False),
        ({"Field": "eventName", "NotEquals": ["PutObject"]}, False),
        ({"Field": "eventName", "NotStartsWith": ["Get", "Head"]}, True),
        ({"Field": "eventName", "NotEndsWith": ["Object"]}, False),
        ({"Field": "eventName", "StartsWith": ["Put"], "NotEndsWith": ["Acl"]}, True),
        ({"Field": "eventName", "StartsWith": ["Put"], "NotEquals": ["PutObject"]}, False),
        ({"Field": "readOnly", "Equals": ["false"]}, True),
        ({"Field": "readOnly", "Equals": ["true"]}, False),
        ({"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::shop/invoices/"]}, True),
        ({"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::other/"]}, False),
        ({"Field": "resources.ARN", "NotStartsWith": ["arn:aws:s3:::shop/"]}, False),
        ({"Field": "userIdentity.arn", "EndsWith": ["user/ann"]}, True),
        ({"Field": "userIdentity.arn", "NotEquals": ["arn:aws:iam::123456789012:user/ann"]}, False),
        ({"Field": "sessionCredentialFromConsole", "Equals": ["true"]}, False),
    ],
)
def test_a_field_chooses(field: dict[str, Any], is_chosen: bool) -> None:
    assert selects(selector(*DATA, field), PUT) is is_chosen


def test_all_fields_have_to_choose() -> None:
    assert selects(selector(*DATA), PUT)
    assert not selects(selector(*MANAGEMENT), PUT)
    topics = {"Field": "resources.type", "Equals": ["AWS::SNS::Topic"]}
    assert not selects(selector(DATA[0], topics), PUT)


def test_which_data_calls_are_recorded_for_selectors() -> None:
    assert wanted_types([selector(*DATA), selector(*MANAGEMENT)]) == ["AWS::S3::Object"]
    basic = {"DataResources": [{"Type": "AWS::Lambda::Function", "Values": ["arn:aws:lambda"]}]}
    value = {"selectors": [basic], "advanced": [selector(*DATA)]}
    assert data_services(value) == {"lambda", "s3"}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ([{"Field": "readOnly", "Equals": ["true"]}], "needs the field eventCategory"),
        ([{"Field": "eventCategory", "Equals": ["Management", "Data"]}], "with one value"),
        ([{"Field": "eventCategory", "NotEquals": ["Data"]}], "needs the field eventCategory"),
        ([{"Field": "eventCategory", "Equals": ["NetworkActivity"]}], "event category NetworkActivity"),
        ([DATA[0]], "needs the field resources.type"),
        ([DATA[0], {"Field": "resources.type", "Equals": ["AWS::DynamoDB::Table"]}], "AWS::DynamoDB::Table"),
        ([*MANAGEMENT, {"Field": "resources.ARN", "Equals": ["x"]}], "cannot be used"),
        ([*MANAGEMENT, {"Field": "readOnly"}], "at least one operator"),
        ([*MANAGEMENT, *MANAGEMENT], "only once"),
        ([*MANAGEMENT, {"Field": "eventName", "Equals": [str(at) for at in range(501)]}], "more than 500"),
    ],
)
def test_what_is_refused(fields: list[dict[str, Any]], text: str) -> None:
    with pytest.raises(AwsError, match=text):
        check_advanced([selector(*fields)])
