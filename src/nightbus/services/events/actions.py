"""Says which actions an operation of Amazon EventBridge needs, on which buses, rules, archives and connections.

A rule of the default bus is `rule/NAME`, another bus's `rule/BUS/NAME`. Policies name connections, API destinations,
archives, replays and endpoints by name alone. PutEvents needs its action for each bus, source and detail type.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.arn import Arn, arn, is_arn
from nightbus.aws.calls import Scope
from nightbus.delivery.api_destinations.connections import CONNECTION, secret_prefix
from nightbus.delivery.rules import BUS, DEFAULT_BUS, RULE, bus_arn, rule_arn, rule_key
from nightbus.identity.needs import Asked, NeedsOf, Resource, merged, needs, passes_role, request_tags, when
from nightbus.policies.document import Policy
from nightbus.policies.request import Need, Values
from nightbus.services.context import Platform
from nightbus.services.events.connection_secrets import secret_arn_of
from nightbus.services.events.endpoints import endpoint_with
from nightbus.services.events.names import bus_in
from nightbus.services.events.rule_conditions import conditions_of_pattern

_SERVICE = "events.amazonaws.com"
_OF_RULES = frozenset(
    f"events:{action}"
    for action in (
        "DeleteRule",
        "DescribeRule",
        "DisableRule",
        "EnableRule",
        "ListTargetsByRule",
        "PutRule",
        "PutTargets",
        "RemoveTargets",
    )
)  # the actions of operations that name a rule by its bus and its name


def _bus(member: str) -> Resource:
    """Return what makes the ARN of the bus in the member, a name or an ARN; of the default bus without the member."""
    return lambda asked: bus_arn(*bus_in(asked.call.scope, asked.text(member)))


def _named(kind: str, member: str = "Name") -> Resource:
    return lambda asked: asked.arn("events", f"{kind}/{asked.text(member)}")


def _rule_of(asked: Asked) -> tuple[Scope, str, str]:
    """Return the scope, the bus and the name of the rule that the request names."""
    scope, bus = bus_in(asked.call.scope, asked.text("EventBusName"))
    return scope, bus, asked.text("Rule") or asked.text("Name")


def _rule(asked: Asked) -> str:
    return rule_arn(*_rule_of(asked))


def _source(asked: Asked) -> str:
    """Return the ARN of a partner event source, which belongs to no account."""
    member = "EventSourceName" if "EventSourceName" in asked.params else "Name"
    return arn("events", asked.call.scope.region, "", f"event-source/{asked.text(member)}")


def _tagged(asked: Asked) -> str:
    """Return the ARN of a bus or a rule. `rule/default/NAME` is another spelling of `rule/NAME`."""
    text = asked.text("ResourceARN")
    try:
        parsed = Arn.parse(text)
    except ValueError:
        return text
    scope, (kind, _, path) = Scope(parsed.account, parsed.region), parsed.resource.partition("/")
    if kind == "event-bus":
        return bus_arn(scope, path)
    bus, slash, name = path.rpartition("/")
    return rule_arn(scope, bus if slash else DEFAULT_BUS, name) if kind == "rule" else text


def _pattern(asked: Asked) -> Mapping[str, Values]:
    return conditions_of_pattern(asked.text("EventPattern"))


def _targets(asked: Asked) -> Mapping[str, Values]:
    return {
        "events:targetarn": tuple(str(target.get("Arn", "")) for target in asked.params.get("Targets") or ())
    }


def _roles_of_targets(asked: Asked) -> Sequence[Need]:
    roles = dict.fromkeys(target.get("RoleArn") for target in asked.params.get("Targets") or ())
    return [Need("iam:PassRole", role, {"iam:passedtoservice": _SERVICE}) for role in roles if role]


def _buses_of_endpoint(asked: Asked) -> Mapping[str, Values]:
    return {
        "events:eventbusarn": tuple(
            bus.get("EventBusArn", "") for bus in asked.params.get("EventBuses") or ()
        )
    }


def _connection(asked: Asked) -> str:
    """Return the connection's ARN as policies name it, without the id that ends its own."""
    text = asked.text("ConnectionArn")
    return "/".join(text.split("/")[:2]) if is_arn(text) else text


def _put_events(asked: Asked) -> Sequence[Need]:
    entries: Sequence[Mapping[str, Any]] = asked.params.get("Entries") or ()
    scope, invoked = asked.call.scope, "true" if ":rule/" in asked.call.caller.source_arn else "false"
    kinds = {(one.get("EventBusName"), one.get("Source"), one.get("DetailType")) for one in entries}
    buses = {bus: bus_arn(*bus_in(scope, bus)) for bus, _, _ in kinds}
    return [
        Need(
            "events:PutEvents",
            buses[bus],
            {
                "events:source": source or "",
                "events:detail-type": detail_type or "",
                "events:eventbusinvocation": invoked,
            },
        )
        for bus, source, detail_type in kinds
    ]


