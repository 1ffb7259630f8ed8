"""Makes the errors that Secrets Manager raises, with AWS's codes and messages."""

from __future__ import annotations

from nightbus.aws.errors import AwsError


def invalid_parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def invalid_request(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message)


def no_secret() -> AwsError:
    return AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")


def no_value(what: str) -> AwsError:
    """Return the error for a version that is not there. `what` is such as "staging label: AWSCURRENT"."""
    return AwsError(
        "ResourceNotFoundException", f"Secrets Manager can't find the specified secret value for {what}"
    )


def secret_exists(name: str) -> AwsError:
    return AwsError(
        "ResourceExistsException", f"The operation failed because the secret {name} already exists."
    )


def token_in_use(token: str, arn: str) -> AwsError:
    return AwsError(
        "ResourceExistsException",
        f"You can't use ClientRequestToken {token} because that value is already in use for a version of secret {arn}.",
    )


def scheduled_name() -> AwsError:
    return invalid_request(
        "You can't create this secret because a secret with this name is already scheduled for deletion."
    )


def marked_for_deletion() -> AwsError:
    return invalid_request(
        "You can't perform this operation on the secret because it was marked for deletion."
    )


def deleted_already() -> AwsError:
    return invalid_request("You tried to perform the operation on a secret that's currently marked deleted.")


def owned_by(service: str) -> AwsError:
    return invalid_request(
        f"You can't perform this operation on the secret because it is managed by {service}.amazonaws.com."
    )


def access_denied(message: str) -> AwsError:
    return AwsError("AccessDeniedException", message)


def limit_exceeded(message: str) -> AwsError:
    return AwsError("LimitExceededException", message)


def invalid_token() -> AwsError:
    return AwsError("InvalidNextTokenException", "Invalid NextToken.")
