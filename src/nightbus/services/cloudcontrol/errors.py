"""Maps the errors of services to the error codes of resource handlers."""

from __future__ import annotations

from nightbus.aws.errors import AwsError
from nightbus.stacks.resources.outcomes import is_gone, is_there_already

_BEGINNINGS = {  # of an error's code; the first that fits
    "AlreadyExists": "AlreadyExists",
    "AccessDenied": "AccessDenied",
    "NotAuthorized": "AccessDenied",
    "AuthorizationError": "AccessDenied",
    "Throttl": "Throttling",
    "TooManyRequests": "Throttling",
    "LimitExceeded": "ServiceLimitExceeded",
    "ResourceLimit": "ServiceLimitExceeded",
    "NotStabilized": "NotStabilized",
    "ResourceConflict": "ResourceConflict",
    "Conflict": "ResourceConflict",
    "ResourceInUse": "ResourceConflict",
    "Invalid": "InvalidRequest",
    "Validation": "InvalidRequest",
    "Malformed": "InvalidRequest",
    "BadRequest": "InvalidRequest",
    "NotImplemented": "InvalidRequest",
    "ResourceNotFound": "NotFound",
}


def handler_error(failure: Exception) -> tuple[str, str]:
    """Return the ErrorCode and the StatusMessage of a failed request."""
    if not isinstance(failure, AwsError):
        return "InternalFailure", "Internal Failure"
    if is_there_already(failure):
        return "AlreadyExists", failure.message
    if is_gone(failure):
        return "NotFound", failure.message
    code = next((one for begin, one in _BEGINNINGS.items() if failure.code.startswith(begin)), "")
    return code or "GeneralServiceException", failure.message
