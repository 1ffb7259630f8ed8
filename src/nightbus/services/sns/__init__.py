"""Registers the operations of Amazon SNS, and the worker that delivers notifications."""

from __future__ import annotations

from nightbus.services.context import Handler, JobQueueMaker, Worker
from nightbus.services.sns import (
    confirmation,
    notification_jobs,
    permissions,
    publishing,
    subscription_attributes,
    subscriptions,
    tags,
    topics,
    unconfirmed,
)

HANDLERS: dict[str, Handler] = {
    "CreateTopic": topics.create_topic,
    "DeleteTopic": topics.delete_topic,
    "ListTopics": topics.list_topics,
    "GetTopicAttributes": topics.get_topic_attributes,
    "SetTopicAttributes": topics.set_topic_attributes,
    "Subscribe": subscriptions.subscribe,
    "ConfirmSubscription": confirmation.confirm_subscription,
    "Unsubscribe": subscriptions.unsubscribe,
    "ListSubscriptions": subscriptions.list_subscriptions,
    "ListSubscriptionsByTopic": subscriptions.list_subscriptions_by_topic,
    "GetSubscriptionAttributes": subscription_attributes.get_subscription_attributes,
    "SetSubscriptionAttributes": subscription_attributes.set_subscription_attributes,
    "Publish": publishing.publish,
    "PublishBatch": publishing.publish_batch,
    "AddPermission": permissions.add_permission,
    "RemovePermission": permissions.remove_permission,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "ListTagsForResource": tags.list_tags_for_resource,
}

WORKERS: list[Worker] = [unconfirmed.forget_unanswered]
JOB_QUEUES: list[JobQueueMaker] = [notification_jobs.NotificationJobs]
