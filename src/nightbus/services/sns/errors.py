"""Makes the errors that SNS raises, with its messages. Codes are those on the wire; statuses are those of the model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nightbus.aws.errors import AwsError

_PREFIX = "Invalid parameter: "
_ELEMENTS = 6
_UNKNOWN = f"{_PREFIX}AttributeName"


def bad_parameter(text: str) -> AwsError:
    return AwsError("InvalidParameter", f"{_PREFIX}{text}")


def bad_arn(parameter: str, text: str) -> AwsError:
    """Return the error for a text that is not the ARN that the parameter asks for."""
    elements = text.count(":") + 1
    if elements < _ELEMENTS:
        return bad_parameter(
            f"{parameter} Reason: An ARN must have at least {_ELEMENTS} elements, not {elements}"
        )
    return bad_parameter(parameter)


@contextlib.contextmanager
def errors_name_attributes() -> Iterator[None]:
    """Make errors name the parameter `Attributes`, for calls that have all attributes in one parameter."""
    try:
        yield
    except AwsError as error:
        if error.code != "InvalidParameter" or error.message == _UNKNOWN:
            raise
        raise bad_parameter(f"Attributes Reason: {error.message.removeprefix(_PREFIX)}") from None


def not_authorized(message: str) -> AwsError:
    return AwsError("AuthorizationError", message, 403)


def no_topic() -> AwsError:
    return AwsError("NotFound", "Topic does not exist", 404)


def no_subscription() -> AwsError:
    return AwsError("NotFound", "Subscription does not exist", 404)


def invalid_next_token() -> AwsError:
    return bad_parameter("NextToken Reason: invalid value")
