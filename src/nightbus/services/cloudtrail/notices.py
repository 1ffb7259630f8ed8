"""Tells the topic of a trail about each log file, as `cloudtrail.amazonaws.com`, which the topic's policy has to admit.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/configure-sns-notifications-for-cloudtrail.html
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.services.cloudtrail.records import PRINCIPAL, trail_arn
from nightbus.services.context import Platform

log = logging.getLogger("nightbus.cloudtrail")
_CHECK = "CloudTrail validation message."


async def announce(platform: Platform, scope: Scope, value: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Publish the key of a new file, if the trail has a topic; return what changes in the trail's value."""
    if not value.get("topic"):
        return {}
    message = json.dumps({"s3Bucket": value["bucket"], "s3ObjectKey": [key]})
    try:
        await _publish(platform, scope, value, message)
    except AwsError as error:
        log.warning(
            "topic %s does not hear of log files of trail %s: %s", value["topic"], value["name"], error
        )
        return {"notice_error": error.code}
    return {"notice_error": "", "notified": platform.clock.now_ms()}


async def check_topic(platform: Platform, scope: Scope, value: Mapping[str, Any]) -> None:
    """Raise AwsError unless the trail may publish to its topic. As on AWS, the topic gets a message that says so."""
    try:
        await _publish(platform, scope, value, _CHECK)
    except AwsError as error:
        text = "SNS Topic does not exist or the topic policy is incorrect!"
        raise AwsError("InsufficientSnsTopicPolicyException", text) from error


async def _publish(platform: Platform, scope: Scope, value: Mapping[str, Any], message: str) -> None:
    caller = Caller.for_service(scope.account, PRINCIPAL, trail_arn(scope, value["name"]))
    topic = Arn.parse(value["topic"])
    call = Call(Scope(topic.account, topic.region), caller, platform.endpoint)
    await platform.operations.call("sns", "Publish", {"TopicArn": value["topic"], "Message": message}, call)
