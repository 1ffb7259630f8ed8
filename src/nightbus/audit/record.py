"""Makes the record of one call in CloudTrail's format, version 1.11.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from nightbus.audit.event_kinds import event_name, event_source, is_data_event, is_read_only
from nightbus.audit.identities import source_address, user_agent, user_identity
from nightbus.audit.parameters import shown
from nightbus.audit.resources import needs_of, resources_of
from nightbus.aws.calls import Call
from nightbus.aws.errors import AwsError
from nightbus.gateway.models import OperationModel, load_service

_MOST_OF_MESSAGE = 1024  # characters of errorMessage


class NotedCall(NamedTuple):
    """A call that is to be recorded. `time` is UTC ms; `result` is None for a call that failed with `error`."""

    time: int
    service: str
    operation: str
    params: Mapping[str, Any]
    call: Call
    result: Mapping[str, Any] | None = None
    error: AwsError | None = None


def record_of(noted: NotedCall, event_id: str) -> dict[str, Any]:
    """Return the record. `event_id` begins with the time, so that the record is found by it."""
    service, operation, call = noted.service, noted.operation, noted.call
    model = load_service(service).operations[operation]
    read_only, is_data = is_read_only(service, operation), is_data_event(service, operation)
    record: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": user_identity(call),
        "eventTime": f"{datetime.fromtimestamp(noted.time / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": event_source(service),
        "eventName": event_name(model),
        "awsRegion": call.scope.region,
        "sourceIPAddress": source_address(call),
        "userAgent": user_agent(call),
    }
    if noted.error is not None:
        record["errorCode"] = noted.error.code
        record["errorMessage"] = noted.error.message[:_MOST_OF_MESSAGE]
    record |= {
        "requestParameters": shown(service, model.input, noted.params),
        "responseElements": None if read_only else _response(service, model, noted.result),
        "requestID": call.request_id,
        "eventID": event_id,
        "readOnly": read_only,
    }
    resources = resources_of(needs_of(service, operation, noted.params, call))
    if resources:
        record["resources"] = resources
    if call.is_secure:
        host = call.endpoint.split("://", 1)[-1].partition(":")[0]
        record["tlsDetails"] = {"clientProvidedHostHeader": host}
    return record | {
        "eventType": "AwsApiCall",
        "managementEvent": not is_data,
        "recipientAccountId": call.scope.account,
        "eventCategory": "Data" if is_data else "Management",
    }


def _response(service: str, model: OperationModel, result: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if result is None else shown(service, model.output, result)
