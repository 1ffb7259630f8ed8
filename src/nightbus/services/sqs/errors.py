"""Makes the errors that SQS raises, with SQS's codes and messages."""

from __future__ import annotations

from nightbus.aws.errors import AwsError


def no_such_queue() -> AwsError:
    return AwsError("QueueDoesNotExist", "The specified queue does not exist.")


def hidden_queue() -> AwsError:
    return AwsError(
        "QueueDoesNotExist", "The specified queue does not exist or you do not have access to it."
    )


def queue_access_denied(message: str) -> AwsError:
    return AwsError("AccessDenied", message, 403)


def invalid_parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


def invalid_value(value: object, parameter: str, reason: str) -> AwsError:
    return invalid_parameter(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def missing_parameter(name: str) -> AwsError:
    return AwsError("MissingParameter", f"The request must contain the parameter {name}.")


def outside_range(value: object, parameter: str, least: int, most: int) -> AwsError:
    return invalid_value(value, parameter, f"Must be >= {least} and <= {most}, if provided.")


def unknown_attribute(name: str) -> AwsError:
    return AwsError("InvalidAttributeName", f"Unknown Attribute {name}.")


def invalid_attribute(name: str, reason: str = "") -> AwsError:
    text = f"Invalid value for the parameter {name}." + (f" Reason: {reason}" if reason else "")
    return AwsError("InvalidAttributeValue", text)


def invalid_handle(handle: str, reason: str) -> AwsError:
    return invalid_value(handle, "ReceiptHandle", reason)


def malformed_handle(handle: str) -> AwsError:
    return AwsError(
        "ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not a valid receipt handle.', 404
    )


def invalid_page_token() -> AwsError:
    return invalid_parameter("Invalid or expired next token.")
