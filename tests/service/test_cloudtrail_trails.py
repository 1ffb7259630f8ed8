"""A trail puts log files of what its selectors want into its bucket, for each Region."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nodes import TWO_NODES

ACCOUNT = "310000000009"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": ["s3:PutObject", "s3:GetBucketAcl"],
            "Resource": ["arn:aws:s3:::BUCKET/*", "arn:aws:s3:::BUCKET"],
        }
    ],
}


@pytest.fixture(scope="module")
def trails(node: Any) -> Any:
    return node.client("cloudtrail", account=ACCOUNT)


def make_bucket(client: Callable[..., Any], name: str) -> Any:
    s3 = client("s3", account=ACCOUNT)
    s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(POLICY).replace("BUCKET", name))
    return s3


def delivered(s3: Any, bucket: str) -> dict[str, list[dict[str, Any]]]:
    """The records by the keys of their files."""
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"] if one["Size"]]
    bodies = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    return {key: json.loads(gzip.decompress(body))["Records"] for key, body in bodies.items()}


@pytest.mark.skipif(TWO_NODES, reason="the other node writes its records a moment later")
def test_a_trail_delivers_what_happens_between_its_start_and_its_stop(
    client: Callable[..., Any], trails: Any
) -> None:
    s3 = make_bucket(client, "trail-one")
    made = trails.create_trail(
        Name="one", S3BucketName="trail-one", S3KeyPrefix="audit", IsMultiRegionTrail=True
    )
    assert made["TrailARN"] == f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/one"
    client("sns", account=ACCOUNT).create_topic(Name="before")
    trails.start_logging(Name="one")
    client("sns", account=ACCOUNT).create_topic(Name="during")
    client("sns", account=ACCOUNT, region="eu-west-1").create_topic(Name="elsewhere")
    assert trails.get_trail_status(Name="one")["IsLogging"]
    trails.stop_logging(Name=made["TrailARN"])
    client("sns", account=ACCOUNT).create_topic(Name="after")
    status = trails.get_trail_status(Name="one")
    assert (status["IsLogging"], status.get("LatestDeliveryError")) == (False, None)
    assert status["LatestDeliveryTime"]
    files = delivered(s3, "trail-one")
    topics = {
        record["requestParameters"]["name"]: (record["awsRegion"], key)
        for key, records in files.items()
        for record in records
        if record["eventName"] == "CreateTopic"
    }
    assert {name: region for name, (region, _) in topics.items()} == {
        "during": "us-east-1",
        "elsewhere": "eu-west-1",
    }
    beginning = f"audit/AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1/2"
    assert topics["elsewhere"][1].startswith(beginning)
    assert topics["elsewhere"][1].endswith(".json.gz")
    trails.start_logging(Name="one")
    trails.stop_logging(Name="one")
    assert [key for key in delivered(s3, "trail-one") if "eu-west-1" in key] == [topics["elsewhere"][1]]


@pytest.mark.skipif(TWO_NODES, reason="the other node writes its records a moment later")
def test_selectors_choose_reads_or_writes(client: Callable[..., Any], trails: Any) -> None:
    s3 = make_bucket(client, "trail-writes")
    trails.create_trail(Name="writes", S3BucketName="trail-writes")
    assert trails.get_event_selectors(TrailName="writes")["EventSelectors"][0]["ReadWriteType"] == "All"
    trails.put_event_selectors(TrailName="writes", EventSelectors=[{"ReadWriteType": "WriteOnly"}])
    assert trails.get_trail(Name="writes")["Trail"]["HasCustomEventSelectors"]
    trails.start_logging(Name="writes")
    client("sns", account=ACCOUNT).create_topic(Name="written")
    client("sns", account=ACCOUNT).list_topics()
    trails.stop_logging(Name="writes")
    names = [record["eventName"] for records in delivered(s3, "trail-writes").values() for record in records]
    assert "CreateTopic" in names
    assert "ListTopics" not in names


def test_trails_are_listed_in_every_region_that_they_log(client: Callable[..., Any], trails: Any) -> None:
    make_bucket(client, "trail-listed")
    trails.create_trail(
        Name="listed",
        S3BucketName="trail-listed",
        IsMultiRegionTrail=True,
        TagsList=[{"Key": "a", "Value": "1"}],
    )
    there = client("cloudtrail", account=ACCOUNT, region="eu-west-1")
    shadows = {one["Name"]: one["HomeRegion"] for one in there.describe_trails()["trailList"]}
    assert shadows["listed"] == "us-east-1"
    assert there.describe_trails(includeShadowTrails=False)["trailList"] == []
    (listed,) = [one for one in there.list_trails()["Trails"] if one["Name"] == "listed"]
    with pytest.raises(ClientError, match="InvalidHomeRegionException"):
        there.stop_logging(Name=listed["TrailARN"])
    trails.add_tags(ResourceId=listed["TrailARN"], TagsList=[{"Key": "b", "Value": "2"}])
    trails.remove_tags(ResourceId=listed["TrailARN"], TagsList=[{"Key": "a"}])
    (tagged,) = trails.list_tags(ResourceIdList=[listed["TrailARN"]])["ResourceTagList"]
    assert tagged["TagsList"] == [{"Key": "b", "Value": "2"}]
    trails.delete_trail(Name="listed")
    with pytest.raises(ClientError, match="TrailNotFoundException"):
        trails.get_trail(Name="listed")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"Name": "no such name?", "S3BucketName": "trail-one"}, "InvalidTrailNameException"),
        ({"Name": "192.168.5.4", "S3BucketName": "trail-one"}, "InvalidTrailNameException"),
        ({"Name": "nowhere", "S3BucketName": "no-such-bucket-at-all"}, "S3BucketDoesNotExistException"),
        ({"Name": "keyed", "S3BucketName": "trail-one", "KmsKeyId": "alias/x"}, "KmsKeyNotFoundException"),
        (
            {
                "Name": "mixed", "S3BucketName": "trail-one", "IsMultiRegionTrail": True,
                "IncludeGlobalServiceEvents": False,
            },
            "InvalidParameterCombinationException",
        ),
    ],
)  # fmt: skip
def test_what_create_trail_refuses(trails: Any, request_: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError, match=code):
        trails.create_trail(**request_)


def test_selectors_of_data_events_are_kept(client: Callable[..., Any], trails: Any) -> None:
    make_bucket(client, "trail-data")
    trails.create_trail(Name="data", S3BucketName="trail-data")
    resources = [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]
    trails.put_event_selectors(TrailName="data", EventSelectors=[{"DataResources": resources}])
    (selector,) = trails.get_event_selectors(TrailName="data")["EventSelectors"]
    assert selector["DataResources"] == resources
    with pytest.raises(ClientError, match="AWS::DynamoDB::Table"):
        trails.put_event_selectors(
            TrailName="data",
            EventSelectors=[
                {"DataResources": [{"Type": "AWS::DynamoDB::Table", "Values": ["arn:aws:dynamodb"]}]}
            ],
        )
