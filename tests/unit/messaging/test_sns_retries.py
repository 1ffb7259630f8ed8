"""When SNS tries again, by AWS's table and by an endpoint's own policy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nightbus.services.sns.deliveries.retries import AWS_ENDPOINTS, SMTP, HttpPolicy, http_delivery


def delays(policy: HttpPolicy) -> list[float | None]:
    found = [policy.delay(attempt) for attempt in range(1, policy.numRetries + 2)]
    return [None if one is None else one / 1000 for one in found]


def test_endpoints_of_aws_are_tried_for_23_days() -> None:
    first = [AWS_ENDPOINTS.delay(attempt) for attempt in range(1, 17)]
    assert first[:5] == [0, 0, 0, 1000, 1000]
    growing = [one or 0 for one in first[5:15]]
    assert growing == sorted(growing)
    assert (growing[0], growing[-1], first[15]) == (1349, 20_000, 20_000)
    assert AWS_ENDPOINTS.delay(100_015) == 20_000
    assert AWS_ENDPOINTS.delay(100_016) is None


def test_readers_of_mail_are_tried_for_six_hours() -> None:
    every = [SMTP.delay(attempt) for attempt in range(1, 52)]
    assert every[:2] == [10_000, 10_000]
    assert every[11:50] == [600_000] * 39
    assert every[50] is None
    assert 6 * 3600_000 < sum(one or 0 for one in every) < 8 * 3600_000


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, [20, 20, 20, None]),
        ({"numRetries": 0}, [None]),
        (
            {"numRetries": 6, "numNoDelayRetries": 1, "numMinDelayRetries": 1, "numMaxDelayRetries": 2,
             "minDelayTarget": 1, "maxDelayTarget": 5},
            [0, 1, 3, 5, 5, 5, None],
        ),
        (
            {"numRetries": 2, "minDelayTarget": 1, "maxDelayTarget": 5, "backoffFunction": "arithmetic"},
            [2, 5, None],
        ),
        (
            {"numRetries": 2, "minDelayTarget": 1, "maxDelayTarget": 9, "backoffFunction": "geometric"},
            [2, 9, None],
        ),
    ],
)  # fmt: skip
def test_an_endpoint_of_its_own_policy(policy: dict[str, Any], expected: list[float | None]) -> None:
    assert delays(HttpPolicy(**policy)) == expected


def test_an_exponential_backoff_grows_from_the_shortest_to_the_longest() -> None:
    policy = HttpPolicy(numRetries=4, minDelayTarget=1, maxDelayTarget=101, backoffFunction="exponential")
    found = [one for one in delays(policy) if one is not None]
    assert found == sorted(found)
    assert found[-1] == 101
    assert found[0] < 1 + 100 / 4  # below the straight line
    assert policy.total_seconds() == pytest.approx(sum(found))


def test_a_subscriptions_policy_goes_before_its_topics() -> None:
    topic = {
        "defaultHealthyRetryPolicy": {"numRetries": 5, "minDelayTarget": 2},
        "defaultThrottlePolicy": {"maxReceivesPerSecond": 7},
        "defaultRequestPolicy": {"headerContentType": "application/json"},
    }
    own = json.dumps({"healthyRetryPolicy": {"numRetries": 1}, "throttlePolicy": None})
    found = http_delivery(json.dumps({"http": topic}), own)
    assert (found.retries.numRetries, found.retries.minDelayTarget) == (1, 2)
    assert (found.per_second, found.content_type) == (7, "application/json")
    final = {**topic, "disableSubscriptionOverrides": True}
    assert http_delivery(json.dumps({"http": final}), own).retries.numRetries == 5
    assert http_delivery("", "").content_type == "text/plain; charset=UTF-8"
