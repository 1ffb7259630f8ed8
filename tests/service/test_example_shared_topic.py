"""Two stacks share a topic and a key: one exports them, the other imports them and filters the messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from example_stacks import Deployed, delete, deploy

TEMPLATES = Path(__file__).parents[2] / "examples" / "templates"


def order(tier: str, total: int) -> str:
    return json.dumps({"customer": {"tier": tier}, "total": total})


def test_a_topic_that_another_stack_imports(client: Callable[[str], Any]) -> None:
    stack_name = f"example-{uuid4().hex[:8]}"
    subscriber = f"{stack_name}-subscriber"
    topic = (TEMPLATES / "shared-topic.json").read_text()
    outputs = deploy(client, stack_name, topic, Environment=stack_name)
    queue = (TEMPLATES / "shared-topic-subscriber.yaml").read_text()
    stack = Deployed(client, subscriber, deploy(client, subscriber, queue, Environment=stack_name))

    for body in (order("gold", 99), order("silver", 200), order("platinum", 150)):
        client("sns").publish(TopicArn=outputs["Topic"], Message=body)
    assert stack.messages("Large") == [order("platinum", 150)]

    cloudformation = client("cloudformation")
    with pytest.raises(ClientError, match=f"Export {stack_name}-Order.* as it is in use by {subscriber}"):
        cloudformation.delete_stack(StackName=stack_name)
    imports = cloudformation.list_imports(ExportName=f"{stack_name}-OrderTopic")["Imports"]
    assert imports == [subscriber]
    delete(client, subscriber)
    delete(client, stack_name)
