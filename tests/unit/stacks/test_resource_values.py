"""Do a template's values become what the operations take?"""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.clock import VirtualClock
from nightbus.node.operations import OperationRegistry
from nightbus.stacks.contention import is_contended, pauses
from nightbus.stacks.interface import ResourceContext
from nightbus.stacks.resources.lambda_.function import inline_package
from nightbus.stacks.resources.tags import all_tags, as_list, belongs_to_resource, tag_map
from nightbus.stacks.resources.values import (
    boolean,
    changed,
    document_text,
    integer_value,
    selected_properties,
    text,
    written_time,
)


def context(**tags: str) -> ResourceContext:
    scope = Scope("000000000000", "us-east-1")
    call = Call(scope, Caller.root("000000000000"), "http://127.0.0.1:4566")
    return ResourceContext(call, OperationRegistry(), VirtualClock(), "arn:stack", "demo", "Thing", tags)


@pytest.mark.parametrize(("written", "meant"), [("3", 3), (3, 3), ("3.0", 3), (3.0, 3), ("-1", -1)])
def test_numbers(written: Any, meant: int) -> None:
    found = integer_value(written)
    assert (found, type(found)) == (meant, int)


@pytest.mark.parametrize("wrong", ["", "three", "3.5", 3.5, True, None, [], {}, "inf", "nan"])
def test_what_is_no_number_is_refused_by_the_propertys_name(wrong: Any) -> None:
    given_one = {"Timeout": wrong}
    if wrong is None:
        assert selected_properties(given_one, "Timeout", kinds={"Timeout": integer_value}) == {}
        return
    with pytest.raises(AwsError, match="Timeout"):
        selected_properties(given_one, "Timeout", kinds={"Timeout": integer_value})


@pytest.mark.parametrize(
    ("written", "meant"), [("true", True), ("False", False), (True, True), (False, False)]
)
def test_truths(written: Any, meant: bool) -> None:
    assert boolean(written) is meant


@pytest.mark.parametrize("wrong", ["yes", 1, "", None])
def test_what_is_no_truth_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r".*"):
        boolean(wrong)


@pytest.mark.parametrize(
    ("value", "written"),
    [("a", "a"), (True, "true"), (7, "7"), (1.5, "1.5"), (["a", 1], '["a", 1]'), (None, "null")],
)
def test_texts(value: Any, written: str) -> None:
    assert text(value) == written


def test_a_document_may_be_written_as_text_already() -> None:
    assert document_text('{"a":1}') == '{"a":1}'
    assert document_text({"a": 1}) == '{"a": 1}'


def test_times_are_written_alike_however_an_operation_gives_them() -> None:
    assert written_time(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05Z"
    assert written_time(0) == "1970-01-01T00:00:00Z"


def test_only_named_properties_count_as_changed() -> None:
    old, new = {"A": 1, "B": 1}, {"A": 1, "B": 2, "C": 1}
    assert not changed(old, new, "A")
    assert changed(old, new, "A", "B")
    assert changed(old, new, "C")


def test_tags_of_the_resource_go_over_those_of_the_stack_and_ours_over_all() -> None:
    ctx = context(team="stack", stage="test")
    own = [{"Key": "team", "Value": "own"}, {"Key": "n", "Value": True}]
    wanted = {
        "team": "own",
        "stage": "test",
        "n": "true",
        "aws:cloudformation:stack-name": "demo",
        "aws:cloudformation:stack-id": "arn:stack",
        "aws:cloudformation:logical-id": "Thing",
    }
    assert all_tags({"Tags": own}, ctx) == wanted
    assert all_tags({"Tags": {"team": "own", "n": True}}, ctx) == wanted
    assert belongs_to_resource(wanted, ctx)
    assert not belongs_to_resource({**wanted, "aws:cloudformation:logical-id": "Other"}, ctx)
    assert not belongs_to_resource({}, ctx)


@given(st.dictionaries(st.text(), st.text()))
def test_tags_as_list_and_back(tags: dict[str, str]) -> None:
    assert tag_map(as_list(tags)) == tags


@given(st.text(st.characters(codec="utf-8")), st.sampled_from([("python3.13", "py"), ("nodejs22.x", "js")]))
def test_inline_code_is_a_file_index_and_the_same_text_the_same_bytes(
    source: str, kind: tuple[str, str]
) -> None:
    runtime, extension = kind
    package = inline_package(source, runtime)
    assert package == inline_package(source, runtime)
    with zipfile.ZipFile(io.BytesIO(package)) as opened:
        assert opened.namelist() == [f"index.{extension}"]
        assert opened.read(f"index.{extension}").decode() == source


def test_inline_code_needs_a_runtime_with_source_code() -> None:
    with pytest.raises(AwsError, match="ZipFile can only be used"):
        inline_package("x", "provided.al2023")


def test_busy_is_told_from_taken() -> None:
    assert is_contended(AwsError("ConcurrentModificationException", "Event bus was modified concurrently."))
    update = "The operation cannot be performed at this time. An update is in progress for resource: arn"
    assert is_contended(AwsError("ResourceConflictException", update, 409))
    assert not is_contended(AwsError("ResourceConflictException", "Function already exist: f", 409))
    assert not is_contended(AwsError("ResourceNotFoundException", "none", 404))


def test_pauses_grow_and_end() -> None:
    found = list(pauses())
    assert 5 < sum(found) + 5 < 15
    assert all(0 < pause <= 1 for pause in found)
    assert found[-1] > found[0]
