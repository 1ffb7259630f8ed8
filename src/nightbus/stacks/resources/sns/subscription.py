"""Implements AWS::SNS::Subscription."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.support import SNS_PROTOCOLS_ELSEWHERE
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import ignore_missing
from nightbus.stacks.resources.values import attributes, selected_properties

_WITHOUT = {  # the values of attributes that the template does not have; the scope must be set before its policy
    "FilterPolicyScope": "MessageAttributes",
    "DeliveryPolicy": "",
    "FilterPolicy": "",
    "RawMessageDelivery": "false",
    "RedrivePolicy": "",
    "ReplayPolicy": "",
    "SubscriptionRoleArn": "",
}


class SnsSubscription:
    type_name = "AWS::SNS::Subscription"
    properties = frozenset(
        {*_WITHOUT, "Endpoint", "Protocol", "Region", "TopicArn"}
    )  # TopicArn names the region
    required = frozenset({"Protocol", "TopicArn"})
    replace_on = frozenset({"Endpoint", "Protocol", "TopicArn"})

    def unsupported(self, properties: Mapping[str, Any]) -> str | None:
        protocol = properties.get("Protocol")
        return f"Protocol {protocol}" if protocol in SNS_PROTOCOLS_ELSEWHERE else None

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        reply = await ctx.operation(
            "sns",
            "Subscribe",
            **selected_properties(properties, "TopicArn", "Protocol", "Endpoint"),
            Attributes=attributes(properties, *_WITHOUT),
            ReturnSubscriptionArn=True,
        )
        return _resource(reply["SubscriptionArn"])

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        before, desired = attributes(old, *_WITHOUT), attributes(new, *_WITHOUT)
        for name, without in _WITHOUT.items():
            value = desired.get(name, without)
            if before.get(name, without) != value:
                request = {"AttributeName": name, "AttributeValue": value}
                await ctx.operation(
                    "sns", "SetSubscriptionAttributes", SubscriptionArn=physical_id, **request
                )
        return _resource(physical_id)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("sns", "Unsubscribe", SubscriptionArn=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        reply = await ctx.operation("sns", "GetSubscriptionAttributes", SubscriptionArn=physical_id)
        live = reply["Attributes"]
        return {
            **selected_properties(live, *_WITHOUT, "Endpoint", "Protocol", "TopicArn"),
            "Arn": physical_id,
        }


def _resource(subscription: str) -> Resource:
    return Resource(subscription, {"Arn": subscription})
