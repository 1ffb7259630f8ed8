"""Does a dead letter call an error what EventBridge calls it?

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html lists the codes.
"""

from __future__ import annotations

import pytest

from nightbus.delivery.error_codes import error_code


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("AccessDeniedException", "NO_PERMISSIONS"),
        ("AuthorizationErrorException", "NO_PERMISSIONS"),
        ("KMSAccessDeniedException", "NO_PERMISSIONS"),
        ("UnrecognizedClientException", "NO_PERMISSIONS"),
        ("ThrottlingException", "THROTTLING"),
        ("KMSThrottlingException", "THROTTLING"),
        ("TooManyRequestsException", "THROTTLING"),
        ("ProvisionedThroughputExceededException", "THROTTLING"),
        ("Timeout", "TIMEOUT"),
        ("ConnectionFailure", "CONNECTION_FAILURE"),
        ("ResourceNotFoundException", "NO_RESOURCE"),
        ("NotFound", "NO_RESOURCE"),
        ("ClusterNotFoundException", "NO_RESOURCE"),
        ("EntityNotFoundException", "NO_RESOURCE"),
        ("StateMachineDoesNotExist", "NO_RESOURCE"),
        ("QueueDoesNotExist", "NO_RESOURCE"),
        ("AWS.SimpleQueueService.NonExistentQueue", "NO_RESOURCE"),
        ("ResourceAlreadyExistsException", "RESOURCE_ALREADY_EXISTS"),
        ("ResourceConflictException", "RESOURCE_MODIFICATION_COLLISION"),
        ("ConcurrentModificationException", "RESOURCE_MODIFICATION_COLLISION"),
        ("ExecutionLimitExceeded", "RESOURCE_LIMIT_EXCEEDED"),
        ("INVALID_JSON", "INVALID_JSON"),
        ("InvalidRequestContentException", "INVALID_JSON"),
        ("InvalidParameterValueException", "INVALID_PARAMETER"),
        ("ValidationException", "INVALID_PARAMETER"),
        ("InternalFailure", "INTERNAL_ERROR"),
        ("ServiceException", "ERROR_FROM_TARGET"),
        ("HTTP_503", "ERROR_FROM_TARGET"),
        ("HTTP_400", "SDK_CLIENT_ERROR"),
        ("NoCredentialsError", "SDK_CLIENT_ERROR"),
        ("ThirdAccountHop", "THIRD_ACCOUNT_HOP_DETECTED"),
        ("ThirdRegionHop", "THIRD_REGION_HOP_DETECTED"),
    ],
)
def test_what_an_error_is_called(code: str, told: str) -> None:
    assert error_code(code) == told
