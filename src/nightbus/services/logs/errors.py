"""Makes the errors that CloudWatch Logs raises, with AWS's codes and messages."""

from __future__ import annotations

from nightbus.aws.errors import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def no_group() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified log group does not exist.")


def no_stream() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified log stream does not exist.")


def exists(noun: str) -> AwsError:
    return AwsError("ResourceAlreadyExistsException", f"The specified {noun} already exists")


def bad_token() -> AwsError:
    return invalid("The specified nextToken is invalid.")
