"""Says which actions on which queues each operation needs, as the Service Authorization Reference has it.

The entries of a batch need the action of a single message. A move task receives from its source and sends to its
destination; without one it sends to the queues whose dead-letter queue the source is, which only the store knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.arn import arn
from nightbus.identity.needs import Asked, NeedsOf, needs, request_tags, when
from nightbus.messaging.queue import KIND, queue_address, queue_arn, redrive_of
from nightbus.policies.document import Policy
from nightbus.policies.request import Need, Values
from nightbus.services.context import Platform
from nightbus.services.sqs.move_tasks import source_of_task
from nightbus.services.sqs.queue_addresses import address_of_url


def _queue(asked: Asked) -> str:
    url = asked.text("QueueUrl")
    address = address_of_url(url)
    account, name = address or (asked.call.scope.account, url)
    return arn("sqs", asked.call.scope.region, account, name)


def _named(asked: Asked) -> str:
    scope = asked.call.scope
    account = asked.text("QueueOwnerAWSAccountId") or scope.account
    return arn("sqs", scope.region, account, asked.text("QueueName"))


def _on_queue(operation: str) -> NeedsOf:
    return needs(f"sqs:{operation}", _queue)


def _task(operation: str) -> NeedsOf:
    """Return the line of an operation on move tasks.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
    """

    def needs_of(asked: Asked) -> Sequence[Need]:
        source = source_of_task(asked.text("TaskHandle")) or asked.text("SourceArn") or asked.arn("sqs", "*")
        own = [Need(f"sqs:{operation}", source)]
        if operation != "ListMessageMoveTasks":
            further = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
            own += [Need(f"sqs:{action}", source) for action in further]
        destination = asked.text("DestinationArn")
        return [*own, Need("sqs:SendMessage", destination)] if destination else own

    return needs_of


_TAGS_NEW_QUEUE = when("tags", needs("sqs:TagQueue", _named, keys=request_tags("tags")))

ACTIONS: Mapping[str, NeedsOf] = {
    "AddPermission": _on_queue("AddPermission"),
    "CancelMessageMoveTask": _task("CancelMessageMoveTask"),
    "ChangeMessageVisibility": _on_queue("ChangeMessageVisibility"),
    "ChangeMessageVisibilityBatch": _on_queue("ChangeMessageVisibility"),
    "CreateQueue": needs("sqs:CreateQueue", _named, _TAGS_NEW_QUEUE, keys=request_tags("tags")),
    "DeleteMessage": _on_queue("DeleteMessage"),
    "DeleteMessageBatch": _on_queue("DeleteMessage"),
    "DeleteQueue": _on_queue("DeleteQueue"),
    "GetQueueAttributes": _on_queue("GetQueueAttributes"),
    "GetQueueUrl": needs("sqs:GetQueueUrl", _named),
    "ListDeadLetterSourceQueues": _on_queue("ListDeadLetterSourceQueues"),
    "ListMessageMoveTasks": _task("ListMessageMoveTasks"),
    "ListQueueTags": _on_queue("ListQueueTags"),
    "ListQueues": needs("sqs:ListQueues"),
    "PurgeQueue": _on_queue("PurgeQueue"),
    "ReceiveMessage": _on_queue("ReceiveMessage"),
    "RemovePermission": _on_queue("RemovePermission"),
    "SendMessage": _on_queue("SendMessage"),
    "SendMessageBatch": _on_queue("SendMessage"),
    "SetQueueAttributes": _on_queue("SetQueueAttributes"),
    "StartMessageMoveTask": _task("StartMessageMoveTask"),
    "TagQueue": needs("sqs:TagQueue", _queue, keys=request_tags("Tags")),
    "UntagQueue": needs("sqs:UntagQueue", _queue, keys=request_tags("TagKeys")),
}


async def resolve(platform: Platform, asked: Asked, found: Sequence[Need]) -> Sequence[Need]:
    """Add the queues to which a move task without a destination sends."""
    if found[0].action != "sqs:StartMessageMoveTask" or asked.text("DestinationArn"):
        return found
    source = found[0].resource
    address = queue_address(source)
    if address is None:
        return found
    records = await platform.store.list(address[0], KIND)
    redrives = {record.key: redrive_of(record.value["attributes"].get("RedrivePolicy")) for record in records}
    senders = [name for name, redrive in redrives.items() if redrive is not None and redrive.arn == source]
    return [*found, *(Need("sqs:SendMessage", queue_arn(address[0], name)) for name in senders)]


POLICY_RECORDS = (KIND,)  # that have policies with principals


async def resource_policy(platform: Platform, arn: str) -> Policy | None:
    queue = await platform.queues.find_arn(arn)
    return queue.access.policy if queue is not None else None


async def resource_tags(platform: Platform, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
    address = queue_address(arn)
    record = await platform.store.get(address[0], KIND, address[1]) if address else None
    tags: dict[str, Any] = record.value.get("tags") or {} if record is not None else {}
    return tags
