"""Shows at a glance what is deployed, what fails and what happened: `/overview`, `/series`."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import msgspec

from nightbus.aws.errors import AwsError
from nightbus.console.api.graphs import graphs_of, samples_of, traffic_of
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Query, copied
from nightbus.console.failures import failures_of
from nightbus.console.happenings import happenings
from nightbus.console.samples import STEP_SECONDS
from nightbus.console.topology.graph import MISSING
from nightbus.console.topology.producers import with_seen
from nightbus.console.traffic.counts import KEPT_SECONDS

_HOUR_SECONDS = 3600
_MOST_HAPPENINGS = 50
_MOST_NAMES = 30


class Failing(Answer, frozen=True):
    """A node of the map that fails, and why."""

    id: str
    kind: str
    name: str
    stack: str
    why: str


class Happening(Answer, frozen=True):
    """`kind`: delivery (`id` is the event's, `about` the rule), invocation (`id` is the request's, `about` the
    function), refusal (`id` is the request's, `about` the action) or stack (`id` is its name)."""

    time: int
    kind: str
    id: str
    about: str
    text: str
    failed: bool


class Overview(Answer, frozen=True):
    """`counts`: how many of each kind are deployed. `happened`: in the last hour, the newest first. `totals` are the
    node's numbers since it started, of all accounts, by their names in `/_nightbus/metrics`; `events` are those of the
    last `seconds` in this account and Region, `failures` the deliveries that failed then and were not made since."""

    counts: dict[str, int]
    failing: list[Failing]
    happened: list[Happening]
    totals: dict[str, float]
    seconds: int
    events: int
    failures: int
    stacks: list[str]


class SeriesLine(Answer, frozen=True):
    """`times` are the ends of the steps (UTC ms). Of a counter the values are its growth in each step."""

    times: list[int]
    values: list[float]


class SeriesAnswer(Answer, frozen=True):
    """`step` is in seconds."""

    step: int
    series: dict[str, SeriesLine]
    names: list[str]


class SeriesQuery(Query, frozen=True):
    """`name`: one or several by commas, as `/_nightbus/metrics` has them without labels; by default none, and `names`
    of the answer says which there are."""

    name: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    seconds: Annotated[int, msgspec.Meta(ge=STEP_SECONDS, le=_HOUR_SECONDS)] = _HOUR_SECONDS


async def read_overview(request: ApiRequest) -> Overview:
    """Show what is deployed, what fails, and what happened in the last hour."""
    samples, scope = request.kept(samples_of), request.scope
    fold = await request.kept(traffic_of).of(scope)
    graph = with_seen(await request.kept(graphs_of).of(scope), list(fold.seen))
    failing = await failures_of(request.platform, scope, graph, fold)
    now = request.now_ms()
    happened = await happenings(request.store, scope, now - _HOUR_SECONDS * 1000, _MOST_HAPPENINGS)
    flows = fold.counts.since(KEPT_SECONDS, now)
    unfinished = fold.unfinished.failing(KEPT_SECONDS, now)
    nodes = graph.nodes
    return Overview(
        counts=dict(Counter(one.kind for one in nodes.values() if one.state != MISSING)),
        failing=[
            copied(Failing, nodes[key], why=why)
            for key, why in sorted(failing.items(), key=lambda one: (nodes[one[0]].kind, one[0]))
        ],
        happened=[copied(Happening, one) for one in happened],
        totals=samples.now(),
        seconds=KEPT_SECONDS,
        events=sum(flow.passed for name, flow in flows.items() if ":event-bus/" in name and " " not in name),
        failures=sum(one.failed + one.again for name, one in unfinished.items() if " " in name),
        stacks=sorted({one.stack for one in nodes.values() if one.stack}),
    )


async def read_series(request: ApiRequest, query: SeriesQuery) -> SeriesAnswer:
    """Show the course of the node's numbers, for charts: at most an hour, since the node's start."""
    samples = request.kept(samples_of)
    names = [name for name in query.name.split(",") if name]
    if len(names) > _MOST_NAMES:
        raise AwsError("ValidationException", f"At most {_MOST_NAMES} names at a time.")
    lines = {}
    for name in names:
        series = samples.series(name, query.seconds)
        if series is None:
            raise AwsError("ValidationException", f"Nothing is counted under the name {name[:100]}.")
        lines[name] = SeriesLine(times=series.times, values=series.values)
    return SeriesAnswer(step=STEP_SECONDS, series=lines, names=samples.names)


ROUTES: Routes = {
    "GET /overview": read_overview,
    "GET /series": read_series,
}
