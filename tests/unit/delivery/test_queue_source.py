"""A queue as a source: of many messages each that can be deleted is, whatever happens to others."""

from __future__ import annotations

import pytest

from delivery_rig import HERE, Services
from nightbus.aws.calls import Caller
from nightbus.aws.errors import AwsError
from nightbus.delivery.polling.queue_source import QueueSource

BUSY = AwsError("ServiceUnavailable", "busy", 503)


@pytest.mark.parametrize("method", ["finish", "give_back"])
async def test_a_call_that_fails_stops_none_of_the_others(method: str) -> None:
    async def role() -> Caller:
        return Caller.root(HERE.account, HERE.account)

    services = Services([{}, BUSY, {}])
    source = QueueSource(services, HERE, "arn:aws:sqs:eu-west-1:111111111111:q", "http://node", role)
    records = [{"receiptHandle": f"r{number}", "body": ""} for number in range(25)]
    with pytest.raises(AwsError, match="busy"):
        await getattr(source, method)(records)
    sent = [entry["ReceiptHandle"] for _, request, _ in services.calls for entry in request["Entries"]]
    assert sent == [f"r{number}" for number in range(25)]
