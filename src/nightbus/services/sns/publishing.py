"""Publishes messages: Publish and PublishBatch answer after one commit with the messages to all subscribed queues."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.bus.json_text import parse_json
from nightbus.delivery.trace_log import sent
from nightbus.keys.uses import (
    ACCESS_DENIED,
    DISABLED,
    INVALID_STATE,
    INVALID_USAGE,
    NOT_FOUND,
    WRITING,
    KeyUser,
)
from nightbus.messaging.data_protection import INBOUND, protected
from nightbus.messaging.notification import Notification
from nightbus.messaging.queue_writes import Accepted
from nightbus.messaging.topic import PUBLISH, Topic, topic_address
from nightbus.services.context import Context
from nightbus.services.key_uses import require_use
from nightbus.services.sns.direct_publishing import publish_text, publish_to_endpoint
from nightbus.services.sns.errors import bad_arn, bad_parameter, no_topic, not_authorized

_MOST_ENTRIES = 10
_KEY_ERRORS = {
    NOT_FOUND: "KMSNotFound",
    DISABLED: "KMSDisabled",
    INVALID_STATE: "KMSInvalidState",
    ACCESS_DENIED: "KMSAccessDenied",
    INVALID_USAGE: "KMSInvalidState",  # SNS has no error of its own for it
}
_LONGEST_SUBJECT = 100
_LONGEST_ID = 80
_ID = re.compile(r"[A-Za-z0-9_-]+")
_TOKEN = re.compile(r"[!-~]{1,128}")
_NAME = re.compile(r"[A-Za-z0-9_\-.]{1,256}")
_TYPE = re.compile(r"(String\.Array|String|Number|Binary)(\..+)?")


async def publish(
    ctx: Context,
    *,
    message: str,
    topic_arn: str | None = None,
    target_arn: str | None = None,
    phone_number: str | None = None,
    subject: str | None = None,
    message_structure: str | None = None,
    message_attributes: dict[str, dict[str, Any]] | None = None,
    message_deduplication_id: str | None = None,
    message_group_id: str | None = None,
) -> dict[str, Any]:
    if phone_number is not None and not (topic_arn or target_arn):
        bodies, attributes = _direct(message, message_structure, message_attributes)
        return await publish_text(ctx, phone_number, bodies, attributes)
    if target_arn and not topic_arn and not _is_topic(target_arn):
        bodies, _ = _direct(message, message_structure, message_attributes)
        return await publish_to_endpoint(ctx, target_arn, bodies)
    topic = await _topic(ctx, topic_arn or target_arn)
    entry = {
        "Message": message,
        "Subject": subject,
        "MessageStructure": message_structure,
        "MessageAttributes": message_attributes,
        "MessageDeduplicationId": message_deduplication_id,
        "MessageGroupId": message_group_id,
    }
    notification = _notification(ctx, topic, entry)
    if _size(message, notification) > topic.largest:
        raise bad_parameter("Message too long")
    (accepted,) = await _send(ctx, topic, [notification])
    return {"MessageId": accepted.message_id, "SequenceNumber": accepted.sequence or None}


async def publish_batch(
    ctx: Context, *, topic_arn: str, publish_batch_request_entries: list[dict[str, Any]]
) -> dict[str, Any]:
    topic = await _topic(ctx, topic_arn)
    _check_entries(publish_batch_request_entries)
    failed: list[dict[str, Any]] = []
    notifications: dict[str, Notification] = {}
    total = 0
    for entry in publish_batch_request_entries:
        try:
            notification = notifications[entry["Id"]] = _notification(ctx, topic, entry)
        except AwsError as error:
            if error.code == "InvalidParameter":
                raise  # as on AWS, the whole batch fails for it
            failed.append(
                {"Id": entry["Id"], "Code": error.code, "Message": error.message, "SenderFault": True}
            )
        else:
            total += _size(entry["Message"], notification)
    if total > topic.largest:
        raise AwsError(
            "BatchRequestTooLong", "The length of all the messages put together is more than the limit."
        )
    accepted = await _send(ctx, topic, list(notifications.values()))
    successful = [
        {"Id": one, "MessageId": message_id, "SequenceNumber": sequence or None}
        for one, (message_id, sequence) in zip(notifications, accepted, strict=True)
    ]
    return {"Successful": successful, "Failed": failed}


async def _send(ctx: Context, topic: Topic, notifications: list[Notification]) -> list[Accepted]:
    """Publish the notifications in one commit, in their order."""
    topics, writes = ctx.platform.topics, ctx.platform.queues.writes()
    await asyncio.gather(*(topics.prepare(topic, one) for one in notifications))
    try:
        accepted = [await topics.add(writes, topic, notification) for notification in notifications]
    except BaseException:
        writes.settle(committed=False)
        raise
    ids = [one.message_id for one in accepted]
    await writes.commit(*sent(ctx.call, topic.arn, ids, ctx.now_ms()))
    return accepted


def _is_topic(arn: str) -> bool:
    address = topic_address(arn)
    return address is not None and "/" not in address[1]


def _direct(
    message: str, structure: str | None, attributes: dict[str, dict[str, Any]] | None
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Return the bodies by protocol and the attributes of a message that goes to no topic. Raises AwsError."""
    if not message:
        raise bad_parameter("Empty message")
    return _bodies(message, structure), _attributes(attributes or {})


