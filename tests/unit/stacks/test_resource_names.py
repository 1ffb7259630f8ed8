"""Are physical names as CloudFormation makes them, whatever the stack and the resource are called?"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.stacks.resources.names import fitted, generated_name

STACKS = st.from_regex(r"[a-zA-Z][-a-zA-Z0-9]{0,127}", fullmatch=True)
LOGICAL = st.from_regex(r"[a-zA-Z0-9]{1,255}", fullmatch=True)


def test_stack_resource_and_twelve_characters() -> None:
    name = generated_name("eb-demo", "orderServiceFunction", 64)
    assert re.fullmatch(r"eb-demo-orderServiceFunction-[a-zA-Z0-9]{12}", name)
    assert generated_name("eb-demo", "orderServiceFunction", 64) != name


def test_buckets_are_lower_case() -> None:
    assert re.fullmatch(
        r"my-stack-mybucket-[a-z0-9]{12}", generated_name("My-Stack", "MyBucket", 63, lower=True)
    )


@pytest.mark.parametrize(
    ("stack", "logical", "kept"),
    [
        ("s" * 10, "l" * 90, ("s" * 10, "l" * 40)),
        ("s" * 90, "l" * 10, ("s" * 40, "l" * 10)),
        ("s" * 90, "l" * 90, ("s" * 25, "l" * 25)),
        ("s" * 25, "l" * 25, ("s" * 25, "l" * 25)),
    ],
)
def test_the_longer_part_gives_way(stack: str, logical: str, kept: tuple[str, str]) -> None:
    assert fitted(stack, logical, 50) == kept


@given(STACKS, LOGICAL, st.sampled_from([63, 64, 100, 128, 512]))
def test_no_name_is_too_long_and_each_shows_both_parts(stack: str, logical: str, longest: int) -> None:
    name = generated_name(stack, logical, longest)
    kept_stack, kept_logical = fitted(stack, logical, longest - 14)
    assert len(name) <= longest
    assert name[:-13] == f"{kept_stack}-{kept_logical}"
    assert stack.startswith(kept_stack)
    assert logical.startswith(kept_logical)
    assert kept_stack
    assert kept_logical
    if len(stack) + len(logical) > longest - 14:
        assert len(name) == longest
