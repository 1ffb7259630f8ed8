"""Makes the errors about keys that KMS raises, with its codes and messages; other services translate them."""

from __future__ import annotations

from nightbus.aws.errors import AwsError


def not_found(message: str) -> AwsError:
    return AwsError("NotFoundException", message)


def no_key(arn: str) -> AwsError:
    return not_found(f"Key '{arn}' does not exist")


def no_alias(arn: str) -> AwsError:
    return not_found(f"Alias {arn} is not found.")


def invalid_key_id(identifier: str) -> AwsError:
    return not_found(f"Invalid keyId {identifier}")


def disabled(arn: str) -> AwsError:
    return AwsError("DisabledException", f"{arn} is disabled.")


def invalid_state(message: str) -> AwsError:
    return AwsError("KMSInvalidStateException", message)


_STATES = {
    "PendingDeletion": "pending deletion",
    "PendingImport": "pending import",
    "PendingReplicaDeletion": "pending replica deletion",
    "Disabled": "disabled",
    "Enabled": "enabled",
}


def is_in_state(arn: str, state: str) -> AwsError:
    """Return the error for an operation that a key in this state does not allow."""
    return invalid_state(f"{arn} is {_STATES[state]}.")


def wrong_usage(arn: str, usage: str, operation: str) -> AwsError:
    return AwsError(
        "InvalidKeyUsageException", f"{arn} key usage is {usage} which is not valid for {operation}."
    )


def wrong_algorithm(algorithm: str, spec: str) -> AwsError:
    return AwsError(
        "InvalidKeyUsageException", f"Algorithm {algorithm} is incompatible with key spec {spec}."
    )


def access_denied(message: str) -> AwsError:
    return AwsError("AccessDeniedException", message)


def other_account(caller: str, action: str, arn: str) -> AwsError:
    """Return the refusal that does not say whether another account's key exists."""
    return access_denied(
        f"User: {caller} is not authorized to perform: {action} on resource: {arn} because the resource does not "
        "exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly "
        "denies access"
    )
