"""Amazon EventBridge: buses, rules, targets, and the events that are put onto them."""

from __future__ import annotations

from nightbus.services.context import Handler, Worker
from nightbus.services.events import (
    buses,
    endpoints,
    history,
    partners,
    patterns,
    permissions,
    publishing,
    rules,
    schedules,
    sources,
    tags,
    targets,
)

HANDLERS: dict[str, Handler] = {
    "CreateEventBus": buses.create_event_bus,
    "DeleteEventBus": buses.delete_event_bus,
    "DescribeEventBus": buses.describe_event_bus,
    "ListEventBuses": buses.list_event_buses,
    "UpdateEventBus": buses.update_event_bus,
    "DeleteRule": rules.delete_rule,
    "DescribeRule": rules.describe_rule,
    "DisableRule": rules.disable_rule,
    "EnableRule": rules.enable_rule,
    "ListRules": rules.list_rules,
    "PutRule": rules.put_rule,
    "ListRuleNamesByTarget": targets.list_rule_names_by_target,
    "ListTargetsByRule": targets.list_targets_by_rule,
    "PutTargets": targets.put_targets,
    "RemoveTargets": targets.remove_targets,
    "PutEvents": publishing.put_events,
    "TestEventPattern": patterns.test_event_pattern,
    "PutPermission": permissions.put_permission,
    "RemovePermission": permissions.remove_permission,
    "CreateEndpoint": endpoints.create_endpoint,
    "DeleteEndpoint": endpoints.delete_endpoint,
    "DescribeEndpoint": endpoints.describe_endpoint,
    "ListEndpoints": endpoints.list_endpoints,
    "UpdateEndpoint": endpoints.update_endpoint,
    "ActivateEventSource": sources.activate_event_source,
    "DeactivateEventSource": sources.deactivate_event_source,
    "DescribeEventSource": sources.describe_event_source,
    "ListEventSources": sources.list_event_sources,
    "CreatePartnerEventSource": partners.create_partner_event_source,
    "DeletePartnerEventSource": partners.delete_partner_event_source,
    "DescribePartnerEventSource": partners.describe_partner_event_source,
    "ListPartnerEventSourceAccounts": partners.list_partner_event_source_accounts,
    "ListPartnerEventSources": partners.list_partner_event_sources,
    "PutPartnerEvents": partners.put_partner_events,
    "ListTagsForResource": tags.list_tags_for_resource,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
}

WORKERS: list[Worker] = [history.trim_history, schedules.run_schedules]
