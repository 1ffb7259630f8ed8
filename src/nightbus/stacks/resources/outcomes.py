"""Classifies errors of services: whether a resource does not exist, or exists already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from nightbus.aws.errors import AwsError

_GONE = frozenset(
    {
        "ResourceNotFoundException", "NoSuchEntity", "NoSuchEntityException", "NoSuchBucket", "NoSuchBucketPolicy",
        "NotFoundException", "NoSuchTagSet", "QueueDoesNotExist", "NotFound", "ResourceNotFound",
        "ProvisionedConcurrencyConfigNotFoundException", "RepositoryNotFoundException",
        "RepositoryPolicyNotFoundException", "LifecyclePolicyNotFoundException",
        "ParameterNotFound", "InvalidResourceId", "TrailNotFoundException",
        "NoSuchLifecycleConfiguration", "NoSuchCORSConfiguration", "ObjectLockConfigurationNotFoundError",
        "NoSuchPublicAccessBlockConfiguration", "OwnershipControlsNotFoundError",
    }
)  # fmt: skip
_THERE = frozenset(
    {
        "ResourceConflictException", "ResourceAlreadyExistsException", "EntityAlreadyExists",
        "EntityAlreadyExistsException", "AlreadyExistsException", "BucketAlreadyOwnedByYou", "QueueNameExists",
        "RepositoryAlreadyExistsException", "TrailAlreadyExistsException",
        "ParameterAlreadyExists", "ResourceExistsException",
    }
)  # fmt: skip


_IMPOSSIBLE = frozenset({"InvalidParameter", "InvalidAddress"})  # of SNS and SQS
_BY_THE_MODEL = "validation error"  # "1 validation error detected: ..." of all services


@contextmanager
def ignore_missing() -> Iterator[None]:
    """Ignore the error that a resource does not exist, for deletions."""
    try:
        yield
    except AwsError as error:
        if error.code not in _GONE:
            raise


def is_there_already(error: AwsError) -> bool:
    return error.code in _THERE


def is_impossible(error: AwsError) -> bool:
    """Return whether a service says that nothing can have the name or the ARN of the request."""
    return error.code in _IMPOSSIBLE or _BY_THE_MODEL in error.message


def is_gone(error: AwsError) -> bool:
    return error.code in _GONE


def exists_elsewhere(name: str) -> AwsError:
    return AwsError("AlreadyExists", f"{name} already exists")


@asynccontextmanager
async def undone_on_failure(undo: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Undo the first step of a creation if a further step fails."""
    try:
        yield
    except AwsError:
        with suppress(AwsError):
            await undo
        raise
    finally:
        undo.close()
