"""Writes CloudFormation's texts for the reasons of failures in stack events and states. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.stacks.interface import ResourceFailure
from nightbus.stacks.templates.dynamic_references import Unresolved
from nightbus.store.upkeep import is_passing

INITIATED = "Resource creation Initiated"
EXPRESS_COMPLETED = (
    "Resource operation completed using Express Mode. It may continue becoming available in the background."
)
IMPORTING = "Resource import started."
IMPORTED = "Resource import completed."
TIMED_OUT = "Stack creation time exceeded the specified timeout."
USER_INITIATED = "User Initiated"
CREATION_CANCELLED = "Resource creation cancelled"
UPDATE_CANCELLED = "Resource update cancelled"
REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."
ROLLBACK_REQUESTED = "Rollback requested by user."

# The codes that AWS's resource handlers report, by a word in the error's code. The first one that matches applies.
_HANDLER_CODES: Sequence[tuple[str, str]] = (
    ("AlreadyExists", "AlreadyExists"),
    ("AlreadyOwnedByYou", "AlreadyExists"),
    ("ResourceConflict", "AlreadyExists"),
    ("NotFound", "NotFound"),
    ("NoSuch", "NotFound"),
    ("AccessDenied", "AccessDenied"),
    ("NotAuthorized", "AccessDenied"),
    ("AuthorizationError", "AccessDenied"),
    ("Throttl", "Throttling"),
    ("TooManyRequests", "Throttling"),
    ("LimitExceeded", "ServiceLimitExceeded"),
    ("NotStabilized", "NotStabilized"),
    ("Validation", "InvalidRequest"),
    ("Invalid", "InvalidRequest"),
    ("Malformed", "InvalidRequest"),
    ("NotImplemented", "InvalidRequest"),
)


def handler_code(error: BaseException) -> str:
    if not isinstance(error, AwsError):
        return "InternalFailure"
    for word, code in _HANDLER_CODES:
        if word in error.code:
            return code
    return "GeneralServiceException"


def is_refusal(error: BaseException) -> bool:
    """Return whether the service has refused the call, which has changed nothing then."""
    return handler_code(error) == "AccessDenied"


def failure(error: BaseException, type_name: str, request_id: str) -> str:
    """Return the reason of a resource's *_FAILED event.

    Raises the error itself if it is a temporary one of the store: then no resource has failed, and the operation
    continues later.
    """
    if is_passing(error):
        raise error
    if isinstance(error, ResourceFailure | Unresolved):
        return error.message
    token, code = new_uuid(), handler_code(error)
    if isinstance(error, AwsError):
        service = type_name.split("::")[1] if type_name.count("::") == 2 else type_name
        message = (
            f"{error.message} (Service: {service}, Status Code: {error.status}, Request ID: {request_id})"
        )
    else:
        message = f"Internal error occurred: {type(error).__name__}: {error}"
    return f'Resource handler returned message: "{message}" (RequestToken: {token}, HandlerErrorCode: {code})'


def nothing_to_import(type_name: str, physical_id: str) -> str:
    return f"Resource of type '{type_name}' with identifier '{physical_id}' was not found."


def missing_signals(wanted: int, received: int, failed: int) -> str:
    """Return the reason of a resource whose CreationPolicy got `received` signals of `wanted`, `failed` of failure."""
    if failed:
        return (
            f"Received {failed} FAILURE signal(s) out of {wanted}. Unable to satisfy 100% "
            "MinSuccessfulInstancesPercent requirement"
        )
    return f"Failed to receive {wanted - received} resource signal(s) within the specified duration"


def summary(failed: Mapping[str, Sequence[str]]) -> str:
    """Return the reason of a stack's failure. `failed` has logical ids by "create", "update" or "delete"."""
    parts = [
        f"The following resource(s) failed to {verb}: [{', '.join(names)}]."
        for verb, names in failed.items()
        if names
    ]
    return " ".join(parts)
