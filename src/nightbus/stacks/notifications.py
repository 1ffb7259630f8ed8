"""Publishes the events of a stack to the topics of its NotificationARNs, in their order.

An event is published after the commit that has it. A crash in between loses the notification and not the event, and so
does a topic that is gone or may not be published to.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from nightbus.aws.calls import Operations, Scope
from nightbus.aws.errors import AwsError
from nightbus.stacks.records import Stack
from nightbus.store.interface import Append

log = logging.getLogger(__name__)
_SUBJECT = "AWS CloudFormation Notification"


async def notify(operations: Operations, scope: Scope, stack: Stack, events: Sequence[Append]) -> None:
    """Publish the events, which have been committed."""
    if not stack.notification_arns:
        return
    call = stack.call(scope)
    if not stack.role_arn:  # the topic sees the principal's own call
        call = replace(call, caller=replace(call.caller, service="", source_arn=""))
    for event in events:
        message = _message(event, scope, call.caller.user_id)
        for topic in stack.notification_arns:
            params = {"TopicArn": topic, "Subject": _SUBJECT, "Message": message}
            try:
                await operations.call("sns", "Publish", params, call)
            except AwsError as error:
                log.warning("an event of stack %s is not published to %s: %s", stack.name, topic, error)


def _message(entry: Append, scope: Scope, principal: str) -> str:
    event = json.loads(entry.data)
    when = datetime.fromtimestamp(event["time"] / 1000, UTC)
    members = {
        "StackId": event["stack_id"],
        "Timestamp": when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z",
        "EventId": event["id"],
        "LogicalResourceId": event["logical_id"],
        "Namespace": scope.account,
        "PhysicalResourceId": event["physical_id"],
        "PrincipalId": principal,
        "ResourceProperties": event["properties"] or "null",
        "ResourceStatus": event["status"],
        "ResourceStatusReason": event["reason"],
        "ResourceType": event["type"],
        "StackName": event["stack_name"],
        "ClientRequestToken": event["token"] or "null",
    }
    return "".join(f"{name}='{value}'\n" for name, value in members.items())
