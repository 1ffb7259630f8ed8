"""A template's URL names a bucket and a key of this node."""

from __future__ import annotations

import pytest

from nightbus.aws.errors import AwsError
from nightbus.services.cloudformation.sources import object_of

HERE = "http://127.0.0.1:4566"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://127.0.0.1:4566/b/a/k.json?versionId=v1", ("b", "a/k.json", "v1")),
        ("http://localhost:4566/b/k", ("b", "k", "")),
        ("http://b.localhost:4566/k%20k", ("b", "k k", "")),
        ("http://b.s3.localhost:4566/k", ("b", "k", "")),
        ("https://s3.amazonaws.com/b/k", ("b", "k", "")),
        ("https://s3.eu-west-1.amazonaws.com/b/k", ("b", "k", "")),
        ("https://s3-eu-west-1.amazonaws.com/b/k", ("b", "k", "")),
        ("https://b.c.s3.eu-west-1.amazonaws.com/k/l", ("b.c", "k/l", "")),
        ("https://b.s3.amazonaws.com/k", ("b", "k", "")),
    ],
)
def test_urls_that_name_objects(url: str, found: tuple[str, str, str]) -> None:
    assert object_of(url, HERE) == found


def test_the_node_is_s3_under_whatever_name_it_is_reached() -> None:
    assert object_of("http://night.example:4566/b/k", "http://night.example:4566") == ("b", "k", "")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("k.json", "TemplateURL must be a supported URL."),
        ("file:///etc/passwd", "TemplateURL must be a supported URL."),
        ("https://example.com/b/k", "TemplateURL must be a supported URL."),
        (
            "https://s3.amazonaws.com/b",
            "TemplateURL must reference a valid S3 object to which you have access.",
        ),
    ],
)
def test_other_urls_are_refused(url: str, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        object_of(url, HERE)
    assert refused.value.message == message
