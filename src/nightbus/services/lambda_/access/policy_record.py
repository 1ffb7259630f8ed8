"""Reads, changes and stores the record of a resource policy, of a function or of a layer version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.services.lambda_.errors import conflict, invalid_parameter_value, not_found, wrong_revision
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record

_MOST_BYTES = 20_480


def policy_document(statements: Sequence[dict[str, Any]]) -> str:
    document = {"Version": "2012-10-17", "Id": "default", "Statement": list(statements)}
    return json.dumps(document, separators=(",", ":"))


def check_policy_revision(record: Record | None, revision_id: str | None) -> None:
    """Raise AwsError where the request names another revision than the policy has."""
    if revision_id and (record is None or record.value["revision"] != revision_id):
        raise wrong_revision()


def statements_with_room_for(record: Record | None, statement_id: str) -> list[dict[str, Any]]:
    """Return the policy's statements. Raises AwsError where one of them has the id."""
    statements: list[dict[str, Any]] = record.value["statements"] if record else []
    if any(one["Sid"] == statement_id for one in statements):
        raise conflict(
            f"The statement id ({statement_id}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        )
    return statements


def statements_without(record: Record, statement_id: str) -> list[dict[str, Any]]:
    """Return the policy's other statements. Raises AwsError where none has the id."""
    left = [one for one in record.value["statements"] if one["Sid"] != statement_id]
    if len(left) == len(record.value["statements"]):
        raise not_found(f"Statement {statement_id} is not found in resource policy.")
    return left


def policy_change(
    scope: Scope, kind: str, key: str, record: Record | None, statements: list[dict[str, Any]]
) -> tuple[Change, str]:
    """Return the change that stores the policy, or deletes its record where no statement is left, and the new revision.

    `record` is the policy as it was read. Raises AwsError PolicyLengthExceededException.
    """
    size = len(policy_document(statements).encode())
    if size > _MOST_BYTES:
        raise AwsError(
            "PolicyLengthExceededException",
            f"The final policy size ({size}) is bigger than the limit ({_MOST_BYTES}).",
            400,
            fields={"Type": "User"},
        )
    revision, expect = new_uuid(), record.revision if record else 0
    if not statements:
        return DeleteRecord(scope, kind, key, expect=expect), revision
    value = {"statements": statements, "revision": revision}
    return PutRecord(scope, kind, key, value, expect=expect), revision


def bad_principal() -> AwsError:
    return invalid_parameter_value(
        "The provided principal was invalid. Please check the principal and try again."
    )
