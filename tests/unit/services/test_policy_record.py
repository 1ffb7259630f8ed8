"""A resource policy, of a function or of a layer version, has a limit, one statement for an id, and a revision."""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.services.lambda_.access.policy_record import (
    check_policy_revision,
    policy_change,
    statements_with_room_for,
    statements_without,
)
from nightbus.services.lambda_.records import LAYER_POLICY
from nightbus.store.interface import DeleteRecord, PutRecord, Record

SCOPE = Scope("000000000000", "us-east-1")


def record(*sids: str) -> Record:
    value: dict[str, Any] = {"statements": [{"Sid": sid} for sid in sids], "revision": "r"}
    return Record("layer:1", value, 7)


def code_of(caught: pytest.ExceptionInfo[AwsError]) -> tuple[str, int]:
    return caught.value.code, caught.value.status


def test_a_policy_is_stored_by_its_revision_and_deleted_with_its_last_statement() -> None:
    change, revision = policy_change(
        SCOPE, LAYER_POLICY, "layer:1", record("a"), [{"Sid": "a"}, {"Sid": "b"}]
    )
    assert isinstance(change, PutRecord)
    assert (change.expect, change.value["revision"]) == (7, revision)
    change, _ = policy_change(SCOPE, LAYER_POLICY, "layer:1", record("a"), [])
    assert change == DeleteRecord(SCOPE, LAYER_POLICY, "layer:1", expect=7)


def test_a_policy_that_is_too_long_is_refused() -> None:
    statements = [{"Sid": f"{number:0100}"} for number in range(200)]
    with pytest.raises(AwsError) as caught:
        policy_change(SCOPE, LAYER_POLICY, "layer:1", None, statements)
    assert code_of(caught) == ("PolicyLengthExceededException", 400)


def test_what_the_policy_does_not_allow() -> None:
    with pytest.raises(AwsError) as caught:
        statements_with_room_for(record("a"), "a")
    assert code_of(caught) == ("ResourceConflictException", 409)
    with pytest.raises(AwsError) as caught:
        statements_without(record("a"), "b")
    assert code_of(caught) == ("ResourceNotFoundException", 404)
    with pytest.raises(AwsError) as caught:
        check_policy_revision(record("a"), "other")
    assert code_of(caught) == ("PreconditionFailedException", 412)
    check_policy_revision(record("a"), "r")
