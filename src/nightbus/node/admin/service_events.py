"""Puts events in the name of an AWS service, for whoever runs the node: `events/put`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import is_account, is_region
from nightbus.node.admin.operator import require_operator
from nightbus.node.admin.request import AdminRequest, body_text


async def put_as_service(request: AdminRequest) -> dict[str, Any]:
    """Body: `entries` of PutEvents, and the `account` and `region` that get them. Raises AwsError.

    The answer is that of PutEvents. The caller must show the operator key of the node's data folder.
    """
    require_operator(request, "nightbus events put --as-service")
    body = await request.read_json()
    account, region = body_text(body, "account"), body_text(body, "region")
    if not is_account(account) or not is_region(region):
        raise AwsError("ValidationException", "`account` and `region` say where the events are put.")
    node = request.node
    call = Call(Scope(account, region), Caller.root(account), node.endpoint, as_aws_service=True)
    given = body.get("entries") or []
    if not isinstance(given, list):
        raise AwsError("ValidationException", "`entries` must be a list.")
    entries = [_with_parsed_time(entry) for entry in given]
    return await node.platform.operations.call("events", "PutEvents", {"Entries": entries}, call)


def _with_parsed_time(entry: Any) -> Any:
    """An entry of PutEvents, with a `Time` that was text (ISO 8601) as a datetime. Raises AwsError."""
    if not isinstance(entry, dict) or not isinstance(entry.get("Time"), str):
        return entry
    try:
        time = datetime.fromisoformat(entry["Time"])
    except ValueError:
        raise AwsError("ValidationException", f"{entry['Time']!r} is not a time (ISO 8601).") from None
    return {**entry, "Time": time if time.tzinfo else time.replace(tzinfo=UTC)}
