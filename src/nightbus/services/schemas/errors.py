"""Makes the errors that EventBridge Schemas raises. Codes and statuses are those of botocore's model."""

from __future__ import annotations

from nightbus.aws.errors import AwsError


def bad_request(text: str) -> AwsError:
    return AwsError("BadRequestException", text, 400)


def bad_token() -> AwsError:
    return bad_request("The NextToken is invalid.")


def conflict(text: str) -> AwsError:
    return AwsError("ConflictException", text, 409)


def not_found(text: str) -> AwsError:
    return AwsError("NotFoundException", text, 404)


def no_registry(name: str) -> AwsError:
    return not_found(f"Registry with name {name} does not exist.")


def no_schema(name: str) -> AwsError:
    return not_found(f"Schema with name {name} does not exist.")


def no_version(name: str, version: str) -> AwsError:
    return not_found(f"Schema with name {name} and version {version} does not exist.")


def is_not_exported() -> AwsError:
    """AWS exports its own schemas and discovered ones only, of which there are none here."""
    return AwsError("ForbiddenException", "You cannot export non discovered or non aws managed schemas.", 403)
