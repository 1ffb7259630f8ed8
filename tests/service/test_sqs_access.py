"""SQS by boto3: who may do what with whose queue. An account's own calls, those of others, and what a Deny stops."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status, refusal
from function_rig import zip_of
from lambda_rig import allow, trust
from waiting import wait_for

Client = Callable[..., Any]
OWNER, GUEST = "310000000001", "310000000002"
GUEST_ARN = f"arn:aws:iam::{GUEST}:root"
PREFIX = "AWS.SimpleQueueService."
NO_QUEUE = (f"{PREFIX}NonExistentQueue", 400, "The specified queue does not exist.")
HIDDEN = (
    f"{PREFIX}NonExistentQueue",
    400,
    "The specified queue does not exist or you do not have access to it.",
)
ALLOW = {"Effect": "Allow", "Principal": {"AWS": GUEST}, "Action": "sqs:*", "Resource": "*"}
DENY = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}


class Shared:
    """A queue, its owner's client, and a guest's."""

    def __init__(self, client: Client, **attributes: str) -> None:
        self.client = client
        self.name = f"shared-{uuid4().hex[:8]}"
        self.arn = f"arn:aws:sqs:us-east-1:{OWNER}:{self.name}"
        self.owner, self.guest = client("sqs", account=OWNER), client("sqs", account=GUEST)
        self.url = self.owner.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"]

    def rule(self, *statements: dict[str, Any]) -> None:
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else ""
        self.owner.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})

    def refused(self, action: str, who: str = GUEST_ARN, why: str = "") -> tuple[str, int, str]:
        reason = why or f"because no resource-based policy allows the {action} action"
        text = f"User: {who} is not authorized to perform: {action} on resource: {self.arn} {reason}"
        return "AccessDenied", 403, text

    def as_role(self) -> tuple[Any, str]:
        """A client in a session of one of the owner's roles, and the session's ARN."""
        name = f"clerk-{uuid4().hex[:8]}"
        document = trust("x")
        document["Statement"][0]["Principal"] = {"AWS": OWNER}
        role = self.client("iam", account=OWNER).create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps(document)
        )["Role"]["Arn"]
        allow(self.client("iam", account=OWNER), name, "sqs:*")
        sts = self.client("sts", account=OWNER)
        assumed = sts.assume_role(RoleArn=role, RoleSessionName="me")
        keys = assumed["Credentials"]
        session = self.client(
            "sqs",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        return session, str(assumed["AssumedRoleUser"]["Arn"])


@pytest.fixture
def shared(client: Client) -> Shared:
    return Shared(client)


HANDLE = {"ReceiptHandle": "AQEB"}
ONE = [{"Id": "a", **HANDLE}]
SHAREABLE: list[tuple[str, str, dict[str, Any]]] = [
    ("send_message", "sendmessage", {"MessageBody": "m"}),
    ("send_message_batch", "sendmessage", {"Entries": [{"Id": "a", "MessageBody": "m"}]}),
    ("receive_message", "receivemessage", {}),
    ("delete_message", "deletemessage", HANDLE),
    ("delete_message_batch", "deletemessage", {"Entries": ONE}),
    ("change_message_visibility", "changemessagevisibility", {**HANDLE, "VisibilityTimeout": 1}),
    ("change_message_visibility_batch", "changemessagevisibility", {"Entries": ONE}),
    ("get_queue_attributes", "getqueueattributes", {"AttributeNames": ["All"]}),
    ("list_dead_letter_source_queues", "listdeadlettersourcequeues", {}),
    ("purge_queue", "purgequeue", {}),
]
OWNERS: list[tuple[str, str, dict[str, Any]]] = [
    ("add_permission", "addpermission", {"Label": "l", "AWSAccountIds": [GUEST], "Actions": ["*"]}),
    ("delete_queue", "deletequeue", {}),
    ("list_queue_tags", "listqueuetags", {}),
    ("remove_permission", "removepermission", {"Label": "l"}),
    ("set_queue_attributes", "setqueueattributes", {"Attributes": {"DelaySeconds": "1"}}),
    ("tag_queue", "tagqueue", {"Tags": {"a": "b"}}),
    ("untag_queue", "untagqueue", {"TagKeys": ["a"]}),
]


@pytest.mark.parametrize(("operation", "action", "params"), SHAREABLE, ids=[one[0] for one in SHAREABLE])
def test_what_a_policy_can_share_needs_the_policys_word(
    shared: Shared, operation: str, action: str, params: dict[str, Any]
) -> None:
    call = getattr(shared.guest, operation)
    refused = shared.refused(f"sqs:{action}")
    assert refusal(call, QueueUrl=shared.url, **params) == refused
    shared.rule({**ALLOW, "Principal": {"AWS": "310000000003"}})
    assert refusal(call, QueueUrl=shared.url, **params) == refused
    shared.rule({**ALLOW, "Action": f"sqs:{action}", "Resource": shared.arn})
    if "ReceiptHandle" in params:
        assert code_and_status(call, QueueUrl=shared.url, **params) == ("ReceiptHandleIsInvalid", 404)
    else:
        call(QueueUrl=shared.url, **params)
    others = {name: value for name, value in ALLOW.items() if name != "Action"}
    shared.rule({**others, "NotAction": f"sqs:{action}"})
    assert refusal(call, QueueUrl=shared.url, **params) == refused


@pytest.mark.parametrize(("operation", "action", "params"), OWNERS, ids=[one[0] for one in OWNERS])
def test_what_is_the_owners_alone_no_policy_shares(
    shared: Shared, operation: str, action: str, params: dict[str, Any]
) -> None:
    call = getattr(shared.guest, operation)
    for statement in (ALLOW, {**ALLOW, "Principal": "*"}):
        shared.rule(statement)
        assert refusal(call, QueueUrl=shared.url, **params) == shared.refused(f"sqs:{action}")
    found = shared.owner.get_queue_attributes(QueueUrl=shared.url, AttributeNames=["All"])["Attributes"]
    assert json.loads(found["Policy"])["Statement"] == [{**ALLOW, "Principal": "*"}]
    assert found["DelaySeconds"] == "0"


def test_permissions_given_by_label_count_at_once(shared: Shared) -> None:
    body = {"QueueUrl": shared.url, "MessageBody": "m"}
    shared.owner.add_permission(
        QueueUrl=shared.url, Label="l", AWSAccountIds=[GUEST], Actions=["SendMessage", "GetQueueUrl"]
    )
    shared.guest.send_message(**body)
    found = shared.guest.get_queue_url(QueueName=shared.name, QueueOwnerAWSAccountId=OWNER)
    assert found["QueueUrl"] == shared.url
    assert refusal(shared.guest.receive_message, QueueUrl=shared.url) == shared.refused("sqs:receivemessage")
    shared.owner.remove_permission(QueueUrl=shared.url, Label="l")
    assert refusal(shared.guest.send_message, **body) == shared.refused("sqs:sendmessage")
    wanted = {"QueueUrl": shared.url, "MessageSystemAttributeNames": ["SenderId"]}
    (got,) = shared.owner.receive_message(**wanted)["Messages"]
    assert got["Attributes"]["SenderId"] == GUEST


def test_a_guest_works_on_a_queue_as_its_owner_does(client: Client, shared: Shared) -> None:
    shared.rule(ALLOW)
    guest = {"QueueUrl": shared.url}
    shared.guest.send_message(**guest, MessageBody="one")
    (got,) = shared.guest.receive_message(**guest)["Messages"]
    shared.guest.change_message_visibility(**guest, ReceiptHandle=got["ReceiptHandle"], VisibilityTimeout=0)
    (again,) = shared.guest.receive_message(**guest)["Messages"]
    shared.guest.delete_message(**guest, ReceiptHandle=again["ReceiptHandle"])
    source = Shared(
        client, RedrivePolicy=json.dumps({"deadLetterTargetArn": shared.arn, "maxReceiveCount": 1})
    )
    assert shared.guest.list_dead_letter_source_queues(**guest)["queueUrls"] == [source.url]
    assert shared.url not in shared.guest.list_queues().get("QueueUrls", [])


def test_who_may_not_know_a_queue_learns_nothing_of_it(shared: Shared) -> None:
    asked = {"QueueName": shared.name, "QueueOwnerAWSAccountId": OWNER}
    assert refusal(shared.guest.get_queue_url, **asked) == HIDDEN
    assert refusal(shared.guest.get_queue_url, QueueName="none", QueueOwnerAWSAccountId=OWNER) == HIDDEN
    assert refusal(shared.guest.get_queue_url, QueueName=shared.name) == NO_QUEUE
    assert refusal(shared.owner.get_queue_url, QueueName="none", QueueOwnerAWSAccountId=OWNER) == NO_QUEUE
    nowhere = shared.url.replace(shared.name, "none")
    for operation, _, params in (*SHAREABLE, *OWNERS):
        call = getattr(shared.guest, operation)
        assert refusal(call, QueueUrl=nowhere, **params) == NO_QUEUE
    shared.rule({**ALLOW, "Action": "sqs:GetQueueUrl"})
    assert shared.guest.get_queue_url(**asked)["QueueUrl"] == shared.url


def test_the_owner_is_stopped_by_a_deny_alone(shared: Shared) -> None:
    explicit = "with an explicit deny in a resource-based policy"
    here = {"QueueUrl": shared.url}
    root = f"arn:aws:iam::{OWNER}:root"
    shared.rule({**DENY, "Action": ["sqs:SendMessage", "sqs:TagQueue", "sqs:GetQueueUrl"]})
    refused = refusal(shared.owner.send_message, **here, MessageBody="m")
    assert refused == shared.refused("sqs:sendmessage", root, explicit)
    refused = refusal(shared.owner.tag_queue, **here, Tags={"a": "b"})
    assert refused == shared.refused("sqs:tagqueue", root, explicit)
    refused = refusal(shared.owner.get_queue_url, QueueName=shared.name)
    assert refused == shared.refused("sqs:getqueueurl", root, explicit)
    assert "Messages" not in shared.owner.receive_message(**here)
    shared.rule()
    shared.owner.send_message(**here, MessageBody="m")


def test_a_deny_for_a_role_leaves_others_of_the_account(shared: Shared) -> None:
    clerk, arn = shared.as_role()
    role = f"arn:aws:iam::{OWNER}:role/{arn.split('/')[1]}"
    clerk.send_message(QueueUrl=shared.url, MessageBody="m")
    shared.rule({**DENY, "Principal": {"AWS": role}})
    refused = refusal(clerk.send_message, QueueUrl=shared.url, MessageBody="m")
    explicit = "with an explicit deny in a resource-based policy"
    assert refused == shared.refused("sqs:sendmessage", arn, explicit)
    shared.owner.send_message(QueueUrl=shared.url, MessageBody="m")


def test_a_policy_that_locks_everybody_out_is_mended_by_the_root_alone(shared: Shared) -> None:
    clerk, _ = shared.as_role()
    shared.rule(DENY)
    removed = {"QueueUrl": shared.url, "Attributes": {"Policy": ""}}
    assert code_and_status(clerk.set_queue_attributes, **removed) == ("AccessDenied", 403)
    assert code_and_status(shared.owner.delete_queue, QueueUrl=shared.url) == ("AccessDenied", 403)
    shared.owner.set_queue_attributes(**removed)
    clerk.delete_queue(QueueUrl=shared.url)


def test_tls_alone_is_no_condition_here(shared: Shared) -> None:
    shared.rule(ALLOW, {**DENY, "Condition": {"Bool": {"aws:SecureTransport": "false"}}})
    shared.owner.send_message(QueueUrl=shared.url, MessageBody="m")
    shared.guest.receive_message(QueueUrl=shared.url)


def test_a_role_may_be_named_by_the_policy_of_anothers_queue(client: Client, shared: Shared) -> None:
    guests = Shared(client)
    clerk, arn = guests.as_role()
    other = client("sqs", account=GUEST)
    policy = {**ALLOW, "Principal": {"AWS": f"arn:aws:iam::{OWNER}:role/{arn.split('/')[1]}"}}
    url = other.create_queue(QueueName=shared.name, Attributes={"Policy": json.dumps({"Statement": policy})})
    body = {"QueueUrl": url["QueueUrl"], "MessageBody": "m"}
    clerk.send_message(**body)
    assert code_and_status(shared.owner.send_message, **body) == ("AccessDenied", 403)


def test_move_tasks_are_the_owners_and_a_deny_stops_them(client: Client, shared: Shared) -> None:
    Shared(client, RedrivePolicy=json.dumps({"deadLetterTargetArn": shared.arn, "maxReceiveCount": 1}))
    source = {"SourceArn": shared.arn}
    shared.rule({**ALLOW, "Principal": "*"})
    for call in (shared.guest.start_message_move_task, shared.guest.list_message_move_tasks):
        assert code_and_status(call, **source)[0] == "ResourceNotFoundException"
    shared.rule({**DENY, "Action": ["sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks"]})
    for call in (shared.owner.start_message_move_task, shared.owner.list_message_move_tasks):
        assert code_and_status(call, **source)[0] == "AccessDenied"
    shared.rule({**DENY, "Action": "sqs:CancelMessageMoveTask"})
    for number in range(3):
        shared.owner.send_message(QueueUrl=shared.url, MessageBody=str(number))
    task = shared.owner.start_message_move_task(**source, MaxNumberOfMessagesPerSecond=1)
    assert len(shared.owner.list_message_move_tasks(**source)["Results"]) == 1
    cancelled = {"TaskHandle": task["TaskHandle"]}
    assert (
        code_and_status(shared.guest.cancel_message_move_task, **cancelled)[0] == "ResourceNotFoundException"
    )
    assert code_and_status(shared.owner.cancel_message_move_task, **cancelled)[0] == "AccessDenied"


@pytest.mark.parametrize(
    "statements", ["all", ["all"], [{"Condition": "never"}], [{"Condition": {"Bool": 1}}]]
)
def test_a_policy_that_cannot_be_read_is_refused(shared: Shared, statements: Any) -> None:
    policy = {"Policy": json.dumps({"Statement": statements})}
    refused = code_and_status(shared.owner.set_queue_attributes, QueueUrl=shared.url, Attributes=policy)
    assert refused == ("InvalidAttributeValue", 400)


RULE_TARGETS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {**ALLOW, "Principal": {"Service": "events.amazonaws.com"}}),
    ({"RoleArn": f"arn:aws:iam::{GUEST}:role/sender"}, ALLOW),
]


@pytest.mark.parametrize(("target", "statement"), RULE_TARGETS, ids=["service", "role"])
@pytest.mark.parametrize("plain", [True, False], ids=["plain", "made"])
def test_a_rule_reaches_anothers_queue_as_its_policy_allows(
    client: Client, shared: Shared, target: dict[str, Any], statement: dict[str, Any], plain: bool
) -> None:
    """In the event's own commit and by a delivery of its own."""
    events, letters = client("events", account=GUEST), client("sqs", account=GUEST)
    dead = f"dead-{shared.name}"
    dead_arn = f"arn:aws:sqs:us-east-1:{GUEST}:{dead}"
    service = {**ALLOW, "Principal": {"Service": "events.amazonaws.com"}}
    dead_url = letters.create_queue(
        QueueName=dead, Attributes={"Policy": json.dumps({"Statement": [service]})}
    )["QueueUrl"]
    events.put_rule(Name=shared.name, EventPattern=json.dumps({"source": [shared.name]}))
    queue = {"Id": "q", "Arn": shared.arn, "DeadLetterConfig": {"Arn": dead_arn}, **target}
    if not plain:
        queue["InputTransformer"] = {
            "InputPathsMap": {"n": "$.detail.n"},
            "InputTemplate": '{"detail": {"n": <n>}}',
        }
    events.put_targets(Rule=shared.name, Targets=[queue])

    def put(number: int) -> None:
        entry = {"Source": shared.name, "DetailType": "t", "Detail": json.dumps({"n": number})}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0

    def next_of(sqs: Any, url: str) -> dict[str, Any]:
        def one() -> Any:
            reply = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"])
            for message in reply.get("Messages", ()):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return next(iter(reply.get("Messages", ())), None)

        found: dict[str, Any] = wait_for(one)
        return found

    put(1)
    letter = next_of(letters, dead_url)
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    shared.rule(statement)
    for number in (2, 3):
        put(number)
        assert json.loads(next_of(shared.owner, shared.url)["Body"])["detail"] == {"n": number}
    shared.rule()
    put(4)
    assert json.loads(next_of(letters, dead_url)["Body"])["detail"] == {"n": 4}


