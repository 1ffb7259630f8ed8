"""Does a put commit the event with exactly what the rules, as they are now, make of it?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from delivery_rig import FUNCTION, HERE, Watched, event, open_store, put_rule, read_json, router_over
from delivery_rig import put as put_events
from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.delivery.archives import ARCHIVE
from nightbus.delivery.history import HistoryWriter, events_in
from nightbus.delivery.interface import Matched, OpenCommit
from nightbus.delivery.router import Router
from nightbus.delivery.rule_origin import QUEUE, RuleJob, decode
from nightbus.delivery.rules import BUS, RULE, history_log, rule_key
from nightbus.delivery.targets import INLINE
from nightbus.messaging.log_streams import STREAM
from nightbus.messaging.message import decode as decode_message
from nightbus.messaging.queue import KIND as QUEUE_KIND
from nightbus.messaging.topic import SUBSCRIPTION, TOPIC, subscription_key
from nightbus.store.conflicts import MOST_ATTEMPTS, Contended
from nightbus.store.interface import SYSTEM, Append, DeleteRecord, Enqueue, PutRecord, Record


@pytest.fixture
async def store(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Watched]:
    opened = open_store(tmp_path, clock)
    yield Watched(opened)
    await opened.close()


@pytest.fixture
def router(store: Watched, clock: VirtualClock) -> Router:
    return router_over(store, clock)


async def queued(store: Watched) -> list[RuleJob]:
    return [decode(item.data) for item in await store.lease(SYSTEM, QUEUE, 1000, 60_000)]


async def test_events_and_their_deliveries_are_one_commit(store: Watched, router: Router) -> None:
    two = ({"Id": "a", "Arn": FUNCTION}, {"Id": "b", "Arn": FUNCTION, "Input": '"fixed"'})
    await put_rule(store, "both", targets=two)
    await put_rule(store, "other", pattern='{"source": ["store"]}')
    store.commits.clear()
    await put_events(
        router, HERE, "default", [event("e1"), event("e2", "none"), event("e3", "store")], "Root=1"
    )
    (changes,) = store.commits
    assert [type(one) for one in changes] == [Enqueue, Enqueue, Enqueue, Append]
    found = await queued(store)
    assert [(one.origin.event_id, one.origin.rule, one.target["Id"]) for one in found] == [
        ("e1", "both", "a"), ("e1", "both", "b"), ("e3", "other", "f"),
    ]  # fmt: skip
    assert read_json(found[0].input) == event("e1")
    assert found[1].input == b'"fixed"'
    assert {(one.attempt, one.trace, one.origin.scope, one.origin.bus) for one in found} == {
        (1, "Root=1", HERE, "default")
    }
    assert found[0].origin.arn == "arn:aws:events:eu-west-1:111111111111:rule/both"
    (kept,) = await store.read(HERE, history_log("default"))
    events = [read_json(text) for text, _ in events_in(kept.data)]
    assert [(one["id"], one["source"]) for one in events] == [
        ("e1", "shop"), ("e2", "none"), ("e3", "store"),
    ]  # fmt: skip


async def test_what_is_new_counts_from_its_commit_on(store: Watched, router: Router) -> None:
    await put_events(router, HERE, "default", [event("before")])
    await put_rule(store, "r")
    await put_events(router, HERE, "default", [event("made")])
    await put_rule(store, "r", pattern='{"source": ["store"]}')
    await put_events(router, HERE, "default", [event("elsewhere"), event("changed", "store")])
    await put_rule(store, "r", pattern='{"source": ["store"]}', targets=[{"Id": "n", "Arn": FUNCTION}])
    await put_events(router, HERE, "default", [event("retargeted", "store")])
    assert [(one.origin.event_id, one.target["Id"]) for one in await queued(store)] == [
        ("made", "f"), ("changed", "f"), ("retargeted", "n"),
    ]  # fmt: skip


async def test_a_rule_that_changes_leaves_the_others_unread(store: Watched, clock: VirtualClock) -> None:
    read = []

    class Reading(Watched):
        async def list(self, scope: Scope, kind: str, **options: Any) -> list[Record]:
            read.append(kind)
            return await store._store.list(scope, kind, **options)

    router = router_over(Reading(store._store), clock)
    await put_rule(store, "stays")
    await put_rule(store, "goes")
    await put_events(router, HERE, "default", [event("before")])
    read.clear()
    await store.commit(DeleteRecord(HERE, RULE, rule_key("default", "goes")))
    await put_rule(store, "comes")
    await put_events(router, HERE, "default", [event("after")])
    assert not read
    found = [(one.origin.event_id, one.origin.rule) for one in await queued(store)]
    assert sorted(found) == [("after", "comes"), ("after", "stays"), ("before", "goes"), ("before", "stays")]


async def test_an_event_under_way_goes_by_the_rules_it_met(store: Watched, clock: VirtualClock) -> None:
    """The log group is looked for while the event is placed; meanwhile its rules go."""
    placing, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Watched):
        async def get(self, scope: Scope, kind: str, key: str) -> Record | None:
            if kind == STREAM:
                placing.set()
                await go_on.wait()
            return await store._store.get(scope, kind, key)

    router = router_over(Slow(store._store), clock)
    arn = "arn:aws:logs:eu-west-1:111111111111:log-group:/aws/events/orders"
    for name in ("a", "b"):
        await put_rule(store, name, targets=[{"Id": "log", "Arn": arn}])
    put = asyncio.create_task(put_events(router, HERE, "default", [event("e1"), event("e2")]))
    await placing.wait()
    for name in ("a", "b"):
        await store.commit(DeleteRecord(HERE, RULE, rule_key("default", name)))
    go_on.set()
    await put
    assert {(one.origin.event_id, one.origin.rule) for one in await queued(store)} == {
        (event, rule) for event in ("e1", "e2") for rule in ("a", "b")
    }


async def test_a_rule_that_is_disabled_or_without_targets_matches_nothing_until_it_is_not(
    store: Watched, router: Router
) -> None:
    await put_rule(store, "off", state="DISABLED")
    await put_rule(store, "empty", targets=())
    await put_events(router, HERE, "default", [event("e1")])
    assert await queued(store) == []
    await put_rule(store, "off", state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
    await put_events(router, HERE, "default", [event("e2")])
    assert [(one.origin.rule, one.origin.event_id) for one in await queued(store)] == [("off", "e2")]
    await put_rule(store, "off", state="DISABLED")
    await put_events(router, HERE, "default", [event("e3")])
    assert await queued(store) == []


async def test_buses_accounts_and_regions_are_apart(store: Watched, router: Router) -> None:
    elsewhere = [Scope("222222222222", "eu-west-1"), Scope("111111111111", "us-east-1")]
    await put_rule(store, "here")
    await store.commit(PutRecord(HERE, BUS, "orders", {}))
    await put_rule(store, "custom", bus="orders")
    for scope in elsewhere:
        await put_rule(store, f"{scope.account}-{scope.region}", scope=scope)
    await put_events(router, HERE, "orders", [event("e1")])
    await put_events(router, elsewhere[0], "default", [event("e2")])
    await put_events(router, elsewhere[1], "default", [event("e3")])
    await put_events(router, HERE, "default", [event("e4")])
    assert [(one.origin.event_id, one.origin.rule, one.origin.scope) for one in await queued(store)] == [
        ("e1", "custom", HERE),
        ("e2", "222222222222-eu-west-1", elsewhere[0]),
        ("e3", "111111111111-us-east-1", elsewhere[1]),
        ("e4", "here", HERE),
    ]


async def test_a_bus_whose_name_begins_with_anothers_has_its_own_rules(
    store: Watched, router: Router
) -> None:
    await put_rule(store, "long", bus="orders-eu")
    await put_events(router, HERE, "orders", [event("e1")])
    assert await queued(store) == []


async def test_a_kept_pattern_that_cannot_be_read_hurts_no_other_rule(store: Watched, router: Router) -> None:
    await put_rule(store, "broken", pattern='{"source": [{"unheard-of": 1}]}')
    await put_rule(store, "sound")
    await put_events(router, HERE, "default", [event("e1")])
    assert [one.origin.rule for one in await queued(store)] == ["sound"]


async def test_text_that_is_no_utf_8_is_delivered_as_the_sender_wrote_it(
    store: Watched, router: Router
) -> None:
    await put_rule(store, "r")
    await put_events(router, HERE, "default", [event("e1", half="\ud83d", whole="é")])
    (found,) = await queued(store)
    assert read_json(found.input)["detail"] == {"half": "\ud83d", "whole": "é"}


async def test_targets_in_the_store_get_the_event_in_its_own_commit(store: Watched, router: Router) -> None:
    queue, fed = (
        f"arn:aws:sqs:{HERE.region}:{HERE.account}:q",
        f"arn:aws:sqs:{HERE.region}:{HERE.account}:fed",
    )
    topic, bus = (
        f"arn:aws:sns:{HERE.region}:{HERE.account}:t",
        f"arn:aws:events:{HERE.region}:{HERE.account}:event-bus/b",
    )
    anyone = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [anyone]})
    for name in ("q", "fed"):
        value = {"id": name, "attributes": {"Policy": policy}}
        await store.commit(PutRecord(HERE, QUEUE_KIND, name, value))
    await store.commit(
        PutRecord(HERE, BUS, "b", {"Name": "b"}),
        PutRecord(HERE, TOPIC, "t", {"id": "t", "attributes": {"Policy": policy}}),
        PutRecord(
            HERE,
            SUBSCRIPTION,
            subscription_key("t", "s"),
            {
                "protocol": "sqs",
                "endpoint": fed,
                "attributes": {"RawMessageDelivery": "true"},
                "confirmed": True,
            },
        ),
    )
    targets = [{"Id": arn.rpartition(":")[2], "Arn": arn} for arn in (queue, topic, bus)]
    await put_rule(store, "all", targets=targets)
    await put_rule(store, "there", bus="b", targets=[{"Id": "q", "Arn": queue}])
    for first in (True, False):  # the first put looks the queues up, the second one knows them
        store.commits.clear()
        await put_events(router, HERE, "default", [event("e1")])
        assert len(store.commits) == 1, first
        assert [one.target for one in await queued(store)] == []
        for name, count in (("sqs/q/q", 2), ("sqs/fed/fed", 1)):
            items = await store.lease(HERE, name, 10, 60_000)
            bodies = [json.loads(decode_message(item.data).body) for item in items]
            assert [one["source"] for one in bodies] == ["shop"] * count
        assert len(await store.read(HERE, history_log("b"))) == (1 if first else 2)


async def test_events_that_come_while_a_bus_is_read_are_matched_too(
    store: Watched, clock: VirtualClock
) -> None:
    await put_rule(store, "r")
    reading, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Watched):
        async def list(self, scope: Scope, kind: str, **options: Any) -> list[Record]:
            if kind == ARCHIVE:
                reading.set()
                await go_on.wait()
            return await store._store.list(scope, kind, **options)

    router = router_over(Slow(store._store), clock)
    first = asyncio.create_task(put_events(router, HERE, "default", [event("first")]))
    await reading.wait()
    second = asyncio.create_task(put_events(router, HERE, "default", [event("second")]))
    for _ in range(5):
        await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, second)
    assert {one.origin.event_id for one in await queued(store)} == {"first", "second"}


async def test_a_put_that_fails_before_its_commit_lets_deduplication_ids_go(
    store: Watched, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next event with the same content would wait for it without an end."""
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    attributes = {"ContentBasedDeduplication": "true", "Policy": json.dumps({"Statement": [allow]})}
    queue = {"id": "1", "attributes": attributes, "tags": {}, "created": 0, "modified": 0}
    await store.commit(PutRecord(HERE, QUEUE_KIND, "q.fifo", queue))
    target = {
        "Id": "q",
        "Arn": f"arn:aws:sqs:{HERE.region}:{HERE.account}:q.fifo",
        "Input": '"same"',
        "SqsParameters": {"MessageGroupId": "g"},
    }
    await put_rule(store, "r", targets=[target])

    def fails(*_: object) -> None:
        raise OSError("a disk")

    with monkeypatch.context() as patched:
        patched.setattr(HistoryWriter, "entries", fails)
        with pytest.raises(OSError, match="a disk"):
            await put_events(router, HERE, "default", [event("e1")])
    async with asyncio.timeout(20):
        await put_events(router, HERE, "default", [event("e2")])
    assert [change.scope for change in store.commits[-1] if isinstance(change, Enqueue)] == [HERE]


async def test_a_target_whose_changes_never_fit_is_no_endless_loop(
    store: Watched, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two changes of one commit that expect one revision, or an object that a replay makes again with `expect=0`."""
    planned = 0

    async def deliver_inline(matched: Matched, commit: OpenCommit) -> str | None:
        nonlocal planned
        planned += 1
        commit.writes.changes.append(PutRecord(HERE, "test/thing", "thing", {}, expect=0))
        return matched.event_id

    monkeypatch.setitem(INLINE, ("lambda", "function:"), deliver_inline)
    await put_rule(store, "r")
    await put_events(router, HERE, "default", [event("e1")])
    with pytest.raises(Contended, match="test/thing 'thing'"):
        await put_events(router, HERE, "default", [event("e1")])
    assert planned == 1 + MOST_ATTEMPTS
    monkeypatch.undo()
    await put_rule(store, "r")
    await put_events(router, HERE, "default", [event("e2")])
    assert [job.origin.event_id for job in await queued(store)] == ["e2"]
