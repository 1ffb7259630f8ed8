"""Maps each operation to its IAM action and the ARN that a policy names, from the Service Authorization Reference.

The members in braces are the request's own, and `{partition}`, `{region}` and `{account}` those of the call.
"""

from __future__ import annotations

from collections.abc import Mapping

_TOPIC = "{TopicArn}"
_SUBSCRIPTION = "{SubscriptionArn}"
_RESOURCE = "{ResourceArn}"
_APPLICATION = "{PlatformApplicationArn}"
_ENDPOINT = "{EndpointArn}"
_NAMED = "arn:{partition}:sns:{region}:{account}:{Name}"
_ANY = "*"

ACTIONS: Mapping[str, tuple[str, str]] = {
    "AddPermission": ("sns:AddPermission", _TOPIC),
    "CheckIfPhoneNumberIsOptedOut": ("sns:CheckIfPhoneNumberIsOptedOut", _ANY),
    "ConfirmSubscription": ("sns:ConfirmSubscription", _TOPIC),
    "CreatePlatformApplication": ("sns:CreatePlatformApplication", _ANY),
    "CreatePlatformEndpoint": ("sns:CreatePlatformEndpoint", _APPLICATION),
    "CreateSMSSandboxPhoneNumber": ("sns:CreateSMSSandboxPhoneNumber", _ANY),
    "CreateTopic": ("sns:CreateTopic", _NAMED),
    "DeleteEndpoint": ("sns:DeleteEndpoint", _ENDPOINT),
    "DeletePlatformApplication": ("sns:DeletePlatformApplication", _APPLICATION),
    "DeleteSMSSandboxPhoneNumber": ("sns:DeleteSMSSandboxPhoneNumber", _ANY),
    "DeleteTopic": ("sns:DeleteTopic", _TOPIC),
    "GetDataProtectionPolicy": ("sns:GetDataProtectionPolicy", _RESOURCE),
    "GetEndpointAttributes": ("sns:GetEndpointAttributes", _ENDPOINT),
    "GetPlatformApplicationAttributes": ("sns:GetPlatformApplicationAttributes", _APPLICATION),
    "GetSMSAttributes": ("sns:GetSMSAttributes", _ANY),
    "GetSMSSandboxAccountStatus": ("sns:GetSMSSandboxAccountStatus", _ANY),
    "GetSubscriptionAttributes": ("sns:GetSubscriptionAttributes", _SUBSCRIPTION),
    "GetTopicAttributes": ("sns:GetTopicAttributes", _TOPIC),
    "ListEndpointsByPlatformApplication": ("sns:ListEndpointsByPlatformApplication", _APPLICATION),
    "ListOriginationNumbers": ("sns:ListOriginationNumbers", _ANY),
    "ListPhoneNumbersOptedOut": ("sns:ListPhoneNumbersOptedOut", _ANY),
    "ListPlatformApplications": ("sns:ListPlatformApplications", _ANY),
    "ListSMSSandboxPhoneNumbers": ("sns:ListSMSSandboxPhoneNumbers", _ANY),
    "ListSubscriptions": ("sns:ListSubscriptions", _ANY),
    "ListSubscriptionsByTopic": ("sns:ListSubscriptionsByTopic", _TOPIC),
    "ListTagsForResource": ("sns:ListTagsForResource", _RESOURCE),
    "ListTopics": ("sns:ListTopics", _ANY),
    "OptInPhoneNumber": ("sns:OptInPhoneNumber", _ANY),
    "Publish": ("sns:Publish", _TOPIC),
    "PublishBatch": ("sns:Publish", _TOPIC),
    "PutDataProtectionPolicy": ("sns:PutDataProtectionPolicy", _RESOURCE),
    "RemovePermission": ("sns:RemovePermission", _TOPIC),
    "SetEndpointAttributes": ("sns:SetEndpointAttributes", _ENDPOINT),
    "SetPlatformApplicationAttributes": ("sns:SetPlatformApplicationAttributes", _APPLICATION),
    "SetSMSAttributes": ("sns:SetSMSAttributes", _ANY),
    "SetSubscriptionAttributes": ("sns:SetSubscriptionAttributes", _SUBSCRIPTION),
    "SetTopicAttributes": ("sns:SetTopicAttributes", _TOPIC),
    "Subscribe": ("sns:Subscribe", _TOPIC),
    "TagResource": ("sns:TagResource", _RESOURCE),
    "Unsubscribe": ("sns:Unsubscribe", _SUBSCRIPTION),
    "UntagResource": ("sns:UntagResource", _RESOURCE),
    "VerifySMSSandboxPhoneNumber": ("sns:VerifySMSSandboxPhoneNumber", _ANY),
}
