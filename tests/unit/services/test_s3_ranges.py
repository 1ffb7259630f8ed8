"""Which bytes a Range header asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.aws.errors import AwsError
from nightbus.services.s3.ranges import byte_range, is_range
from nightbus.services.s3.records import ObjectVersion


def sized(size: int, *parts: int) -> ObjectVersion:
    return ObjectVersion("k", "null", 0, "", size=size, parts=list(parts))


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_range_is_what_a_slice_is(size: int, first: int, last: int) -> None:
    body = bytes(range(size))
    header = f"bytes={first}-{last}"
    if last < first:
        assert byte_range(sized(size), header, None) == (0, size)
    elif first >= size:
        with pytest.raises(AwsError, match="InvalidRange"):
            byte_range(sized(size), header, None)
    else:
        start, length = byte_range(sized(size), header, None)
        assert body[start : start + length] == body[first : last + 1]


@given(st.integers(1, 50), st.integers(1, 60))
def test_the_last_bytes(size: int, count: int) -> None:
    start, length = byte_range(sized(size), f"bytes=-{count}", None)
    assert bytes(range(size))[start : start + length] == bytes(range(size))[-count:]


@pytest.mark.parametrize(
    "header", ["", "bytes=-", "bytes=a-b", "items=0-1", "bytes=0-1,3-4", "bytes=" + "9" * 99]
)
def test_what_is_no_range_is_ignored(header: str) -> None:
    assert byte_range(sized(9), header, None) == (0, 9)
    assert not is_range(header)


@pytest.mark.parametrize("header", ["bytes=-0", "bytes=9-", "bytes=9-20"])
def test_outside(header: str) -> None:
    with pytest.raises(AwsError) as caught:
        byte_range(sized(9), header, None)
    assert (caught.value.status, caught.value.fields["content-range"]) == (416, "bytes */9")


def test_parts() -> None:
    assert byte_range(sized(9, 4, 3, 2), None, 2) == (4, 3)
    assert byte_range(sized(9), None, 1) == (0, 9)
    for number, code in ((4, "InvalidPartNumber"), (0, "InvalidArgument"), (10_001, "InvalidArgument")):
        with pytest.raises(AwsError, match=code):
            byte_range(sized(9, 4, 3, 2), None, number)
    with pytest.raises(AwsError, match="Cannot specify both"):
        byte_range(sized(9), "bytes=0-1", 1)