def sending_role(client: Client) -> str:
    """Return the ARN of a role by which rules may send to queues."""
    iam, name = client("iam", account=OWNER), f"sender-{uuid4().hex[:8]}"
    document = json.dumps(trust("events.amazonaws.com"))
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    allow(iam, name, "sqs:SendMessage")
    return str(arn)


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "made"])
def test_a_targets_role_needs_no_policy_in_its_own_account_but_a_deny_stops_it(
    client: Client, shared: Shared, plain: bool
) -> None:
    events = client("events", account=OWNER)
    events.put_rule(Name=shared.name, EventPattern=json.dumps({"source": [shared.name]}))
    role, other = sending_role(client), sending_role(client)
    target = {"Id": "q", "Arn": shared.arn, "RoleArn": role, **({} if plain else {"InputPath": "$.detail"})}
    events.put_targets(Rule=shared.name, Targets=[target])
    entry = {"Source": shared.name, "DetailType": "t", "Detail": "{}"}

    def arrives() -> bool:
        events.put_events(Entries=[entry])
        reply = shared.owner.receive_message(QueueUrl=shared.url, WaitTimeSeconds=1)
        return bool(reply.get("Messages"))

    assert arrives()
    shared.rule({**DENY, "Principal": {"AWS": role}, "Action": "sqs:SendMessage"})
    assert not arrives()
    shared.rule({**DENY, "Principal": {"AWS": other}, "Action": "sqs:SendMessage"})
    assert arrives()


