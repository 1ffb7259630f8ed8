"""SNS to HTTPS endpoints: only to those whose certificate is trusted."""

from __future__ import annotations

import json
from pathlib import Path

from nodes import RunningNode
from sns_rig import HttpEndpoint, make_certificate, unique, verify, visit
from waiting import wait_for


def test_a_trusted_endpoint_gets_notifications_and_another_nothing(tmp_path: Path) -> None:
    trusted, other = make_certificate(tmp_path / "a.pem"), make_certificate(tmp_path / "b.pem")
    node = RunningNode(environ={"SSL_CERT_FILE": str(trusted)})
    sns = node.client("sns")
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    with HttpEndpoint(certificate=trusted) as endpoint, HttpEndpoint(certificate=other) as stranger:
        sns.subscribe(TopicArn=topic, Protocol="https", Endpoint=endpoint.url)
        policy = json.dumps({"healthyRetryPolicy": {"numRetries": 0}})
        sns.subscribe(
            TopicArn=topic,
            Protocol="https",
            Endpoint=stranger.url,
            Attributes={"DeliveryPolicy": policy},
        )
        visit(endpoint.wait("SubscriptionConfirmation")[0].json()["SubscribeURL"])
        sns.publish(TopicArn=topic, Message="m")
        verify(endpoint.wait("Notification")[0].json())
        wait_for(lambda: [line for line in node.output if "CERTIFICATE_VERIFY_FAILED" in line])
        assert stranger.posts == []
    assert node.stop() == 0
