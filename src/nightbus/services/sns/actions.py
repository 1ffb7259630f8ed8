"""Says which actions on which resources each operation needs, as the Service Authorization Reference has it.

Subscriptions are not resources of policies: what is done to one needs its action on the topic. What concerns no topic
needs its action on `arn:aws:sns:REGION:ACCOUNT:*`, which is the resource that AWS's refusals name.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightbus.aws.arn import in_own_partition
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


def _account(asked: Asked) -> str:
    return asked.arn("sns", "*")


def _subscription(asked: Asked) -> str:
    """Return the subscription's topic; one in another account is not the resource of the subscription's owner."""
    topic = in_own_partition(asked.text("SubscriptionArn"), asked.call.scope.region).rpartition(":")[0]
    return topic if topic.startswith(asked.arn("sns", "")) else _account(asked)


def _new_application(asked: Asked) -> str:
    return asked.arn("sns", f"app/{asked.text('Platform')}/{asked.text('Name')}")


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
    "CheckIfPhoneNumberIsOptedOut": needs("sns:CheckIfPhoneNumberIsOptedOut", _account),
    "ConfirmSubscription": needs("sns:ConfirmSubscription", _topic),
    "CreatePlatformApplication": needs("sns:CreatePlatformApplication", _new_application, _passes_roles),
    "CreatePlatformEndpoint": needs("sns:CreatePlatformEndpoint", _application),
    "CreateSMSSandboxPhoneNumber": needs("sns:CreateSMSSandboxPhoneNumber", _account),
    "CreateTopic": needs("sns:CreateTopic", _named, _of_new_topic, keys=request_tags("Tags")),
    "DeleteEndpoint": needs("sns:DeleteEndpoint", _endpoint),
    "DeletePlatformApplication": needs("sns:DeletePlatformApplication", _application),
    "DeleteSMSSandboxPhoneNumber": needs("sns:DeleteSMSSandboxPhoneNumber", _account),
    "DeleteTopic": needs("sns:DeleteTopic", _topic),
    "GetDataProtectionPolicy": needs("sns:GetDataProtectionPolicy", _resource),
    "GetEndpointAttributes": needs("sns:GetEndpointAttributes", _endpoint),
    "GetPlatformApplicationAttributes": needs("sns:GetPlatformApplicationAttributes", _application),
    "GetSMSAttributes": needs("sns:GetSMSAttributes", _account),
    "GetSMSSandboxAccountStatus": needs("sns:GetSMSSandboxAccountStatus", _account),
    "GetSubscriptionAttributes": needs("sns:GetSubscriptionAttributes", _subscription),
    "GetTopicAttributes": needs("sns:GetTopicAttributes", _topic),
    "ListEndpointsByPlatformApplication": needs("sns:ListEndpointsByPlatformApplication", _application),
    "ListOriginationNumbers": needs("sns:ListOriginationNumbers", _account),
    "ListPhoneNumbersOptedOut": needs("sns:ListPhoneNumbersOptedOut", _account),
    "ListPlatformApplications": needs("sns:ListPlatformApplications", _account),
    "ListSMSSandboxPhoneNumbers": needs("sns:ListSMSSandboxPhoneNumbers", _account),
    "ListSubscriptions": needs("sns:ListSubscriptions", _account),
    "ListSubscriptionsByTopic": needs("sns:ListSubscriptionsByTopic", _topic),
    "ListTagsForResource": needs("sns:ListTagsForResource", _resource),
    "ListTopics": needs("sns:ListTopics", _account),
    "OptInPhoneNumber": needs("sns:OptInPhoneNumber", _account),
    "Publish": needs("sns:Publish", _published),
    "PublishBatch": needs("sns:Publish", _topic),
    "PutDataProtectionPolicy": needs("sns:PutDataProtectionPolicy", _resource),
    "RemovePermission": needs("sns:RemovePermission", _topic),
    "SetEndpointAttributes": needs("sns:SetEndpointAttributes", _endpoint),
    "SetPlatformApplicationAttributes": needs(
        "sns:SetPlatformApplicationAttributes", _application, _passes_roles
    ),
    "SetSMSAttributes": needs("sns:SetSMSAttributes", _account, _passes_roles),
    "SetSubscriptionAttributes": needs("sns:SetSubscriptionAttributes", _subscription, _passes_roles),
    "SetTopicAttributes": needs("sns:SetTopicAttributes", _topic, _passes_roles),
    "Subscribe": needs(
        "sns:Subscribe",
        _topic,
        _passes_roles,
        keys=members(sns__protocol="Protocol", sns__endpoint="Endpoint"),
    ),
    "TagResource": needs("sns:TagResource", _resource, keys=request_tags("Tags")),
    "Unsubscribe": needs("sns:Unsubscribe", _subscription),
    "UntagResource": needs("sns:UntagResource", _resource, keys=request_tags("TagKeys")),
    "VerifySMSSandboxPhoneNumber": needs("sns:VerifySMSSandboxPhoneNumber", _account),
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
