"""Whose a key is: long-term keys by their records, temporary ones by their tokens, until they are over."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.identity.access_keys import ACCESS_KEY, ACTIVE, AccessKeys, InactiveKey
from nightbus.identity.credentials import CredentialIssuer, new_access_key
from nightbus.identity.signers import InvalidToken, Signers, TokenExpired
from nightbus.store.interface import DeleteRecord, PutRecord
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import Vault

ROLE = "arn:aws:iam::123456789012:role/worker"
USER = "arn:aws:iam::123456789012:user/me"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:session"


async def test_a_session_is_over_when_its_time_is(tmp_path: Path) -> None:
    clock, store = VirtualClock(1_000_000), SqliteStore.open(tmp_path, VirtualClock(), durable=False)
    issuer = CredentialIssuer(b"s" * 32, clock)
    signers = Signers(AccessKeys(store), issuer, Vault(), clock)
    made = issuer.for_function(ROLE, FUNCTION, 900)
    for _ in range(2):  # read, and remembered
        signer = await signers.find(made.access_key, made.session_token)
        assert signer is not None
        assert (signer.secret, signer.caller.account) == (made.secret_key, "123456789012")
        assert not any(one in f"{signer} {made}" for one in (made.secret_key, made.session_token))
    assert await signers.find(made.access_key) is None
    with pytest.raises(InvalidToken):
        await signers.find("ASIAQAAAAAAAAAAAAAAA", made.session_token)
    await clock.advance(899)
    assert await signers.find(made.access_key, made.session_token) is not None
    await clock.advance(1)
    with pytest.raises(TokenExpired):
        await signers.find(made.access_key, made.session_token)
    await store.close()


async def test_a_users_key_is_valid_while_it_is_active(tmp_path: Path) -> None:
    clock, vault = VirtualClock(), Vault()
    store = SqliteStore.open(tmp_path, clock, durable=False)
    signers = Signers(AccessKeys(store), CredentialIssuer(b"s" * 32, clock), vault, clock)
    key, scope = new_access_key("AKIA", "123456789012"), Scope("123456789012", "")
    assert await signers.find(key) is None
    value = {"UserArn": USER, "UserId": "AIDA", "Status": ACTIVE, "Secret": vault.seal(b"secret")}
    await store.commit(PutRecord(scope, ACCESS_KEY, key, value, expect=0))
    for _ in range(2):
        signer = await signers.find(key)
        assert signer is not None
        assert (signer.caller.arn, signer.secret, signer.expires) == (USER, "secret", None)
    with pytest.raises(InvalidToken):
        await signers.find(key, "a token")
    await store.commit(PutRecord(scope, ACCESS_KEY, key, {**value, "Status": "Inactive"}))
    with pytest.raises(InactiveKey):
        await signers.find(key)
    await store.commit(DeleteRecord(scope, ACCESS_KEY, key))
    assert await signers.find(key) is None
    await store.close()


async def test_a_key_that_another_vault_sealed_is_none(tmp_path: Path) -> None:
    """The folder's `vault.key` was lost: its users are told as users of any unknown key, without a failure."""
    clock = VirtualClock()
    store = SqliteStore.open(tmp_path, clock, durable=False)
    signers = Signers(AccessKeys(store), CredentialIssuer(b"s" * 32, clock), Vault(), clock)
    key, scope = new_access_key("AKIA", "123456789012"), Scope("123456789012", "")
    value = {"UserArn": USER, "UserId": "AIDA", "Status": ACTIVE, "Secret": Vault().seal(b"secret")}
    await store.commit(PutRecord(scope, ACCESS_KEY, key, value, expect=0))
    assert await signers.find(key) is None
    await store.close()
