"""Which error does which operation of EventBridge document, and what provokes it here?

Every pair of AWS's model stands in one of these tables, or a unit test fails (test_events_errors.py, in unit/services).
The service test of the same name plays `REFUSED` and `RACES` against a node in the world that it sets up.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

ACCOUNT = "600000000001"
PREFIX = f"arn:aws:events:us-east-1:{ACCOUNT}:"
PATTERN = '{"source": ["shop"]}'
SOURCE = "aws.partner/world/offered"  # it waits for a bus
NONE = "aws.partner/world/none"
MANAGED = {"Name": "Events-Archive-kept", "EventBusName": "shop"}
TARGET = {"Id": "t", "Arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/shop"}
TAG = {"Key": "a", "Value": "b"}
ROUTE = {
    "Primary": {"HealthCheck": "arn:aws:route53:::healthcheck/a"},
    "Secondary": {"Route": "us-west-2"},
}
ENDPOINT: dict[str, Any] = {
    "Name": "both",
    "RoutingConfig": {"FailoverConfig": ROUTE},
    "ReplicationConfig": {"State": "DISABLED"},
    "EventBuses": [
        {"EventBusArn": f"{PREFIX}event-bus/shop"},
        {"EventBusArn": f"arn:aws:events:us-west-2:{ACCOUNT}:event-bus/shop"},
    ],
}
CONNECTION: dict[str, Any] = {
    "Name": "open",
    "AuthorizationType": "API_KEY",
    "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "v"}},
}
CONNECTION_ARN = "the ARN of that connection"  # known when it is there
DESTINATION: dict[str, Any] = {
    "Name": "called",
    "ConnectionArn": CONNECTION_ARN,
    "InvocationEndpoint": "https://shop.example",
    "HttpMethod": "POST",
}
REPLAY: dict[str, Any] = {
    "ReplayName": "again",
    "EventSourceArn": f"{PREFIX}archive/kept",
    "EventStartTime": datetime(2026, 1, 1, tzinfo=UTC),
    "EventEndTime": datetime(2026, 1, 2, tzinfo=UTC),
    "Destination": {"Arn": f"{PREFIX}event-bus/shop"},
}

_MISSING = "ResourceNotFoundException"
_THERE = "ResourceAlreadyExistsException"
_CONCURRENT = "ConcurrentModificationException"
_LIMIT = "LimitExceededException"
_PATTERN = "InvalidEventPatternException"
_STATE = "InvalidStateException"
_MANAGED = "ManagedRuleException"

_no_bus = "Event bus none does not exist."
_no_rule = "Rule none does not exist on EventBus shop."
_no_source = f"Event source {NONE} does not exist."
_no_archive = "Archive none does not exist."
_no_endpoint = "Endpoint none does not exist."
_no_connection = "Failed to describe the connection(s). Connection 'none' does not exist."
_no_destination = "Failed to describe the api-destination(s). An api-destination 'none' does not exist."
_EMPTY = (
    "Event pattern is not valid. Reason: Empty objects are not allowed\n"
    ' at [Source: (String)"{}"; line: 1, column: 3]'
)
_managed = "Events-Archive-kept is a managed rule. Set 'force' parameter to true to override."

# What is refused in a world with: bus `shop` in both regions, its rule `r` with target `t`, its archive `kept`; replay
# `again`, completed; endpoint `both`; event source SOURCE, offered by the account to itself; CONNECTION, DESTINATION.
REFUSED: dict[tuple[str, str], tuple[dict[str, Any], str]] = {
    ("ActivateEventSource", _MISSING): ({"Name": NONE}, _no_source),
    ("ActivateEventSource", _STATE): ({"Name": SOURCE}, f"Event source {SOURCE} has no matching event bus."),
    ("CancelReplay", _MISSING): ({"ReplayName": "none"}, "Replay none does not exist."),
    ("CancelReplay", "IllegalStatusException"): (
        {"ReplayName": "again"},
        "Replay again is not in a valid state for this operation.",
    ),
    ("CreateApiDestination", _THERE): (DESTINATION, "An api-destination 'called' already exists."),
    ("CreateApiDestination", _MISSING): (
        {**DESTINATION, "Name": "x", "ConnectionArn": f"{PREFIX}connection/none/0"},
        f"Connection '{PREFIX}connection/none/0' does not exist.",
    ),
    ("CreateConnection", _THERE): (CONNECTION, "Connection open already exists."),
    ("DeauthorizeConnection", _MISSING): ({"Name": "none"}, _no_connection),
    ("DeleteApiDestination", _MISSING): ({"Name": "none"}, _no_destination),
    ("DeleteConnection", _MISSING): ({"Name": "none"}, _no_connection),
    ("DescribeApiDestination", _MISSING): ({"Name": "none"}, _no_destination),
    ("DescribeConnection", _MISSING): ({"Name": "none"}, _no_connection),
    ("UpdateApiDestination", _MISSING): ({"Name": "none"}, _no_destination),
    ("UpdateConnection", _MISSING): ({"Name": "none"}, _no_connection),
    ("CreateArchive", _THERE): (
        {"ArchiveName": "kept", "EventSourceArn": f"{PREFIX}event-bus/shop"},
        "Archive kept already exists.",
    ),
    ("CreateArchive", _MISSING): (
        {"ArchiveName": "a", "EventSourceArn": f"{PREFIX}event-bus/none"},
        _no_bus,
    ),
    ("CreateArchive", _PATTERN): (
        {"ArchiveName": "a", "EventSourceArn": f"{PREFIX}event-bus/shop", "EventPattern": "{}"},
        _EMPTY,
    ),
    ("CreateEndpoint", _THERE): (ENDPOINT, "Endpoint both already exists."),
    ("CreateEventBus", _THERE): ({"Name": "shop"}, "Event bus shop already exists."),
    ("CreateEventBus", _MISSING): ({"Name": NONE, "EventSourceName": NONE}, _no_source),
    ("CreatePartnerEventSource", _THERE): (
        {"Name": SOURCE, "Account": ACCOUNT},
        f"Event source {SOURCE} already exists.",
    ),
    ("DeactivateEventSource", _MISSING): ({"Name": NONE}, _no_source),
    ("DeactivateEventSource", _STATE): ({"Name": SOURCE}, f"Event source {SOURCE} is in state PENDING."),
    ("DeleteArchive", _MISSING): ({"ArchiveName": "none"}, _no_archive),
    ("DeleteEndpoint", _MISSING): ({"Name": "none"}, _no_endpoint),
    ("DeleteRule", _MISSING): ({"Name": "r", "EventBusName": "none"}, _no_bus),
    ("DeleteRule", _MANAGED): (MANAGED, _managed),
    ("DescribeArchive", _MISSING): ({"ArchiveName": "none"}, _no_archive),
    ("DescribeEndpoint", _MISSING): ({"Name": "none"}, _no_endpoint),
    ("DescribeEventBus", _MISSING): ({"Name": "none"}, _no_bus),
    ("DescribeEventSource", _MISSING): ({"Name": NONE}, _no_source),
    ("DescribePartnerEventSource", _MISSING): ({"Name": NONE}, _no_source),
    ("DescribeReplay", _MISSING): ({"ReplayName": "none"}, "Replay none does not exist."),
    ("DescribeRule", _MISSING): ({"Name": "none", "EventBusName": "shop"}, _no_rule),
    ("DisableRule", _MISSING): ({"Name": "none", "EventBusName": "shop"}, _no_rule),
    ("DisableRule", _MANAGED): (MANAGED, _managed),
    ("EnableRule", _MISSING): ({"Name": "none", "EventBusName": "shop"}, _no_rule),
    ("EnableRule", _MANAGED): (MANAGED, _managed),
    ("ListArchives", _MISSING): ({"EventSourceArn": f"{PREFIX}event-bus/none"}, _no_bus),
    ("ListPartnerEventSourceAccounts", _MISSING): ({"EventSourceName": NONE}, _no_source),
    ("ListRuleNamesByTarget", _MISSING): ({"TargetArn": TARGET["Arn"], "EventBusName": "none"}, _no_bus),
    ("ListRules", _MISSING): ({"EventBusName": "none"}, _no_bus),
    ("ListTagsForResource", _MISSING): ({"ResourceARN": f"{PREFIX}rule/shop/none"}, _no_rule),
    ("ListTargetsByRule", _MISSING): ({"Rule": "none", "EventBusName": "shop"}, _no_rule),
    ("PutPermission", _MISSING): ({"EventBusName": "none", "Policy": '{"Statement": []}'}, _no_bus),
    ("PutPermission", "PolicyLengthExceededException"): (
        {
            "EventBusName": "shop",
            "Policy": f'{{"Statement": [{{"Effect": "Allow", "Sid": "{"s" * 10_240}"}}]}}',
        },
        "The event bus policy is too long.",
    ),
    ("PutRule", _MISSING): ({"Name": "r", "EventBusName": "none", "EventPattern": PATTERN}, _no_bus),
    ("PutRule", _PATTERN): (
        {"Name": "r", "EventBusName": "shop", "EventPattern": '{"source": "shop"}'},
        'Event pattern is not valid. Reason: "source" must be an object or an array\n'
        ' at [Source: (String)"{"source": "shop"}"; line: 1, column: 13]',
    ),
    ("PutRule", _MANAGED): ({**MANAGED, "EventPattern": PATTERN}, _managed),
    ("PutTargets", _MISSING): ({"Rule": "none", "EventBusName": "shop", "Targets": [TARGET]}, _no_rule),
    ("PutTargets", _MANAGED): (
        {"Rule": MANAGED["Name"], "EventBusName": "shop", "Targets": [TARGET]},
        _managed,
    ),
    ("RemovePermission", _MISSING): (
        {"EventBusName": "shop", "StatementId": "none"},
        "EventBus does not have a policy.",
    ),
    ("RemoveTargets", _MISSING): ({"Rule": "none", "EventBusName": "shop", "Ids": ["t"]}, _no_rule),
    ("RemoveTargets", _MANAGED): (
        {"Rule": MANAGED["Name"], "EventBusName": "shop", "Ids": [MANAGED["Name"]]},
        _managed,
    ),
    ("StartReplay", _MISSING): (
        {
            **REPLAY,
            "ReplayName": "other",
            "Destination": {**REPLAY["Destination"], "FilterArns": [f"{PREFIX}rule/shop/none"]},
        },
        _no_rule,
    ),
    ("StartReplay", _THERE): (REPLAY, "Replay again already exists."),
    ("TagResource", _MISSING): ({"ResourceARN": f"{PREFIX}event-bus/none", "Tags": [TAG]}, _no_bus),
    ("TagResource", _MANAGED): (
        {"ResourceARN": f"{PREFIX}rule/shop/{MANAGED['Name']}", "Tags": [TAG]},
        _managed,
    ),
    ("TestEventPattern", _PATTERN): (
        {"EventPattern": "{}", "Event": "{}"},
        _EMPTY,
    ),
    ("UntagResource", _MISSING): ({"ResourceARN": f"{PREFIX}rule/shop/none", "TagKeys": ["a"]}, _no_rule),
    ("UntagResource", _MANAGED): (
        {"ResourceARN": f"{PREFIX}rule/shop/{MANAGED['Name']}", "TagKeys": ["a"]},
        _managed,
    ),
    ("UpdateArchive", _MISSING): ({"ArchiveName": "none"}, _no_archive),
    ("UpdateArchive", _PATTERN): (
        {"ArchiveName": "kept", "EventPattern": "{}"},
        _EMPTY,
    ),
    ("UpdateEndpoint", _MISSING): ({"Name": "none"}, _no_endpoint),
    ("UpdateEventBus", _MISSING): ({"Name": "none"}, _no_bus),
}  # fmt: skip

# Which test provokes it by more than one call.
ELSEWHERE: dict[tuple[str, str], str] = {
    (
        "CreateApiDestination",
        _LIMIT,
    ): "unit/services/test_events_connections.py::test_api_destinations_have_a_quota",
    ("CreateConnection", _LIMIT): "unit/services/test_events_connections.py::test_connections_have_a_quota",
    ("CreateArchive", _LIMIT): "service/test_events_quotas.py::test_what_is_over_a_quota_is_refused",
    ("CreateEndpoint", _LIMIT): "service/test_events_quotas.py::test_what_is_over_a_quota_is_refused",
    ("CreateEventBus", _LIMIT): "service/test_events_quotas.py::test_what_is_over_a_quota_is_refused",
    ("CreateEventBus", _STATE): "service/test_events_partners.py::test_a_source_from_its_offer_to_its_end",
    ("PutRule", _LIMIT): "service/test_events_quotas.py::test_what_is_over_a_quota_is_refused",
    ("PutTargets", _LIMIT): "service/test_events_quotas.py::test_what_is_over_a_quota_is_refused",
    ("StartReplay", _LIMIT): "service/test_events_quotas.py::test_what_is_over_a_quota_is_refused",
}

# Calls for which AWS documents ConcurrentModificationException: each with what is done at the same time, and what must
# be done before. The node makes such changes one after the other, so that none of them is refused.
Calls = list[tuple[str, dict[str, Any]]]
_IN_SHOP = {"EventBusName": "shop"}
_PUT = ("PutRule", {"Name": "raced", "EventPattern": PATTERN, **_IN_SHOP})
_TARGETS = ("PutTargets", {"Rule": "raced", "Targets": [TARGET], **_IN_SHOP})
_UNTARGETED = ("RemoveTargets", {"Rule": "raced", "Ids": ["t"], **_IN_SHOP})
_TAG = ("TagResource", {"ResourceARN": f"{PREFIX}rule/shop/raced", "Tags": [TAG]})
_UNTAG = ("UntagResource", {"ResourceARN": f"{PREFIX}rule/shop/raced", "TagKeys": ["a"]})
_ENABLE = ("EnableRule", {"Name": "raced", **_IN_SHOP})
_DISABLE = ("DisableRule", {"Name": "raced", **_IN_SHOP})
_PERMIT = ("PutPermission", {"Action": "events:PutEvents", "Principal": "*", "StatementId": "s", **_IN_SHOP})
_BUS = ("CreateEventBus", {"Name": "raced"})
_DESCRIBED = ("UpdateEventBus", {"Name": "raced", "Description": "d"})
_ARCHIVE = ("CreateArchive", {"ArchiveName": "raced", "EventSourceArn": f"{PREFIX}event-bus/shop"})
_ARCHIVED = ("UpdateArchive", {"ArchiveName": "raced", "Description": "d"})
_END = ("CreateEndpoint", {**ENDPOINT, "Name": "raced"})
_ENDED = ("UpdateEndpoint", {"Name": "raced", "Description": "d"})
_RACED = "aws.partner/world/raced"
_OFFER = ("CreatePartnerEventSource", {"Name": _RACED, "Account": ACCOUNT})
_TAKE_UP = ("CreateEventBus", {"Name": _RACED, "EventSourceName": _RACED})
_LET_GO = ("DeleteEventBus", {"Name": _RACED})
_ACTIVATE = ("ActivateEventSource", {"Name": _RACED})
_DEACTIVATE = ("DeactivateEventSource", {"Name": _RACED})
_CONNECT = ("CreateConnection", {**CONNECTION, "Name": "raced"})
_CONNECTED = ("UpdateConnection", {"Name": "raced", "Description": "d"})
_DESTINE = ("CreateApiDestination", {**DESTINATION, "Name": "raced"})
_DESTINED = ("UpdateApiDestination", {"Name": "raced", "Description": "d"})
_WITHDRAW = ("DeletePartnerEventSource", {"Name": _RACED, "Account": ACCOUNT})

RACES: dict[str, tuple[dict[str, Any], Calls, Calls]] = {
    "ActivateEventSource": (_ACTIVATE[1], [_ACTIVATE], [_OFFER, _TAKE_UP, _DEACTIVATE]),
    "CreateEventBus": (_TAKE_UP[1], [_WITHDRAW], [_LET_GO, _OFFER]),
    "DeactivateEventSource": (_DEACTIVATE[1], [_DEACTIVATE], [_OFFER, _TAKE_UP, _ACTIVATE]),
    "DeauthorizeConnection": ({"Name": "raced"}, [_CONNECTED], [_CONNECT]),
    "DeleteApiDestination": ({"Name": "raced"}, [_DESTINED], [_DESTINE]),
    "DeleteConnection": ({"Name": "raced"}, [_CONNECTED], [_CONNECT]),
    "UpdateApiDestination": (_DESTINED[1], [_DESTINED], [_DESTINE]),
    "UpdateConnection": (_CONNECTED[1], [_CONNECTED], [_CONNECT]),
    "DeleteArchive": ({"ArchiveName": "raced"}, [_ARCHIVED], [_ARCHIVE]),
    "DeleteEndpoint": ({"Name": "raced"}, [_ENDED], [_END]),
    "DeleteEventBus": ({"Name": "raced"}, [_DESCRIBED], [_BUS]),
    "DeletePartnerEventSource": (_WITHDRAW[1], [_TAKE_UP], [_LET_GO, _OFFER]),
    "DeleteRule": ({"Name": "raced", **_IN_SHOP}, [_PUT], [_PUT, _UNTARGETED]),
    "DisableRule": (_DISABLE[1], [_ENABLE], [_PUT]),
    "EnableRule": (_ENABLE[1], [_DISABLE], [_PUT]),
    "PutPermission": (_PERMIT[1], [_PERMIT], []),
    "PutRule": (_PUT[1], [_PUT], [_PUT]),
    "PutTargets": (_TARGETS[1], [_UNTARGETED, _TARGETS], [_PUT]),
    "RemovePermission": ({"StatementId": "s", **_IN_SHOP}, [_PERMIT], [_PERMIT]),
    "RemoveTargets": (_UNTARGETED[1], [_TARGETS], [_PUT, _TARGETS]),
    "TagResource": (_TAG[1], [_TAG], [_PUT]),
    "UntagResource": (_UNTAG[1], [_TAG], [_PUT]),
    "UpdateArchive": (_ARCHIVED[1], [_ARCHIVED], [_ARCHIVE]),
    "UpdateEndpoint": (_ENDED[1], [_ENDED], [_END]),
    "UpdateEventBus": (_DESCRIBED[1], [_DESCRIBED], [_BUS]),
}

# Why it never comes, from any operation or from one.
NEVER: dict[str, str] = {
    "InternalException": "A call that ended so would show a defect; test_events_fuzz.py looks for one.",
    "OperationDisabledException": "Every operation is there in every region.",
}
NEVER_OF: dict[tuple[str, str], str] = {
    ("CancelReplay", _CONCURRENT): "A replay that went on meanwhile is cancelled all the same.",
    (
        "CreateArchive",
        _CONCURRENT,
    ): "Of two with the same name one is there already; changes of its bus do not matter.",
    (
        "CreateConnection",
        "AccessDeniedException",
    ): "Secrets lie in the node, and no other service is asked for them.",
    ("CreateConnection", "ThrottlingException"): "No rate of calls is kept.",
    (
        "CreateConnection",
        _MISSING,
    ): "It names nothing but resource configurations of VPC Lattice, which are refused.",
    ("UpdateConnection", "AccessDeniedException"): "As with CreateConnection.",
    ("UpdateConnection", "ThrottlingException"): "As with CreateConnection.",
    ("UpdateConnection", _LIMIT): "Nothing is added.",
    ("UpdateApiDestination", _LIMIT): "Nothing is added.",
    ("CreatePartnerEventSource", _CONCURRENT): "Of two that offer it the second is told that it is there.",
    ("CreatePartnerEventSource", _LIMIT): "AWS names no number of sources that a partner may offer.",
    ("DescribeArchive", _THERE): "Nothing is made.",
    ("StartReplay", _PATTERN): "It takes no pattern.",
    ("UpdateArchive", _LIMIT): "Nothing is added.",
}
