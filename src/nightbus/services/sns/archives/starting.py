"""Starts a replay for a subscription whose ReplayPolicy asks for one."""

from __future__ import annotations

from typing import Any

from nightbus.aws.calls import Scope
from nightbus.services.sns.archives.policies import read_replay_policy
from nightbus.services.sns.archives.replays import begun_replay, queued_replay
from nightbus.services.sns.errors import bad_parameter
from nightbus.store.interface import Enqueue, Record


def started_replay(
    scope: Scope, topic: Record, key: str, policy: str, now: int
) -> tuple[dict[str, Any], Enqueue] | None:
    """Return the state of the replay and the change that queues it; None where the policy asks for none.

    `key` is the subscription's, `now` is UTC ms. Raises AwsError where the topic has no archive.
    """
    wanted = read_replay_policy(policy, fifo=True) if policy else None
    if wanted is None:
        return None
    if "ArchivePolicy" not in topic.value["attributes"]:
        raise bad_parameter("ReplayPolicy: the topic has no ArchivePolicy")
    replay = begun_replay(wanted, now)
    return replay, queued_replay(scope, key, replay)
