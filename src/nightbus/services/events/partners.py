"""Answers the operations of partners: any account may offer event sources to others, and put events on them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError, validation_error
from nightbus.aws.ids import new_event_ids
from nightbus.aws.pagination import page
from nightbus.bus.envelope import EnvelopeWriter, Problem
from nightbus.delivery.interface import Batch, Event
from nightbus.delivery.rules import BUS
from nightbus.services.context import Context
from nightbus.services.events.names import invalid_token
from nightbus.services.events.publishing import LARGEST_REQUEST, commit
from nightbus.services.events.sources import (
    SOURCE,
    new_source,
    no_such_source,
    source_arn,
    source_of,
    state_reply,
)
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record

OFFER = "events/partner-source"  # in the partner's scope: the account that a source was offered to
_PAGE = 100
_UNKNOWN = Problem(
    "NotAuthorizedForSourceException",
    "Not authorized for the source: it is no partner event source of yours.",
)


def _key(name: str, account: str = "") -> str:
    """Return the key of an offer; without an account, the prefix of all offers of the source.

    Neither the name nor the account may have a `|`.
    """
    return f"{name}|{account}"


async def create_partner_event_source(ctx: Context, *, name: str, account: str) -> dict[str, Any]:
    now, theirs = ctx.now_ms(), Scope(account, ctx.region)
    old = await ctx.store.get(theirs, SOURCE, name)
    if old is not None and old.value["State"] != "DELETED" and await source_of(ctx.store, theirs, name, now):
        raise AwsError("ResourceAlreadyExistsException", f"Event source {name} already exists.")
    await ctx.store.commit(
        PutRecord(ctx.scope, OFFER, _key(name, account), {"Name": name, "Account": account}),
        PutRecord(
            theirs, SOURCE, name, new_source(name, ctx.account, now), expect=old.revision if old else 0
        ),
    )
    return {"EventSourceArn": source_arn(ctx.region, name)}


async def delete_partner_event_source(ctx: Context, *, name: str, account: str) -> None:
    """Delete a source. An account with a bus for it sees it as DELETED; for others it no longer exists."""
    theirs = Scope(account, ctx.region)
    if await ctx.store.get(ctx.scope, OFFER, _key(name, account)) is None:
        return
    changes: list[Change] = [DeleteRecord(ctx.scope, OFFER, _key(name, account))]
    record = await ctx.store.get(theirs, SOURCE, name)
    if record is not None and record.value["PartnerAccount"] == ctx.account:
        if await ctx.store.get(theirs, BUS, name) is None:
            changes.append(DeleteRecord(theirs, SOURCE, name, expect=record.revision))
        else:
            value = {**record.value, "State": "DELETED", "ExpirationTime": None}
            changes.append(PutRecord(theirs, SOURCE, name, value, expect=record.revision))
    await ctx.store.commit(*changes)


async def _offers_of(ctx: Context, name: str) -> list[Record]:
    return await ctx.store.list(ctx.scope, OFFER, prefix=_key(name))


async def describe_partner_event_source(ctx: Context, *, name: str) -> dict[str, Any]:
    if not await _offers_of(ctx, name):
        raise no_such_source(name)
    return {"Arn": source_arn(ctx.region, name), "Name": name}


async def list_partner_event_sources(
    ctx: Context, *, name_prefix: str, next_token: str | None = None, limit: int = _PAGE
) -> dict[str, Any]:
    records_of_offers = await ctx.store.list(ctx.scope, OFFER, prefix=name_prefix)
    names = sorted({record.value["Name"] for record in records_of_offers})
    page_items, token = page(names, str, limit, next_token, invalid_token())
    sources = [{"Arn": source_arn(ctx.region, name), "Name": name} for name in page_items]
    return {"PartnerEventSources": sources, "NextToken": token}


async def list_partner_event_source_accounts(
    ctx: Context, *, event_source_name: str, next_token: str | None = None, limit: int = _PAGE
) -> dict[str, Any]:
    accounts = [record.value["Account"] for record in await _offers_of(ctx, event_source_name)]
    if not accounts:
        raise no_such_source(event_source_name)
    page_items, token = page(accounts, str, limit, next_token, invalid_token())
    accounts = []
    for account in page_items:
        record = await source_of(ctx.store, Scope(account, ctx.region), event_source_name, ctx.now_ms())
        if record is not None:
            accounts.append({"Account": account, **state_reply(record.value)})
    return {"PartnerEventSourceAccounts": accounts, "NextToken": token}


async def put_partner_events(ctx: Context, *, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Put events on the bus of every account whose source is active. Other accounts do not get them."""
    now = ctx.now_ms()
    results: list[dict[str, str]] = []
    events: dict[tuple[Scope, str], list[Event]] = {}
    size = 0
    for entry, event_id in zip(entries, new_event_ids(len(entries), now), strict=True):
        name = entry.get("Source", "")
        records_of_offers = await _offers_of(ctx, name) if name else []
        problem = None if records_of_offers or not name else _UNKNOWN
        for account in [offer.value["Account"] for offer in records_of_offers] or [ctx.account]:
            scope = Scope(account, ctx.region)
            writer = EnvelopeWriter(*scope, datetime.fromtimestamp(now / 1000, UTC), any_source=True)
            text = problem or writer.write(entry, event_id)
            if isinstance(text, Problem):
                problem = text
                break
            if await _listens(ctx, scope, name):
                events.setdefault((scope, name), []).append(Event(event_id, text))
        size += writer.size
        results.append(
            {"EventId": event_id}
            if problem is None
            else {"ErrorCode": problem.code, "ErrorMessage": problem.message}
        )
    if size > LARGEST_REQUEST:
        raise validation_error("Total size of the entries in the request is over the limit.")
    batches = [
        Batch(
            scope, name, bus_events, now, ctx.call.trace, request_id=ctx.call.request_id, sender=ctx.account
        )
        for (scope, name), bus_events in events.items()
    ]
    return await commit(ctx, results, batches)


async def _listens(ctx: Context, scope: Scope, name: str) -> bool:
    record = await ctx.store.get(scope, SOURCE, name)
    return (
        record is not None
        and record.value["State"] == "ACTIVE"
        and record.value["PartnerAccount"] == ctx.account
    )
