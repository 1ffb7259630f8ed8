"""Makes the errors that IAM raises, with IAM's codes and messages."""

from __future__ import annotations

from nightbus.aws.errors import AwsError


def no_such_entity(noun: str, name: str) -> AwsError:
    """`noun` is "role", "user" or "group"."""
    return AwsError("NoSuchEntity", f"The {noun} with name {name} cannot be found.", 404)


def no_such_policy(arn: str) -> AwsError:
    return AwsError("NoSuchEntity", f"Policy {arn} was not found.", 404)


def not_attachable(arn: str) -> AwsError:
    return AwsError("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", 404)


def no_such_policy_version(arn: str, version: str) -> AwsError:
    text = f"Policy {arn} version {version} does not exist or is not attachable."
    return AwsError("NoSuchEntity", text, 404)


def already_exists(message: str) -> AwsError:
    return AwsError("EntityAlreadyExists", message, 409)


def limit_exceeded(message: str) -> AwsError:
    return AwsError("LimitExceeded", message, 409)


def delete_conflict(message: str) -> AwsError:
    return AwsError("DeleteConflict", message, 409)


def invalid_input(message: str) -> AwsError:
    return AwsError("InvalidInput", message)
