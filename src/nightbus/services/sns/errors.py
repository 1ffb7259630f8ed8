"""The errors of SNS, in its own words. Codes are those on the wire; statuses are the model's."""

from __future__ import annotations

from nightbus.aws.errors import AwsError


def invalid(text: str) -> AwsError:
    return AwsError("InvalidParameter", f"Invalid parameter: {text}")


def no_topic() -> AwsError:
    return AwsError("NotFound", "Topic does not exist", 404)


def no_subscription() -> AwsError:
    return AwsError("NotFound", "Subscription does not exist", 404)


def invalid_token() -> AwsError:
    return invalid("NextToken Reason: invalid value")
