"""Registers the operations of Amazon CloudWatch Logs. Each stream is a log of the store."""

from __future__ import annotations

from nightbus.services.context import Handler, JobQueueMaker, Worker
from nightbus.services.logs import (
    encryption_keys,
    groups,
    metric_filters,
    query_definitions,
    reading,
    resource_policies,
    retention,
    streams,
    tags,
)
from nightbus.services.logs.subscriptions import operations as subscriptions
from nightbus.services.logs.subscriptions.jobs import SubscriptionJobs
from nightbus.services.logs.subscriptions.reading import deliver_subscribed_events

HANDLERS: dict[str, Handler] = {
    "AssociateKmsKey": encryption_keys.associate_kms_key,
    "CreateLogGroup": groups.create_log_group,
    "CreateLogStream": streams.create_log_stream,
    "DeleteLogGroup": groups.delete_log_group,
    "DeleteLogStream": streams.delete_log_stream,
    "DeleteQueryDefinition": query_definitions.delete_query_definition,
    "DeleteResourcePolicy": resource_policies.delete_resource_policy,
    "DeleteRetentionPolicy": retention.delete_retention_policy,
    "DeleteSubscriptionFilter": subscriptions.delete_subscription_filter,
    "DescribeLogGroups": groups.describe_log_groups,
    "DescribeLogStreams": streams.describe_log_streams,
    "DescribeQueryDefinitions": query_definitions.describe_query_definitions,
    "DescribeResourcePolicies": resource_policies.describe_resource_policies,
    "DescribeSubscriptionFilters": subscriptions.describe_subscription_filters,
    "DisassociateKmsKey": encryption_keys.disassociate_kms_key,
    "FilterLogEvents": reading.filter_log_events,
    "GetLogEvents": reading.get_log_events,
    "ListLogGroups": groups.list_log_groups,
    "ListTagsForResource": tags.list_tags_for_resource,
    "ListTagsLogGroup": tags.list_tags_log_group,
    "PutLogEvents": streams.put_log_events,
    "PutQueryDefinition": query_definitions.put_query_definition,
    "PutResourcePolicy": resource_policies.put_resource_policy,
    "PutRetentionPolicy": retention.put_retention_policy,
    "PutSubscriptionFilter": subscriptions.put_subscription_filter,
    "TagLogGroup": tags.tag_log_group,
    "TagResource": tags.tag_resource,
    "TestMetricFilter": metric_filters.test_metric_filter,
    "UntagLogGroup": tags.untag_log_group,
    "UntagResource": tags.untag_resource,
}

DUTIES: list[Worker] = [retention.trim_expired_events, deliver_subscribed_events]

JOB_QUEUES: list[JobQueueMaker] = [SubscriptionJobs]
