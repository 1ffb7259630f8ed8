"""Registers the operations of Amazon SQS, and the background work on its queues."""

from __future__ import annotations

from nightbus.services.context import Handler, Worker
from nightbus.services.sqs import (
    attributes,
    deleting,
    move_tasks,
    permissions,
    purging,
    queues,
    receiving,
    retention,
    sending,
    tags,
    visibility,
)

HANDLERS: dict[str, Handler] = {
    "CreateQueue": queues.create_queue,
    "DeleteQueue": queues.delete_queue,
    "GetQueueUrl": queues.get_queue_url,
    "ListQueues": queues.list_queues,
    "ListDeadLetterSourceQueues": queues.list_dead_letter_source_queues,
    "GetQueueAttributes": attributes.get_queue_attributes,
    "SetQueueAttributes": attributes.set_queue_attributes,
    "SendMessage": sending.send_message,
    "SendMessageBatch": sending.send_message_batch,
    "ReceiveMessage": receiving.receive_message,
    "DeleteMessage": deleting.delete_message,
    "DeleteMessageBatch": deleting.delete_message_batch,
    "ChangeMessageVisibility": visibility.change_message_visibility,
    "ChangeMessageVisibilityBatch": visibility.change_message_visibility_batch,
    "PurgeQueue": purging.purge_queue,
    "TagQueue": tags.tag_queue,
    "UntagQueue": tags.untag_queue,
    "ListQueueTags": tags.list_queue_tags,
    "AddPermission": permissions.add_permission,
    "RemovePermission": permissions.remove_permission,
    "StartMessageMoveTask": move_tasks.start_message_move_task,
    "CancelMessageMoveTask": move_tasks.cancel_message_move_task,
    "ListMessageMoveTasks": move_tasks.list_message_move_tasks,
}

DUTIES: list[Worker] = [retention.delete_expired_messages, move_tasks.run_move_tasks]
WORKERS: list[Worker] = [retention.forget_expired_messages]
