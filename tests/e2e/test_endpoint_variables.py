"""What docs/tools.md says of the AWS CLI v1 and its own address of SQS holds for the real one."""

from __future__ import annotations

import json
import subprocess

from nodes import RunningNode

NOWHERE = "http://127.0.0.1:9"  # a proxy that is not there: what does not go to the node goes nowhere


def aws(node: RunningNode, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = node.environment() | {
        "HTTPS_PROXY": NOWHERE,
        "https_proxy": NOWHERE,
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_ENDPOINT_URL_SQS": node.endpoint,
    }
    return subprocess.run(
        ["aws", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def test_sqs_needs_the_option_with_the_cli_v1(node: RunningNode) -> None:
    assert aws(node, "--version").stdout.startswith("aws-cli/1.")
    lost = aws(node, "sqs", "list-queues")
    assert lost.returncode != 0
    assert NOWHERE in lost.stderr
    made = aws(node, "--endpoint-url", node.endpoint, "sqs", "create-queue", "--queue-name", "q")
    assert json.loads(made.stdout)["QueueUrl"].endswith("/000000000000/q")


def test_other_services_go_by_the_variable(node: RunningNode) -> None:
    for command in (("sns", "list-topics"), ("events", "list-rules"), ("s3api", "list-buckets")):
        done = aws(node, *command)
        assert done.returncode == 0, done.stderr
