"""When principals were used last is written in groups, and the same action once a minute."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nightbus.aws.calls import Call, Caller, Scope, Session
from nightbus.clock import VirtualClock
from nightbus.identity.last_uses import LAST_USE, LastUses
from nightbus.identity.principals import ROLE
from nightbus.policies.request import Need
from nightbus.store.interface import PutRecord
from nightbus.store.sqlite.store import SqliteStore

ACCOUNT = "123456789012"
GLOBAL = Scope(ACCOUNT, "")
BOB = Caller(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/bob", "AIDABOB", "test")
SEND = Need("sqs:SendMessage", "*")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore.open(tmp_path / "data", VirtualClock(), durable=False)
    yield made
    await made.close()


def call(caller: Caller, region: str = "eu-west-1") -> Call:
    return Call(Scope(ACCOUNT, region), caller, "")


async def written(store: SqliteStore, uses: LastUses, key: str) -> dict[str, object] | None:
    await uses.written()
    record = await store.get(GLOBAL, LAST_USE, key)
    return None if record is None else record.value


async def test_an_action_is_written_once_a_minute(store: SqliteStore) -> None:
    clock = VirtualClock()
    uses = LastUses(store, clock)
    began = clock.now_ms()
    uses.see(call(BOB), "sqs:SendMessage", [SEND])
    first = await written(store, uses, "AIDABOB")
    assert first is not None
    assert (first["time"], first["service"], first["region"]) == (began, "sqs", "eu-west-1")
    await clock.advance(59)
    uses.see(call(BOB), "sqs:SendMessage", [SEND])
    assert await written(store, uses, "AIDABOB") == first
    await clock.advance(1)
    uses.see(call(BOB), "sqs:SendMessage", [SEND])
    second = await written(store, uses, "AIDABOB")
    assert second is not None
    assert second["time"] == began + 60_000


async def test_a_role_is_known_by_its_id_and_one_that_iam_does_not_have_is_not_kept(
    store: SqliteStore,
) -> None:
    uses = LastUses(store, VirtualClock())
    arn = f"arn:aws:iam::{ACCOUNT}:role/path/Clerk"
    await store.commit(PutRecord(GLOBAL, ROLE, "clerk", {"RoleId": "AROACLERK", "Arn": arn}))
    for role in (arn, f"arn:aws:iam::{ACCOUNT}:role/gone"):
        session = Session(role)
        caller = Caller(ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/x/me", "", session=session)
        uses.see(call(caller, ""), "sts:GetCallerIdentity", [])
    kept = await written(store, uses, "AROACLERK")
    assert kept is not None
    assert (kept["service"], kept["region"]) == ("sts", "us-east-1")
    assert len(await store.list(GLOBAL, LAST_USE)) == 1


async def test_a_key_that_iam_has_not_issued_leaves_nothing(store: SqliteStore) -> None:
    uses = LastUses(store, VirtualClock())
    uses.see(call(Caller.root(ACCOUNT, "AKIANOBODY")), "sqs:SendMessage", [SEND])
    uses.see(call(Caller.root(ACCOUNT, "test")), "sqs:SendMessage", [SEND])
    assert await written(store, uses, "AKIANOBODY") is None
    assert await store.list(GLOBAL, LAST_USE) == []