def test_a_function_is_fed_by_anothers_queue_if_its_role_may(client: Client, shared: Shared) -> None:
    name, functions = shared.name, client("lambda", account=GUEST)
    role = client("iam", account=GUEST).create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps(trust("lambda.amazonaws.com"))
    )["Role"]["Arn"]
    allow(client("iam", account=GUEST), name, "sqs:*")
    functions.create_function(
        FunctionName=name, Role=role, Runtime="python3.11", Handler="app.handler",
        Code={"ZipFile": zip_of({"app.py": "def handler(event, context):\n    return None\n"})},
    )  # fmt: skip
    wanted = {"FunctionName": name, "EventSourceArn": shared.arn}
    code, status, text = refusal(functions.create_event_source_mapping, **wanted)
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert text == "The provided execution role does not have permissions to call ReceiveMessage on SQS"
    actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    shared.rule({**ALLOW, "Principal": {"AWS": role}, "Action": actions})
    functions.create_event_source_mapping(**wanted)
    shared.owner.send_message(QueueUrl=shared.url, MessageBody="m")

    def is_done() -> bool:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = shared.owner.get_queue_attributes(QueueUrl=shared.url, AttributeNames=names)["Attributes"]
        return set(found.values()) == {"0"}

    wait_for(is_done)
