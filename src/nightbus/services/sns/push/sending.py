"""Decides what becomes of a push notification: which text its platform gets, and whether the endpoint takes it.

https://docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html
"""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.aws.errors import AwsError
from nightbus.messaging.outbox import PUSH
from nightbus.services.sns.deliveries.outgoing import Outgoing
from nightbus.services.sns.push.records import APPLICATION, ENDPOINT, application_key, endpoint_key
from nightbus.store.interface import Store

DISABLED = "Endpoint is disabled"
APPLICATION_DISABLED = "Platform application is disabled"


async def push_message(store: Store, endpoint: str, bodies: Mapping[str, str]) -> Outgoing | None:
    """Return the notification to an endpoint's ARN; None where there is no such endpoint. `bodies` are by protocol."""
    place = endpoint_key(endpoint)
    record = place and await store.get(place[0], ENDPOINT, place[1])
    if not place or not record:
        return None
    application = await store.get(place[0], APPLICATION, application_key(place[1]))
    platform = place[1].partition("/")[0]
    refusal = ""
    if application is None or application.value["attributes"]["Enabled"].lower() == "false":
        refusal = APPLICATION_DISABLED
    elif record.value["Enabled"] == "false":
        refusal = DISABLED
    details = {"platform": platform, "token": record.value["Token"]}
    text = bodies.get(platform, bodies["default"])
    return Outgoing(PUSH, endpoint, text, refusal=refusal, details=details)


def refused(message: Outgoing) -> AwsError | None:
    """Return the error by which Publish refuses it."""
    if message.refusal == DISABLED:
        return AwsError("EndpointDisabled", DISABLED)
    if message.refusal:
        return AwsError("PlatformApplicationDisabled", APPLICATION_DISABLED)
    return None
