"""Step Functions, Kinesis, Firehose: the event as it is, or as its input says, becomes an execution or a record."""

from __future__ import annotations

from nightbus.delivery.forwarding.interface import ServiceCall, Unforwardable
from nightbus.delivery.forwarding.material import Material


def start_execution(material: Material) -> ServiceCall:
    """Named by the event, so that an attempt that was heard but not answered begins no second execution."""
    params = {
        "stateMachineArn": str(material.target["Arn"]),
        "name": f"{material.event_id}_{material.once()}",
        "input": material.input,
    }
    return ServiceCall("stepfunctions", "StartExecution", params)


def put_kinesis_record(material: Material) -> ServiceCall:
    params = {
        "StreamName": material.arn.resource.removeprefix("stream/"),
        "Data": material.input,
        "PartitionKey": _partition_key(material),
    }
    return ServiceCall("kinesis", "PutRecord", params)


def _partition_key(material: Material) -> str:
    """The event's id, unless the target names a part of the event that is there."""
    path = material.settings("KinesisParameters").get("PartitionKeyPath")
    if path is None:
        return material.event_id
    try:
        return material.part(path)
    except Unforwardable:
        return material.event_id


def put_firehose_record(material: Material) -> ServiceCall:
    params = {
        "DeliveryStreamName": material.arn.resource.removeprefix("deliverystream/"),
        "Record": {"Data": material.input},
    }
    return ServiceCall("firehose", "PutRecord", params)
