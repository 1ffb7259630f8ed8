"""Registers the operations of Amazon SNS, its workers and the queue of its notifications."""

from __future__ import annotations

from nightbus.services.context import Handler, JobQueueMaker, Worker
from nightbus.services.sns import publishing
from nightbus.services.sns.archives import replays, trimming
from nightbus.services.sns.deliveries import jobs as notification_jobs
from nightbus.services.sns.deliveries import outbox_trimming
from nightbus.services.sns.push import applications, endpoints
from nightbus.services.sns.sms import attributes as sms_attributes
from nightbus.services.sns.sms import numbers, sandbox
from nightbus.services.sns.subscriptions import attributes as subscription_attributes
from nightbus.services.sns.subscriptions import confirmation, subscriptions, unconfirmed
from nightbus.services.sns.topics import data_protection, permissions, tags, topics

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
    "GetDataProtectionPolicy": data_protection.get_data_protection_policy,
    "PutDataProtectionPolicy": data_protection.put_data_protection_policy,
    "GetSMSAttributes": sms_attributes.get_sms_attributes,
    "SetSMSAttributes": sms_attributes.set_sms_attributes,
    "CheckIfPhoneNumberIsOptedOut": numbers.check_if_phone_number_is_opted_out,
    "ListPhoneNumbersOptedOut": numbers.list_phone_numbers_opted_out,
    "OptInPhoneNumber": numbers.opt_in_phone_number,
    "ListOriginationNumbers": numbers.list_origination_numbers,
    "GetSMSSandboxAccountStatus": sandbox.get_sms_sandbox_account_status,
    "CreateSMSSandboxPhoneNumber": sandbox.create_sms_sandbox_phone_number,
    "VerifySMSSandboxPhoneNumber": sandbox.verify_sms_sandbox_phone_number,
    "DeleteSMSSandboxPhoneNumber": sandbox.delete_sms_sandbox_phone_number,
    "ListSMSSandboxPhoneNumbers": sandbox.list_sms_sandbox_phone_numbers,
    "CreatePlatformApplication": applications.create_platform_application,
    "GetPlatformApplicationAttributes": applications.get_platform_application_attributes,
    "SetPlatformApplicationAttributes": applications.set_platform_application_attributes,
    "DeletePlatformApplication": applications.delete_platform_application,
    "ListPlatformApplications": applications.list_platform_applications,
    "CreatePlatformEndpoint": endpoints.create_platform_endpoint,
    "GetEndpointAttributes": endpoints.get_endpoint_attributes,
    "SetEndpointAttributes": endpoints.set_endpoint_attributes,
    "DeleteEndpoint": endpoints.delete_endpoint,
    "ListEndpointsByPlatformApplication": endpoints.list_endpoints_by_platform_application,
}

WORKERS: list[Worker] = [unconfirmed.forget_unanswered, replays.run_message_replays]
DUTIES: list[Worker] = [outbox_trimming.trim_outbox, trimming.trim_topic_archives]
JOB_QUEUES: list[JobQueueMaker] = [notification_jobs.NotificationJobs]
