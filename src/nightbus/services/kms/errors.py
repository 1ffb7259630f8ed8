"""Makes the errors of KMS's operations, with AWS's codes and messages.

Those about a key, which other services translate, are in `nightbus.keys.errors`.
"""

from __future__ import annotations

from nightbus.aws.errors import AwsError, validation_error
from nightbus.keys.errors import access_denied


def unknown_ciphertext() -> AwsError:
    return access_denied(
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you "
        "are not allowed to access."
    )


def invalid_ciphertext() -> AwsError:
    return AwsError("InvalidCiphertextException", "")


def incorrect_key() -> AwsError:
    return AwsError(
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
    )


def limit_exceeded(message: str) -> AwsError:
    return AwsError("LimitExceededException", message)


def unsupported_operation(message: str = "") -> AwsError:
    return AwsError("UnsupportedOperationException", message)


def dry_run() -> AwsError:
    return AwsError(
        "DryRunOperationException", "The request would have succeeded, but the DryRun option is set."
    )


def bad_marker() -> AwsError:
    return AwsError("InvalidMarkerException", "The marker is invalid.")


INVALID_PRINCIPALS = "Policy contains a statement with one or more invalid principals."


def malformed_policy(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocumentException", message)


def tag_error(message: str) -> AwsError:
    return AwsError("TagException", message)


def invalid(message: str) -> AwsError:
    return validation_error(message)
