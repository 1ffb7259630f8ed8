"""What to make of a service's error: gone already, there already?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nightbus.aws.errors import AwsError

_GONE = frozenset(
    {
        "ResourceNotFoundException", "NoSuchEntity", "NoSuchEntityException", "NoSuchBucket", "NoSuchBucketPolicy",
        "NotFoundException", "NoSuchTagSet",
    }
)  # fmt: skip
_THERE = frozenset(
    {
        "ResourceConflictException", "ResourceAlreadyExistsException", "EntityAlreadyExists",
        "EntityAlreadyExistsException", "AlreadyExistsException", "BucketAlreadyOwnedByYou",
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