_TAGS, _TAG_KEYS = request_tags("Tags"), request_tags("TagKeys")
_ROLE = passes_role("RoleArn", _SERVICE)


def _on(kind: str, action: str, *further: NeedsOf, member: str = "Name") -> NeedsOf:
    return needs(f"events:{action}", _named(kind, member), *further)


def _on_rule(action: str) -> NeedsOf:
    return needs(f"events:{action}", _rule)


def _secret(*verbs: str) -> NeedsOf:
    """Return what the caller needs on the secret that EventBridge keeps of a connection.

    AWS names these permissions in the schema of the resource type (create, update), and AmazonEventBridgeFullAccess has
    them: https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-events
    """
    actions = [f"secretsmanager:{verb}Secret{'Value' if verb in ('Get', 'Put') else ''}" for verb in verbs]

    def needs_of(asked: Asked) -> Sequence[Need]:
        secret = asked.arn("secretsmanager", f"secret:{secret_prefix(asked.text('Name'))}*")
        return [Need(action, secret) for action in actions]

    return needs_of


def _archive(asked: Asked) -> str:
    """Return the ARN of the archive, of which the handler takes the name alone."""
    return asked.arn("events", f"archive/{asked.text('EventSourceArn').partition(':archive/')[2]}")


def _destination(asked: Asked) -> str:
    return bus_arn(*bus_in(asked.call.scope, str((asked.params.get("Destination") or {}).get("Arn", ""))))


ACTIONS: Mapping[str, NeedsOf] = {
    "ActivateEventSource": needs("events:ActivateEventSource", _source),
    "CancelReplay": _on("replay", "CancelReplay", member="ReplayName"),
    "CreateApiDestination": _on(
        "api-destination", "CreateApiDestination", needs("events:CreateApiDestination", _connection)
    ),
    "CreateArchive": _on(
        "archive",
        "CreateArchive",
        needs("events:CreateArchive", _bus("EventSourceArn")),
        member="ArchiveName",
    ),
    "CreateConnection": _on("connection", "CreateConnection", _secret("Create", "Get", "Put")),
    "CreateEndpoint": needs("events:CreateEndpoint", _named("endpoint"), _ROLE, keys=_buses_of_endpoint),
    "CreateEventBus": needs(
        "events:CreateEventBus",
        _bus("Name"),
        when("Tags", needs("events:TagResource", _bus("Name"), keys=_TAGS)),
        keys=_TAGS,
    ),
    "CreatePartnerEventSource": needs("events:CreatePartnerEventSource", _source),
    "DeactivateEventSource": needs("events:DeactivateEventSource", _source),
    "DeauthorizeConnection": _on("connection", "DeauthorizeConnection"),
    "DeleteApiDestination": _on("api-destination", "DeleteApiDestination"),
    "DeleteArchive": _on("archive", "DeleteArchive", member="ArchiveName"),
    "DeleteConnection": _on("connection", "DeleteConnection"),
    "DeleteEndpoint": _on("endpoint", "DeleteEndpoint"),
    "DeleteEventBus": needs("events:DeleteEventBus", _bus("Name")),
    "DeletePartnerEventSource": needs("events:DeletePartnerEventSource", _source),
    "DeleteRule": _on_rule("DeleteRule"),
    "DescribeApiDestination": _on("api-destination", "DescribeApiDestination"),
    "DescribeArchive": _on("archive", "DescribeArchive", member="ArchiveName"),
    "DescribeConnection": _on("connection", "DescribeConnection"),
    "DescribeEndpoint": _on("endpoint", "DescribeEndpoint"),
    "DescribeEventBus": needs("events:DescribeEventBus", _bus("Name")),
    "DescribeEventSource": needs("events:DescribeEventSource", _source),
    "DescribePartnerEventSource": needs("events:DescribePartnerEventSource", _source),
    "DescribeReplay": _on("replay", "DescribeReplay", member="ReplayName"),
    "DescribeRule": _on_rule("DescribeRule"),
    "DisableRule": _on_rule("DisableRule"),
    "EnableRule": _on_rule("EnableRule"),
    "ListApiDestinations": needs("events:ListApiDestinations"),
    "ListArchives": needs("events:ListArchives"),
    "ListConnections": needs("events:ListConnections"),
    "ListEndpoints": needs("events:ListEndpoints"),
    "ListEventBuses": needs("events:ListEventBuses"),
    "ListEventSources": needs("events:ListEventSources"),
    "ListPartnerEventSourceAccounts": needs("events:ListPartnerEventSourceAccounts", _source),
    "ListPartnerEventSources": needs("events:ListPartnerEventSources"),
    "ListReplays": needs("events:ListReplays"),
    "ListRuleNamesByTarget": needs("events:ListRuleNamesByTarget"),
    "ListRules": needs("events:ListRules"),
    "ListTagsForResource": needs("events:ListTagsForResource", _tagged),
    "ListTargetsByRule": _on_rule("ListTargetsByRule"),
    "PutEvents": _put_events,
    "PutPartnerEvents": needs("events:PutPartnerEvents"),
    "PutPermission": needs("events:PutPermission"),
    "PutRule": needs(
        "events:PutRule",
        _rule,
        _ROLE,
        when("Tags", needs("events:TagResource", _rule, keys=_TAGS)),
        keys=merged(_pattern, _TAGS),
    ),
    "PutTargets": needs("events:PutTargets", _rule, _roles_of_targets, keys=_targets),
    "RemovePermission": needs("events:RemovePermission"),
    "RemoveTargets": _on_rule("RemoveTargets"),
    "StartReplay": _on(
        "replay",
        "StartReplay",
        needs("events:StartReplay", _archive),
        needs("events:StartReplay", _destination),
        member="ReplayName",
    ),
    "TagResource": needs("events:TagResource", _tagged, keys=_TAGS),
    "TestEventPattern": needs("events:TestEventPattern"),
    "UntagResource": needs("events:UntagResource", _tagged, keys=_TAG_KEYS),
    "UpdateApiDestination": _on("api-destination", "UpdateApiDestination"),
    "UpdateArchive": _on("archive", "UpdateArchive", member="ArchiveName"),
    "UpdateConnection": _on(
        "connection", "UpdateConnection", when("AuthParameters", _secret("Create", "Update", "Get", "Put"))
    ),
    "UpdateEndpoint": needs("events:UpdateEndpoint", _named("endpoint"), _ROLE, keys=_buses_of_endpoint),
    "UpdateEventBus": needs("events:UpdateEventBus", _bus("Name")),
}