async def _topic(ctx: Context, arn: str | None) -> Topic:
    if not arn:
        raise bad_parameter("TopicArn or TargetArn Reason: no value for required parameter")
    if topic_address(arn) is None:
        raise bad_arn("TopicArn", arn)
    topic = await ctx.platform.topics.find_arn(arn)
    if topic is None:
        raise no_topic()
    refusal = ctx.refusal_of(topic.access, PUBLISH)
    if refusal and ctx.enforces:
        raise not_authorized(refusal)
    if topic.key:
        user = KeyUser(ctx.caller, "sns", WRITING, {"aws:sns:topicArn": topic.arn})
        await require_use(ctx, topic.scope, topic.key, _KEY_ERRORS, user)
    return topic


def _check_entries(entries: list[dict[str, Any]]) -> None:
    if not entries:
        raise AwsError("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(entries) > _MOST_ENTRIES:
        text = "The batch request contains more entries than permissible."
        raise AwsError("TooManyEntriesInBatchRequest", text)
    ids = [entry["Id"] for entry in entries]
    for one in ids:
        _check_id(one)
    if len(set(ids)) < len(ids):
        text = "Two or more batch entries in the request have the same Id."
        raise AwsError("BatchEntryIdsNotDistinct", text)


def _check_id(entry_id: str) -> None:
    if len(entry_id) > _LONGEST_ID:
        fault = f"is too long: {entry_id}"
    elif not _ID.fullmatch(entry_id):
        fault = f"contains an impermissible character: {entry_id}"
    else:
        return
    raise AwsError("InvalidBatchEntryId", f"The Id of a batch entry in a batch request {fault}")


def _notification(ctx: Context, topic: Topic, entry: Mapping[str, Any]) -> Notification:
    message = entry["Message"]
    if not message:
        raise bad_parameter("Empty message")
    group = entry.get("MessageGroupId") or ""
    deduplication = entry.get("MessageDeduplicationId") or ""
    _check_tokens(topic, group, deduplication)
    if topic.fifo and not deduplication:
        deduplication = hashlib.sha256(message.encode()).hexdigest()
    notification = Notification(
        id=new_uuid(),
        topic_arn=topic.arn,
        bodies=_bodies(message, entry.get("MessageStructure")),
        time=ctx.now_ms(),
        sender=ctx.caller.user_id or ctx.account,
        subject=_subject(entry.get("Subject")),
        attributes=_attributes(entry.get("MessageAttributes") or {}),
        group=group,
        deduplication=deduplication if topic.fifo else "",
        trace=ctx.call.trace,
    )
    admitted = protected(notification, topic.protection, INBOUND, ctx.caller.arn)
    if admitted is None:
        raise not_authorized(
            f"User: {ctx.caller.arn} is not authorized to perform: SNS:Publish on resource: {topic.arn} with an"
            " explicit deny in a data protection policy"
        )
    return admitted


def _check_tokens(topic: Topic, group: str, deduplication: str) -> None:
    for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", deduplication)):
        if value and not _TOKEN.fullmatch(value):
            raise bad_parameter(
                f"{name} Reason: can only include alphanumeric and punctuation characters. 1 to 128 in length"
            )
    if topic.fifo:
        if not group:
            raise bad_parameter("The MessageGroupId parameter is required for FIFO topics")
        if not deduplication and not topic.content_based:
            raise bad_parameter(
                "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId"
                " provided explicitly"
            )
    elif deduplication:
        raise bad_parameter(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not"
            " valid for this topic type"
        )


def _bodies(message: str, structure: str | None) -> dict[str, str]:
    if structure is None:
        return {"default": message}
    if structure != "json":
        raise bad_parameter("MessageStructure")
    try:
        value = parse_json(message)
        _refuse_twice_named(message)
    except ValueError:
        raise bad_parameter("Message Structure - JSON message body failed to parse") from None
    if not isinstance(value, dict) or not isinstance(value.get("default"), str):
        raise bad_parameter("Message Structure - No default entry in JSON message body")
    bodies = {protocol: body for protocol, body in value.items() if isinstance(body, str)}
    try:
        "".join(bodies.values()).encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can escape
        raise bad_parameter("Message Structure - JSON message body failed to parse") from None
    return bodies


def _refuse_twice_named(message: str) -> None:
    """Raise ValueError if a protocol occurs twice in the message structure."""
    names = [name for name, _ in json.loads(message, object_pairs_hook=list)]
    if len(set(names)) < len(names):
        raise ValueError("a name is there twice")


def _subject(subject: str | None) -> str:
    if subject is None:
        return ""
    if not subject or len(subject) > _LONGEST_SUBJECT or not subject.isprintable():
        raise bad_parameter("Subject")
    return subject


def _attributes(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    return {name: _attribute(name, value) for name, value in attributes.items()}


def _attribute(name: str, value: Mapping[str, Any]) -> dict[str, str]:
    kind = value.get("DataType") or ""
    if not _NAME.fullmatch(name) or name.startswith(".") or name.endswith(".") or ".." in name:
        raise _bad_attribute(f"The message attribute name '{name}' is invalid.")
    if not _TYPE.fullmatch(kind):
        raise _bad_attribute(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type"
            " prefixes is Binary, Number, and String."
        )
    base = kind.partition(".")[0]
    content = value.get("BinaryValue" if base == "Binary" else "StringValue")
    if not content:
        raise _bad_attribute(
            f"The message attribute '{name}' must contain non-empty message attribute value for message attribute"
            f" type '{kind}'."
        )
    if base == "Binary":
        return {"DataType": kind, "BinaryValue": base64.b64encode(content).decode()}
    if base == "Number":
        try:
            float(content)
        except ValueError:
            text = f"Could not cast message attribute '{name}' value to number."
            raise _bad_attribute(text) from None
    return {"DataType": kind, "StringValue": content}


def _bad_attribute(text: str) -> AwsError:
    return AwsError("ParameterValueInvalid", text)


def _size(message: str, notification: Notification) -> int:
    """Return the size in bytes of the message, as the request has it, and of its attributes."""
    total = len(message.encode())
    for name, value in notification.attributes.items():
        binary = value.get("BinaryValue")
        content = value["StringValue"].encode() if binary is None else base64.b64decode(binary)
        total += len(name.encode()) + len(value["DataType"]) + len(content)
    return total
