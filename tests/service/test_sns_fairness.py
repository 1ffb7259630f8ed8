"""SNS by boto3: endpoints that hang, and one that does not. Nobody's trouble is anybody else's."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

from sns_rig import Client, HttpEndpoint, unique
from waiting import wait_for

HANGING = 100


class HangingEndpoint:
    """Takes connections and never answers."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self.connections.append(self._listening.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        for one in (self._listening, *self.connections):
            one.close()


def test_endpoints_that_hang_delay_no_other(client: Client) -> None:
    sns, hanging = client("sns"), HangingEndpoint()
    slow = sns.create_topic(Name=unique("slow"))["TopicArn"]
    quick = sns.create_topic(Name=unique("quick"))["TopicArn"]
    try:
        with HttpEndpoint() as endpoint:
            sns.subscribe(TopicArn=quick, Protocol="http", Endpoint=endpoint.url)
            endpoint.confirm()
            policy = json.dumps({"healthyRetryPolicy": {"numRetries": 0}})
            for number in range(HANGING):  # each is asked for its confirmation, which it does not answer
                sns.subscribe(
                    TopicArn=slow,
                    Protocol="http",
                    Endpoint=f"{hanging.url}{number}",
                    Attributes={"DeliveryPolicy": policy},
                )
            wait_for(lambda: len(hanging.connections) == HANGING, 10)  # before the first of them is given up
            sns.publish(TopicArn=quick, Message="hello")
            sent: Any = wait_for(lambda: endpoint.of_kind("Notification"))
            assert sent[0].json()["Message"] == "hello"
    finally:
        hanging.close()
        for topic in (slow, quick):
            sns.delete_topic(TopicArn=topic)
