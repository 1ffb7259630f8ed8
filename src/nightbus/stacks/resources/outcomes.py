"""Judges errors of services: whether a resource is gone already, or there already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from nightbus.aws.errors import AwsError

_GONE = frozenset(
    {
        "ResourceNotFoundException", "NoSuchEntity", "NoSuchEntityException", "NoSuchBucket", "NoSuchBucketPolicy",
        "NotFoundException", "NoSuchTagSet", "QueueDoesNotExist", "NotFound", "ResourceNotFound",
    }
)  # fmt: skip
_THERE = frozenset(
    {
        "ResourceConflictException", "ResourceAlreadyExistsException", "EntityAlreadyExists",
        "EntityAlreadyExistsException", "AlreadyExistsException", "BucketAlreadyOwnedByYou", "QueueNameExists",
    }
)  # fmt: skip


@contextmanager
def gone_is_fine() -> Iterator[None]:
    """Deleting what is not there succeeds."""
    try:
        yield
    except AwsError as error:
        if error.code not in _GONE:
            raise


def is_there_already(error: AwsError) -> bool:
    return error.code in _THERE


def is_gone(error: AwsError) -> bool:
    return error.code in _GONE


def exists_elsewhere(name: str) -> AwsError:
    return AwsError("AlreadyExists", f"{name} already exists")


@asynccontextmanager
async def undone_on_failure(undo: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """For the further steps of a creation: when one fails, what the first step made goes again."""
    try:
        yield
    except AwsError:
        with suppress(AwsError):
            await undo
        raise
    finally:
        undo.close()
