"""Forms are read however their bytes arrive, and judged by their policy."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.aws.errors import AwsError
from nightbus.gateway.post_forms.multipart import Form, read_form
from nightbus.gateway.post_forms.policy import Sizes, judge

BOUNDARY = "----x"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"
NOW = 1_800_000_000_000


def body(fields: dict[str, str], file: bytes, name: str = "f.bin") -> bytes:
    parts = b""
    for key, value in fields.items():
        parts += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    parts += f"{head}Content-Type: text/plain\r\n\r\n".encode() + file
    return parts + f"\r\n--{BOUNDARY}--\r\n".encode()


async def pieces(data: bytes, sizes: Sequence[int]) -> AsyncIterator[bytes]:
    at, turn = 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        yield data[at : at + size]
        at, turn = at + size, turn + 1


async def read(data: bytes, sizes: Sequence[int] = (7,), content_type: str = TYPE) -> tuple[Form, bytes]:
    form = await read_form(content_type, pieces(data, sizes))
    file = b"" if form.file is None else b"".join([chunk async for chunk in form.file])
    return form, file


@given(
    st.binary(max_size=300) | st.lists(st.sampled_from([b"\r\n", b"--", b"----x", b"-", b"a"])).map(b"".join),
    st.lists(st.integers(1, 50), min_size=1, max_size=5),
)
async def test_a_file_is_read_as_it_was_sent(file: bytes, sizes: list[int]) -> None:
    if f"\r\n--{BOUNDARY}".encode() in b"\r\n" + file:
        return
    form, got = await read(body({"Key": "k", "acl": "private"}, file), sizes)
    assert got == file
    assert (form.fields, form.file_name) == ({"key": "k", "acl": "private"}, "f.bin")


@given(st.binary(max_size=200), st.integers(1, 40))
async def test_nonsense_is_an_error_of_aws(data: bytes, size: int) -> None:
    with pytest.raises(AwsError) as refused:
        await read(data, [size])
    assert refused.value.code == "MalformedPOSTRequest"


async def test_limits_and_names_of_files() -> None:
    with pytest.raises(AwsError) as refused:
        await read(body({"key": "k" * 21_000}, b""))
    assert refused.value.code == "MaxPostPreDataLengthExceeded"
    with pytest.raises(AwsError):
        await read(b"", content_type="multipart/form-data")
    form, _ = await read(body({}, b"", name="C:\\\\photos\\\\a.jpg"))
    assert form.file_name == "a.jpg"


def policy(*conditions: Any, expiration: str = "2030-01-01T00:00:00.000Z") -> str:
    document = {"expiration": expiration, "conditions": list(conditions)}
    return base64.b64encode(json.dumps(document).encode()).decode()


def test_a_policy_is_judged() -> None:
    fields = {"key": "user/a.jpg", "acl": "private", "policy": "", "x-amz-signature": "s", "x-ignore-me": ""}
    conditions = [{"bucket": "b"}, ["starts-with", "$key", "user/"], {"acl": "private"}]
    assert judge(policy(*conditions), fields, "b", NOW) == Sizes()
    assert judge(policy(*conditions, ["content-length-range", 1, "10"]), fields, "b", NOW) == Sizes(1, 10)
    for text, message in [
        (policy(*conditions, expiration="2020-01-01T00:00:00Z"), "Policy expired."),
        (policy(*conditions[:2]), "Extra input fields: acl"),
        (policy(*conditions, ["eq", "$key", "x"]), 'Policy Condition failed: ["eq", "$key", "x"]'),
        (policy({"bucket": "other"}), 'Policy Condition failed: ["eq", "$bucket", "other"]'),
    ]:
        with pytest.raises(AwsError) as refused:
            judge(text, fields, "b", NOW)
        assert (refused.value.code, refused.value.status) == ("AccessDenied", 403)
        assert refused.value.message == f"Invalid according to Policy: {message}"


@given(
    st.text()
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda one: st.lists(one) | st.dictionaries(st.sampled_from(["expiration", "conditions", "x"]), one),
    )
)
def test_any_policy_is_allowed_or_an_error_of_aws(value: Any) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    for document in (text, base64.b64encode(text.encode("utf-8", "replace")).decode()):
        with pytest.raises(AwsError) as refused:
            judge(document, {"key": "k"}, "b", NOW)
        assert refused.value.code == "InvalidPolicyDocument"
