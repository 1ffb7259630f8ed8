"""Shows archives and replays, and starts replays: `/archives`, `/replays`."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from nightbus.aws.arn import last_part
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_hex
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Body, Milliseconds
from nightbus.delivery.archives import ARCHIVE, Archive, archive_arn
from nightbus.delivery.rules import bus_arn, rule_arn
from nightbus.services.events.engines.archive_sizes import size_of
from nightbus.services.events.engines.replaying import REPLAY
from nightbus.store.interface import Record


class ArchiveInfo(Answer, frozen=True):
    """`retention` is in days, 0 for ever. `first` and `last` are the times of its oldest and newest events."""

    name: str
    arn: str
    bus: str
    description: str
    pattern: str
    retention: int
    events: int
    bytes: int
    created: int
    first: int | None
    last: int | None


class Archives(Answer, frozen=True):
    archives: list[ArchiveInfo]


class ReplayInfo(Answer, frozen=True):
    """`state` is EventBridge's: STARTING, RUNNING, COMPLETED and so on. `progress`, 0 to 1, is the part of the time
    from `since` to `until` that is replayed; `replayed_to` is the time of the last event that was."""

    name: str
    archive: str
    bus: str
    state: str
    reason: str
    since: int
    until: int
    rules: list[str]
    started: int
    ended: int | None
    replayed_to: int | None
    progress: float


class Replays(Answer, frozen=True):
    """The newest first."""

    replays: list[ReplayInfo]


class ReplayBody(Body, frozen=True, rename={"since": "from", "until": "to"}):
    """Events from `from` until `to`. `rules` are names or ARNs of rules of the archive's bus; without them, all."""

    since: Milliseconds
    until: Milliseconds
    rules: list[str] = msgspec.field(default_factory=list)
    name: str = ""


class StartedReplay(Answer, frozen=True):
    name: str


async def list_archives(request: ApiRequest) -> Archives:
    """List the archives of all buses."""
    records = await request.store.list(request.scope, ARCHIVE)
    return Archives(archives=[await _archive(request, record) for record in records])


async def list_replays(request: ApiRequest) -> Replays:
    """List the replays of the last 90 days, with their progress."""
    records = await request.store.list(request.scope, REPLAY)
    return Replays(replays=sorted(map(replay_of, records), key=lambda one: one.started, reverse=True))


async def start_replay(request: ApiRequest, name: str, body: ReplayBody) -> StartedReplay:
    """Replay what an archive has of a time, to all rules of its bus or to some."""
    record = await request.store.get(request.scope, ARCHIVE, name)
    if record is None:
        raise AwsError("ResourceNotFoundException", f"Archive {name} does not exist.", 404)
    bus = record.value["EventBusName"]
    destination: dict[str, object] = {"Arn": bus_arn(request.scope, bus)}
    if body.rules:
        arns = [one if one.startswith("arn:") else rule_arn(request.scope, bus, one) for one in body.rules]
        destination["FilterArns"] = arns
    replay = body.name or f"{name[:40]}-{new_hex()[:12]}"
    await request.change(
        "events",
        "StartReplay",
        ReplayName=replay,
        EventSourceArn=archive_arn(request.scope, name),
        EventStartTime=_datetime(body.since),
        EventEndTime=_datetime(body.until),
        Destination=destination,
    )
    return StartedReplay(name=replay)


def replay_of(record: Record) -> ReplayInfo:
    value = record.value
    since, until = value["EventStartTime"], value["EventEndTime"]
    last = value.get("EventLastReplayedTime")
    done = 1.0 if value["State"] == "COMPLETED" else 0.0
    if not done and last is not None and until > since:
        done = max(0.0, min(1.0, (last - since) / (until - since)))
    return ReplayInfo(
        name=record.key,
        archive=value["Archive"],
        bus=value["EventBusName"],
        state=value["State"],
        reason=value.get("StateReason") or "",
        since=since,
        until=until,
        rules=[last_part(one) for one in value["Destination"].get("FilterArns") or ()],
        started=value["ReplayStartTime"],
        ended=value.get("ReplayEndTime"),
        replayed_to=last,
        progress=done,
    )


async def _archive(request: ApiRequest, record: Record) -> ArchiveInfo:
    value, archive = record.value, Archive.of(record)
    size = await size_of(request.store, request.scope, archive)
    ends = [
        await request.store.read(request.scope, archive.log, limit=1, backwards=backwards)
        for backwards in (False, True)
    ]
    return ArchiveInfo(
        name=record.key,
        arn=archive_arn(request.scope, record.key),
        bus=value["EventBusName"],
        description=value.get("Description") or "",
        pattern=value.get("EventPattern") or "",
        retention=value["RetentionDays"],
        events=size.events,
        bytes=size.bytes,
        created=value["CreationTime"],
        first=ends[0][0].time if ends[0] else None,
        last=ends[1][0].time if ends[1] else None,
    )


def _datetime(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


ROUTES: Routes = {
    "GET /archives": list_archives,
    "GET /replays": list_replays,
    "POST /archives/{name}/replay": start_replay,
}
