"""Maps the errors of services to the error codes of resource handlers, and to the errors of what only reads."""

from __future__ import annotations

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
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
_EXCEPTIONS = {
    "GeneralServiceException": "GeneralServiceException",
    "InternalFailure": "HandlerInternalFailureException",
    "NotFound": "ResourceNotFoundException",
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


def reading_error(type_name: str, failure: AwsError) -> AwsError:
    """Return the error of GetResource and ListResources for one that a service gave to the handler of the type.

    The text is AWS's: https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-cloudformation/issues/113
    """
    code, message = handler_error(failure)
    which = f"(HandlerErrorCode: {code}, RequestToken: {new_uuid()})"
    told = f"{type_name} Handler returned status FAILED: {message} {which}"
    return AwsError(_EXCEPTIONS.get(code, f"{code}Exception"), told)