async def resolve(platform: Platform, asked: Asked, needed: Sequence[Need]) -> Sequence[Need]:
    """Add who created the rule of the request, and the service that manages it; name the secret of a connection."""
    if needed and needed[0].action == "events:PutEvents" and asked.params.get("EndpointId"):
        return await _on_buses_of_endpoint(platform, asked, needed)
    if asked.params.get("AuthParameters") and needed[0].action == "events:UpdateConnection":
        return await _on_stored_secret(platform, asked, needed)
    if not needed or needed[0].action not in _OF_RULES:
        return needed
    scope, bus, name = _rule_of(asked)
    record = await platform.store.get(scope, RULE, rule_key(bus, name))
    value = record.value if record is not None else {}
    keys = {
        "events:creatoraccount": value.get("CreatedBy", ""),
        "events:managedby": value.get("ManagedBy", ""),
    }
    return [
        need._replace(keys={**need.keys, **keys}) if need.resource == needed[0].resource else need
        for need in needed
    ]


async def _on_stored_secret(platform: Platform, asked: Asked, needed: Sequence[Need]) -> Sequence[Need]:
    """Return the needs on the very secret of a connection that has one."""
    record = await platform.store.get(asked.call.scope, CONNECTION, asked.text("Name"))
    arn = secret_arn_of(asked.call.scope, record) if record is not None else None
    own, *on_secret = needed
    return needed if arn is None else [own, *(need._replace(resource=arn) for need in on_secret)]


async def _on_buses_of_endpoint(platform: Platform, asked: Asked, needed: Sequence[Need]) -> Sequence[Need]:
    """Return the needs on each bus of a global endpoint, which entries need not name."""
    found = await endpoint_with(platform.store, asked.call.scope.account, asked.text("EndpointId"))
    if found is None:
        return needed
    arns = [bus["EventBusArn"] for bus in found[1].value["EventBuses"]]
    return [need._replace(resource=bus) for need in needed for bus in arns]


POLICY_RECORDS = (BUS,)  # that have policies with principals


async def resource_policy(platform: Platform, arn: str) -> Policy | None:
    """Return the policy of a bus, which is that of its rules too; None for one without, which EventBridge may use."""
    named = _bus_of(arn)
    bus = await platform.router.buses.find(*named) if named is not None else None
    return bus.policy if bus is not None and bus.policy.statements else None


async def resource_tags(platform: Platform, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
    """Return the tags of a bus or a rule."""
    bus = _bus_of(arn)
    if bus is None:
        return {}
    scope, name = bus
    rule = arn.rpartition("/")[2] if ":rule/" in arn else ""
    record = await platform.store.get(scope, *((RULE, rule_key(name, rule)) if rule else (BUS, name)))
    return record.value.get("Tags", {}) if record is not None else {}


def _bus_of(arn: str) -> tuple[Scope, str] | None:
    """Return the bus that an ARN names, or the bus of the rule that it names; None for another resource."""
    _, _, _, region, account, resource = arn.split(":", 5)
    kind, _, path = resource.partition("/")
    if kind == "rule":
        path = path.rpartition("/")[0] or DEFAULT_BUS
    return (Scope(account, region), path) if kind in ("rule", "event-bus") else None
