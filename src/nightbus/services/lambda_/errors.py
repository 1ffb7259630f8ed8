"""Makes the errors that Lambda raises, with AWS's codes and messages."""

from __future__ import annotations

from nightbus.aws.errors import AwsError

_USER = {"Type": "User"}


def invalid_parameter_value(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message, 400, fields=_USER)


def beyond_limit(member: str, value: object, constraint: str) -> AwsError:
    """Return the error for a value beyond a limit that is narrower than the model's, with the model's wording."""
    return AwsError(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}",
    )


def not_found(message: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message, 404, fields=_USER)


def no_function(arn: str) -> AwsError:
    return not_found(f"Function not found: {arn}")


def no_resource() -> AwsError:
    return not_found("The resource you requested does not exist.")


def conflict(message: str) -> AwsError:
    return AwsError("ResourceConflictException", message, 409, fields=_USER)


def wrong_revision() -> AwsError:
    return AwsError(
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
        412,
        fields=_USER,
    )


def throttled(reason: str) -> AwsError:
    fields = {**_USER, "Reason": reason, "retryAfterSeconds": "1"}
    return AwsError("TooManyRequestsException", "Rate Exceeded.", 429, fields=fields)


def too_large(message: str) -> AwsError:
    return AwsError("RequestTooLargeException", message, 413, fields=_USER)


def unreadable_payload(message: str) -> AwsError:
    return AwsError("InvalidRequestContentException", message, 400, fields=_USER)


def bad_marker() -> AwsError:
    return invalid_parameter_value("The provided marker is not valid.")
