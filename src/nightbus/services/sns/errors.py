"""The errors of SNS, in its own words. Codes are those on the wire; statuses are the model's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nightbus.aws.errors import AwsError

_PREFIX = "Invalid parameter: "


def invalid(text: str) -> AwsError:
    return AwsError("InvalidParameter", f"{_PREFIX}{text}")


@contextlib.contextmanager
def attributes_named() -> Iterator[None]:
    """Where attributes are given all at once, what is wrong with one of them is said of `Attributes`."""
    try:
        yield
    except AwsError as error:
        if error.code != "InvalidParameter":
            raise
        raise invalid(f"Attributes Reason: {error.message.removeprefix(_PREFIX)}") from None


def not_authorized(why: str) -> AwsError:
    return AwsError("AuthorizationError", why, 403)


def no_topic() -> AwsError:
    return AwsError("NotFound", "Topic does not exist", 404)


def no_subscription() -> AwsError:
    return AwsError("NotFound", "Subscription does not exist", 404)


def invalid_token() -> AwsError:
    return invalid("NextToken Reason: invalid value")
