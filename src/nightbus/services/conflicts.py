"""Makes the error for a caller whose change failed because others kept changing the same record.

The node itself repeats a change after a conflict (`nightbus.store.conflicts`), so the error needs hundreds of
concurrent callers. It is the one that the service's model has for this case, else one after which every SDK retries.
"""

from __future__ import annotations

from nightbus.aws.errors import AwsError

_THROTTLED = ("Throttling", 400)
_CODES = {
    # service: the error's code and HTTP status
    "events": ("ConcurrentModificationException", 400),
    "iam": ("ConcurrentModification", 409),
    "lambda": ("ResourceConflictException", 409),
    "logs": ("OperationAbortedException", 400),
    "s3": ("OperationAborted", 409),
    "sns": ("ConcurrentAccess", 400),
}


def conflict_error(service: str, key: str) -> AwsError:
    """Return the error of the service. `key` names the record that was changed."""
    code, status = _CODES.get(service, _THROTTLED)
    return AwsError(code, f"{key} is being changed by other requests. Please try again.", status)
