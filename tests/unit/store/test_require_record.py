"""A commit may depend on a record that it does not change."""

from __future__ import annotations

import pytest

from nightbus.aws.calls import Scope
from nightbus.store.interface import Conflict, DeleteRecord, PutRecord, RequireRecord, Store

SCOPE = Scope("123456789012", "eu-west-1")


async def test_a_commit_goes_through_while_the_record_stands(store: Store) -> None:
    await store.commit(PutRecord(SCOPE, "a/bucket", "one", {}))
    await store.commit(
        RequireRecord(SCOPE, "a/bucket", "one", 1), PutRecord(SCOPE, "a/object", "key", {"size": 1})
    )
    kept = await store.get(SCOPE, "a/bucket", "one")
    assert kept is not None
    assert kept.revision == 1


async def test_nothing_is_written_once_it_changed_or_went(store: Store) -> None:
    await store.commit(PutRecord(SCOPE, "a/bucket", "one", {}))
    await store.commit(PutRecord(SCOPE, "a/bucket", "one", {"closing": True}))
    write = PutRecord(SCOPE, "a/object", "key", {"size": 1})
    with pytest.raises(Conflict):
        await store.commit(write, RequireRecord(SCOPE, "a/bucket", "one", 1))
    await store.commit(DeleteRecord(SCOPE, "a/bucket", "one"))
    with pytest.raises(Conflict):
        await store.commit(RequireRecord(SCOPE, "a/bucket", "one", 2), write)
    assert await store.get(SCOPE, "a/object", "key") is None
    await store.commit(RequireRecord(SCOPE, "a/bucket", "one", 0), write)
    assert await store.get(SCOPE, "a/object", "key") is not None
