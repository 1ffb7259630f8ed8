"""Makes counts of the entries of the node's logs: events and their deliveries, invocations, and who sent what. Pure.

What the graph does not know of itself is `seen`: who publishes to a bus, and what functions send to. Where one entry
says what another one explains (a function's events are in the bus's history as well), `Fold` keeps ids for a while.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from nightbus.aws.arn import Arn, is_arn, partition_of
from nightbus.aws.calls import Scope
from nightbus.aws.trace_header import segment_of
from nightbus.bounded import Bounded
from nightbus.bus.envelope import id_of
from nightbus.bus.json_text import read_json
from nightbus.console.topology import graph as g
from nightbus.console.topology.graph import SeenEdge, delivery_kind, edge_id, node_id_of
from nightbus.console.traffic.counts import Counts
from nightbus.console.traffic.unfinished import AGAIN, DONE, FAILED, Unfinished
from nightbus.delivery.history import events_in, notes_in
from nightbus.delivery.rules import bus_arn, rule_arn
from nightbus.functions.logs.invocation_log import invocation_of
from nightbus.services.lambda_.names import function_arn
from nightbus.store.interface import Entry

_MOST_IDS = 20_000
_MOST_SEEN = 1_000
_SOURCE = b'","source":"'
_SESSION = ":assumed-role/"
_OTHERS = f"{g.PRODUCER}:others"  # beyond so many, as where sources have numbers in their names
_FAILED = ("failed", "will be tried again")
_STATES = {"failed": FAILED, "will be tried again": AGAIN}
_OF_BUCKETS, _OF_SCHEDULES = "aws.s3", "aws.events"
_REPLAYED = b'"replay-name":'


class Fold:
    """The traffic of one account and Region. Entries come in the order of each log; of one step, those of the trace
    logs come first, since they say whose the events are."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.counts = Counts()
        self.unfinished = Unfinished()
        self.seen: dict[SeenEdge, None] = {}
        self._of_functions: Bounded[str, str] = Bounded(_MOST_IDS)  # the ids of events → who published them
        self._forwarded: Bounded[str, None] = Bounded(
            _MOST_IDS
        )  # ids that events have on the buses that got them
        self._invoked: Bounded[str, str] = Bounded(_MOST_IDS)  # by segment: over which edge somebody invoked
        self._brought: Bounded[str, list[str]] = Bounded(_MOST_IDS)  # by segment: with which messages

    def published(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            account, region, bus, ids, by = orjson.loads(entry.data)
            if Scope(account, region) != self.scope or not by:
                continue
            publisher = self._publisher(by)
            for one in ids:
                self._of_functions[one] = publisher
            self._see(SeenEdge(publisher, g.PUBLISHES, bus_arn(self.scope, bus)), entry.time, len(ids))

    def sent(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            to, ids, by = orjson.loads(entry.data)
            sender, target = self._publisher(by), node_id_of(to)
            if not self._is_here(sender) or not is_arn(target):
                continue
            kind = g.INVOKES if ":function:" in target else g.SENDS
            self._see(SeenEdge(sender, kind, target), entry.time, len(ids))
            if kind == g.INVOKES:
                for one in ids:
                    self._invoked[segment_of(one)] = edge_id(sender, kind, target)

    def asked(self, entries: Iterable[Entry]) -> None:
        """Which rule asked for an invocation; its edge is known when the function says who it is."""
        for entry in entries:
            account, region, bus, _, _, rule = orjson.loads(entry.data)
            if Scope(account, region) == self.scope:
                self._invoked[entry.key] = rule_arn(self.scope, bus, rule)

    def brought(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            function, request_id, source, messages = orjson.loads(entry.data)
            if not self._is_here(function):
                continue
            kind = g.POLLS if ":sqs:" in source else g.NOTIFIES
            edge = edge_id(source, kind, node_id_of(function))
            self._invoked[segment_of(request_id)] = edge
            self._brought[segment_of(request_id)] = [str(key) for key, _ in messages]
            self.counts.add(edge, entry.time, len(messages))

    def ran(self, entries: Iterable[Entry]) -> None:
        """A run that failed is an error of the edge over which it was asked for."""
        for entry in entries:
            note = orjson.loads(entry.data)
            asked = self._invoked.get(entry.key, "")
            if "outcome" not in note or not asked:
                continue
            edge = asked if " " in asked else edge_id(asked, g.INVOKES, node_id_of(note["function"]))
            if note["outcome"] in _FAILED:
                self.counts.add(edge, entry.time, 0, 1)
            state, again = _STATES.get(note["outcome"], DONE), note.get("again", ())
            for key in self._brought.get(entry.key) or [entry.key]:
                self.unfinished.tried(edge, key, entry.time, AGAIN if key in again else state)

    def hop(self, source: str, target: str, time_ms: int, messages: int) -> None:
        """From a topic to a queue, or from a queue to its dead-letter queue. Others' hops are not counted."""
        if is_arn(source) and Arn.parse(source)[2:4] == (self.scope.region, self.scope.account):
            kind = g.NOTIFIES if ":sns:" in source else g.DEAD_LETTERS
            self.counts.add(edge_id(source, kind, target), time_ms, messages)

    def invocations(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            one = invocation_of(entry)
            function, failed = function_arn(self.scope, one.function), one.outcome != "success"
            self.counts.add(function, one.time, 1, int(failed))
            self.unfinished.tried(function, one.request_id, one.time, FAILED if failed else DONE)

    def outcomes(self, bus: str, entries: Iterable[Entry]) -> None:
        for entry in entries:
            outcome = orjson.loads(entry.data)
            rule, arn = rule_arn(self.scope, bus, outcome["rule"]), outcome["arn"]
            state = _STATES.get(outcome["outcome"], DONE)
            edge = self._deliver(rule, arn, outcome.get("request_id") or "", entry.time, int(state != DONE))
            self.unfinished.tried(edge, f"{entry.key} {outcome['target']}", entry.time, state)
            if "dead_letter_id" in outcome:
                self.counts.add(edge_id(rule, g.DEAD_LETTERS, outcome["dead_letter"]), entry.time)

    def deliveries(self, bus: str, entries: Iterable[Entry]) -> None:
        """The deliveries in the commits of events. Of all buses before `history`: they name what was forwarded."""
        for entry in entries:
            for _, line in events_in(entry.data):
                if not line:
                    continue
                rules = set()
                for note in notes_in(line):
                    rules.add(note.rule)
                    if note.name is not None:
                        rule = rule_arn(self.scope, bus, note.rule)
                        self._deliver(rule, note.arn, note.name, entry.time, 0)
                for one in rules:
                    rule = rule_arn(self.scope, bus, one)
                    self.counts.add(edge_id(bus_arn(self.scope, bus), g.MATCHES, rule), entry.time)

    def history(self, bus: str, entries: Iterable[Entry]) -> None:
        """The events themselves: whose they are."""
        own_arn = bus_arn(self.scope, bus)
        for entry in entries:
            accepted = 0
            for text, _ in events_in(entry.data):
                accepted += 1
                event_id = id_of(text)
                if event_id not in self._forwarded and event_id not in self._of_functions:
                    self._from_source(own_arn, text, entry.time)
            self.counts.add(own_arn, entry.time, accepted)

    def _from_source(self, bus: str, text: bytes, time: int) -> None:
        source = _source_of(text)
        if source == _OF_SCHEDULES or _REPLAYED in text:
            return
        if source == _OF_BUCKETS:
            resources = read_json(text).get("resources") or ()
            publisher = next((one for one in resources if is_arn(one)), "")
            if publisher:
                self.counts.add(edge_id(publisher, g.PUBLISHES, bus), time)
            return
        self._see(SeenEdge(f"producer:{source}", g.PUBLISHES, bus), time, 1)

    def _deliver(self, rule: str, arn: str, name: str, time: int, failed: int) -> str:
        """The edge of the delivery."""
        if ":event-bus/" in arn and name:
            self._forwarded[name] = None
        target = node_id_of(arn)
        edge = edge_id(rule, delivery_kind(target), target)
        self.counts.add(edge, time, 1, failed)
        return edge

    def _see(self, edge: SeenEdge, time: int, passed: int) -> None:
        if edge not in self.seen and len(self.seen) >= _MOST_SEEN:
            edge = edge._replace(source=_OTHERS)
        self.seen[edge] = None
        self.counts.add(edge_id(*edge), time, passed)

    def _publisher(self, by: str) -> str:
        """The id of the node that a caller is: a session in a role is called as the function whose session it is."""
        if not is_arn(by):
            return f"producer:{by or 'unknown'}"
        if _SESSION not in by:
            return f"producer:{by.rpartition(':')[2]}"
        parsed = Arn.parse(by)
        return function_arn(Scope(parsed.account, self.scope.region), by.rpartition("/")[2])

    def _is_here(self, arn: str) -> bool:
        """Whether a function is of this account and Region: the trace logs have those of all."""
        beginning = f"arn:{partition_of(self.scope.region)}:lambda:{self.scope.region}:{self.scope.account}:"
        return arn.startswith(beginning)


def _source_of(text: bytes) -> str:
    """The source stands right after the detail-type. In a string the quotes would be escaped."""
    begin = text.find(_SOURCE) + len(_SOURCE)
    if begin < len(_SOURCE):
        return str(read_json(text).get("source", ""))
    raw = text[begin : text.index(b'"', begin)]
    return str(read_json(text)["source"]) if b"\\" in raw else raw.decode()
