"""What KMS encrypts comes back whole, and nothing else does: any altered byte or context is refused."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.aws.ids import new_uuid
from nightbus.keys.ciphertexts import Unreadable, decrypt, encrypt, read_head
from nightbus.keys.records import material_id

SECRET = secrets.token_bytes(32)
ACCOUNT, KEY_ID, MATERIAL = "000000000007", new_uuid(), material_id(SECRET)
contexts = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)


def made(plaintext: bytes, context: dict[str, str], key_id: str = KEY_ID) -> bytes:
    return encrypt(SECRET, ACCOUNT, key_id, MATERIAL, plaintext, context)


@given(st.binary(max_size=4096), contexts)
def test_what_was_encrypted_comes_back(plaintext: bytes, context: dict[str, str]) -> None:
    assert decrypt(SECRET, made(plaintext, context), dict(reversed(context.items()))) == plaintext


@given(st.binary(max_size=64), contexts, st.data())
def test_an_altered_byte_is_refused(plaintext: bytes, context: dict[str, str], data: st.DataObject) -> None:
    blob = bytearray(made(plaintext, context))
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unreadable):
        decrypt(SECRET, bytes(blob), context)


@given(st.binary(max_size=64), contexts, contexts)
def test_another_context_is_refused(plaintext: bytes, context: dict[str, str], other: dict[str, str]) -> None:
    if other != context:
        with pytest.raises(Unreadable):
            decrypt(SECRET, made(plaintext, context), other)


@given(st.binary(max_size=200))
def test_what_nobody_encrypted_is_refused(blob: bytes) -> None:
    with pytest.raises(Unreadable):
        read_head(blob)
        decrypt(SECRET, blob, {})


@pytest.mark.parametrize("key_id", [KEY_ID, f"mrk-{'0f' * 16}"], ids=["of one region", "of many regions"])
def test_a_blob_names_its_key_and_material(key_id: str) -> None:
    head = read_head(made(b"x", {}, key_id))
    assert (head.account, head.key_id) == (ACCOUNT, key_id)
    assert MATERIAL.startswith(head.material)
