"""Says which actions on which resources each operation needs, as the Service Authorization Reference has it.

Subscriptions are not resources of policies: what is done to one needs its action on all resources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightbus.identity.needs import ANY, Asked, NeedsOf, needs, request_tags
from nightbus.identity.request_keys import members
from nightbus.messaging.topic import TOPIC, topic_address
from nightbus.policies.document import Policy
from nightbus.policies.request import Need, Values
from nightbus.services.context import Platform

_SERVICE = "sns.amazonaws.com"


def _topic(asked: Asked) -> str:
    return asked.text("TopicArn") or ANY


def _resource(asked: Asked) -> str:
    return asked.text("ResourceArn") or ANY


def _named(asked: Asked) -> str:
    return asked.arn("sns", asked.text("Name"))


def _application(asked: Asked) -> str:
    return asked.text("PlatformApplicationArn") or ANY


def _endpoint(asked: Asked) -> str:
    return asked.text("EndpointArn") or ANY


def _published(asked: Asked) -> str:
    """Return the topic, the endpoint, or the phone number: AWS takes a number for the resource."""
    return asked.text("TopicArn") or asked.text("TargetArn") or asked.text("PhoneNumber") or ANY


def _passes_roles(asked: Asked) -> Sequence[Need]:
    """Return what a request needs that gives SNS roles: of a Firehose subscription, or for delivery status logs.

    https://docs.aws.amazon.com/sns/latest/dg/prereqs-kinesis-data-firehose.html
    https://docs.aws.amazon.com/sns/latest/dg/topics-attrib.html
    """
    attributes = asked.params.get("Attributes") or asked.params.get("attributes") or {}
    attributes = attributes or {asked.text("AttributeName"): asked.text("AttributeValue")}
    roles = [role for name, role in attributes.items() if name.endswith(("RoleArn", "IAMRole")) and role]
    return [Need("iam:PassRole", role, {"iam:passedtoservice": _SERVICE}) for role in roles]


def _of_new_topic(asked: Asked) -> Sequence[Need]:
    needed: list[Need] = [*_passes_roles(asked)]
    if asked.params.get("Tags"):
        needed += needs("sns:TagResource", _named, keys=request_tags("Tags"))(asked)
    if asked.params.get("DataProtectionPolicy"):
        needed += needs("sns:PutDataProtectionPolicy", _named)(asked)
    return needed


ACTIONS: Mapping[str, NeedsOf] = {
    "AddPermission": needs("sns:AddPermission", _topic),
    "CheckIfPhoneNumberIsOptedOut": needs("sns:CheckIfPhoneNumberIsOptedOut"),
    "ConfirmSubscription": needs("sns:ConfirmSubscription", _topic),
    "CreatePlatformApplication": needs("sns:CreatePlatformApplication", ANY, _passes_roles),
    "CreatePlatformEndpoint": needs("sns:CreatePlatformEndpoint", _application),
    "CreateSMSSandboxPhoneNumber": needs("sns:CreateSMSSandboxPhoneNumber"),
    "CreateTopic": needs("sns:CreateTopic", _named, _of_new_topic, keys=request_tags("Tags")),
    "DeleteEndpoint": needs("sns:DeleteEndpoint", _endpoint),
    "DeletePlatformApplication": needs("sns:DeletePlatformApplication", _application),
    "DeleteSMSSandboxPhoneNumber": needs("sns:DeleteSMSSandboxPhoneNumber"),
    "DeleteTopic": needs("sns:DeleteTopic", _topic),
    "GetDataProtectionPolicy": needs("sns:GetDataProtectionPolicy", _resource),
    "GetEndpointAttributes": needs("sns:GetEndpointAttributes", _endpoint),
    "GetPlatformApplicationAttributes": needs("sns:GetPlatformApplicationAttributes", _application),
    "GetSMSAttributes": needs("sns:GetSMSAttributes"),
    "GetSMSSandboxAccountStatus": needs("sns:GetSMSSandboxAccountStatus"),
    "GetSubscriptionAttributes": needs("sns:GetSubscriptionAttributes"),
    "GetTopicAttributes": needs("sns:GetTopicAttributes", _topic),
    "ListEndpointsByPlatformApplication": needs("sns:ListEndpointsByPlatformApplication", _application),
    "ListOriginationNumbers": needs("sns:ListOriginationNumbers"),
    "ListPhoneNumbersOptedOut": needs("sns:ListPhoneNumbersOptedOut"),
    "ListPlatformApplications": needs("sns:ListPlatformApplications"),
    "ListSMSSandboxPhoneNumbers": needs("sns:ListSMSSandboxPhoneNumbers"),
    "ListSubscriptions": needs("sns:ListSubscriptions"),
    "ListSubscriptionsByTopic": needs("sns:ListSubscriptionsByTopic", _topic),
    "ListTagsForResource": needs("sns:ListTagsForResource", _resource),
    "ListTopics": needs("sns:ListTopics"),
    "OptInPhoneNumber": needs("sns:OptInPhoneNumber"),
    "Publish": needs("sns:Publish", _published),
    "PublishBatch": needs("sns:Publish", _topic),
    "PutDataProtectionPolicy": needs("sns:PutDataProtectionPolicy", _resource),
    "RemovePermission": needs("sns:RemovePermission", _topic),
    "SetEndpointAttributes": needs("sns:SetEndpointAttributes", _endpoint),
    "SetPlatformApplicationAttributes": needs(
        "sns:SetPlatformApplicationAttributes", _application, _passes_roles
    ),
    "SetSMSAttributes": needs("sns:SetSMSAttributes", ANY, _passes_roles),
    "SetSubscriptionAttributes": needs("sns:SetSubscriptionAttributes", ANY, _passes_roles),
    "SetTopicAttributes": needs("sns:SetTopicAttributes", _topic, _passes_roles),
    "Subscribe": needs(
        "sns:Subscribe",
        _topic,
        _passes_roles,
        keys=members(sns__protocol="Protocol", sns__endpoint="Endpoint"),
    ),
    "TagResource": needs("sns:TagResource", _resource, keys=request_tags("Tags")),
    "Unsubscribe": needs("sns:Unsubscribe"),
    "UntagResource": needs("sns:UntagResource", _resource, keys=request_tags("TagKeys")),
    "VerifySMSSandboxPhoneNumber": needs("sns:VerifySMSSandboxPhoneNumber"),
}


POLICY_RECORDS = (TOPIC,)  # that have policies with principals


async def resource_policy(platform: Platform, arn: str) -> Policy | None:
    topic = await platform.topics.find_arn(arn)
    return topic.access.policy if topic is not None else None


async def resource_tags(platform: Platform, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
    address = topic_address(arn)
    record = await platform.store.get(address[0], TOPIC, address[1]) if address else None
    tags: dict[str, str] = record.value.get("tags") or {} if record is not None else {}
    return tags
