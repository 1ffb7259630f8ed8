"""Selects the events that an archive keeps, and defines how they lie in its log.

The archives of a bus are matched by an index of their own, so that a bus without any pays nothing. An entry of the log
holds the events of one commit that have the same time, a line each; its time is theirs, by which a replay finds them
and retention drops them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from nightbus.aws.arn import arn
from nightbus.aws.calls import Scope
from nightbus.bus.errors import InvalidPattern
from nightbus.bus.index.rule_index import RuleIndex
from nightbus.bus.patterns import Pattern, parse_pattern
from nightbus.delivery.interface import Event
from nightbus.store.interface import Append, Record, Store

log = logging.getLogger("nightbus.delivery")

ARCHIVE = "events/archive"
REPLAY_NAME = "replay-name"  # the member of an envelope by which a replayed event is known
_EVERYTHING = parse_pattern(f'{{"{REPLAY_NAME}": [{{"exists": false}}]}}')
_NOT_REPLAYED = _EVERYTHING.branches[0][0]
_TIME = b',"time":"'


@dataclass(frozen=True, slots=True)
class Archive:
    name: str
    bus: str
    pattern: str | None
    log: str
    key: str = ""  # KmsKeyIdentifier

    @classmethod
    def of(cls, record: Record) -> Archive:
        value = record.value
        pattern, key = value.get("EventPattern") or None, value.get("KmsKeyIdentifier") or ""
        return cls(record.key, value["EventBusName"], pattern, archive_log(value["Id"]), key)


def archive_log(archive_id: str = "") -> str:
    """By the archive's id, since another of the same name begins empty; without one, what all such logs begin with."""
    return f"archive/{archive_id}"


def archive_arn(scope: Scope, name: str) -> str:
    return arn("events", scope.region, scope.account, f"archive/{name}")


async def archives_of(store: Store, scope: Scope, bus: str) -> list[Archive]:
    archives = [Archive.of(record) for record in await store.list(scope, ARCHIVE)]
    return [archive for archive in archives if archive.bus == bus]


class BusArchives:
    """The archives of one bus, ready to match."""

    def __init__(self) -> None:
        self._index = RuleIndex()
        self._logs: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._logs)

    def take(self, archives: Iterable[Archive]) -> None:
        self._index = RuleIndex()
        self._logs = {}
        for archive in archives:
            try:
                pattern = _EVERYTHING if archive.pattern is None else parse_pattern(archive.pattern)
            except InvalidPattern:
                log.exception("archive %s has a pattern that cannot be read; it keeps nothing", archive.name)
                continue
            self._index.add(archive.name, _without_replays(pattern))
            self._logs[archive.name] = archive.log

    def entries(self, scope: Scope, events: Sequence[Event]) -> list[Append]:
        """What the archives keep of these events."""
        kept: dict[tuple[str, bytes], list[bytes]] = {}
        for event in events:
            for name in self._index.match_json(event.text):
                kept.setdefault((self._logs[name], _time_text(event.text)), []).append(event.text)
        return [
            Append(scope, archive, _milliseconds(time), b"\n".join(texts))
            for (archive, time), texts in kept.items()
        ]


def archived_events(data: bytes) -> list[bytes]:
    """The envelopes in an entry of an archive's log."""
    return data.split(b"\n")


def replayed(text: bytes, replay: str) -> bytes:
    """The envelope with the replay's name."""
    return b"%b,%b:%b}" % (text[:-1], orjson.dumps(REPLAY_NAME), orjson.dumps(replay))


def _without_replays(pattern: Pattern) -> Pattern:
    """The pattern narrowed as that of AWS's managed rule is: no event goes into an archive again."""
    branches = []
    for branch in pattern.branches:
        fields = {field.path: field for field in branch}
        replay_name = fields.get(REPLAY_NAME)
        if replay_name is None or replay_name.may_be_absent:
            fields[REPLAY_NAME] = _NOT_REPLAYED
            branches.append(tuple(fields[path] for path in sorted(fields)))
    return Pattern(pattern.text, tuple(branches))


def _time_text(text: bytes) -> bytes:
    """An envelope's time, as it stands there: within a string of the members before it the quotes would be escaped."""
    start = text.index(_TIME) + len(_TIME)
    return text[start : text.index(b'"', start)]


def _milliseconds(time: bytes) -> int:
    return int(datetime.fromisoformat(time.decode()).timestamp() * 1000)
