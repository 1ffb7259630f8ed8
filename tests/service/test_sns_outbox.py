"""SNS by boto3 and the outbox: text messages, mobile push and mail are kept, counted, refused and logged."""

from __future__ import annotations

import json
import re
import select
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from aws_refusals import refusal
from nodes import RunningNode, clean_environment
from sns_rig import Inbox, unique, verify, visit
from waiting import wait_for

NUMBER = "+15555550100"
ROLE = "arn:aws:iam::000000000000:role/logging"


@pytest.fixture(scope="module")
def own() -> Iterator[RunningNode]:
    running = RunningNode()
    yield running
    assert running.stop() == 0


@pytest.fixture
def sns(own: RunningNode) -> Any:
    return own.client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    return str(sns.create_topic(Name=unique("topic"))["TopicArn"])


def outbox(own: RunningNode, **query: str) -> dict[str, Any]:
    url = f"{own.endpoint}/_nightbus/outbox?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url) as reply:
        shown: dict[str, Any] = json.load(reply)
    return shown


def messages(own: RunningNode, count: int = 1, **query: str) -> list[dict[str, Any]]:
    wait_for(lambda: len(outbox(own, **query)["messages"]) >= count)
    found: list[dict[str, Any]] = outbox(own, **query)["messages"]
    return found


def stop(own: RunningNode, number: str) -> None:
    body = json.dumps({"from": number, "text": "stop"}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{own.endpoint}/_nightbus/outbox", body)).close()


def logged(own: RunningNode, group: str) -> list[dict[str, Any]]:
    logs = own.client("logs")

    def found() -> list[dict[str, Any]]:
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return []
        return [json.loads(one["message"]) for one in logs.filter_log_events(logGroupName=group)["events"]]

    wait_for(lambda: bool(found()))
    return found()


def test_a_text_message_to_a_number(own: RunningNode, sns: Any) -> None:
    attributes = {"AWS.SNS.SMS.SenderID": {"DataType": "String", "StringValue": "Shop"}}
    sent = sns.publish(PhoneNumber=NUMBER, Message="ä" * 161, MessageAttributes=attributes)["MessageId"]
    (message,) = messages(own, id=sent)
    assert (message["kind"], message["to"], message["failure"]) == ("sms", NUMBER, "")
    assert message["details"]["parts"] == 2
    assert (message["details"]["sender_id"], message["details"]["sms_type"]) == ("Shop", "Promotional")
    assert outbox(own)["counts"]["sms"]["delivered"] >= 1
    assert refusal(sns.publish, PhoneNumber="NAA+1", Message="m") == (
        "InvalidParameter", 400, "Invalid parameter: PhoneNumber Reason: NAA+1 is not valid to publish to",
    )  # fmt: skip


def test_who_answers_stop_gets_no_more(own: RunningNode, sns: Any, topic: str) -> None:
    number = "+15555550177"
    sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint=number)
    sns.publish(TopicArn=topic, Message="before")
    assert messages(own, to=number)[0]["topic"] == topic
    stop(own, number)
    assert sns.check_if_phone_number_is_opted_out(phoneNumber=number)["isOptedOut"] is True
    assert number in sns.list_phone_numbers_opted_out()["phoneNumbers"]
    sns.publish(TopicArn=topic, Message="after")
    assert messages(own, 2, to=number)[1]["failure"] == "Phone number is opted out"
    sns.opt_in_phone_number(phoneNumber=number)
    assert sns.check_if_phone_number_is_opted_out(phoneNumber=number)["isOptedOut"] is False


def test_the_settings_of_text_messages(own: RunningNode, sns: Any) -> None:
    mine = own.client("sns", account="111111111111")
    assert mine.get_sms_attributes()["attributes"] == {"MonthlySpendLimit": "1"}
    settings = {
        "DefaultSenderID": "Shop",
        "DefaultSMSType": "Transactional",
        "MonthlySpendLimit": "0",
        "DeliveryStatusIAMRole": ROLE.replace("000000000000", "111111111111"),
    }
    mine.set_sms_attributes(attributes=settings)
    assert mine.get_sms_attributes(attributes=["DefaultSenderID"])["attributes"] == {
        "DefaultSenderID": "Shop"
    }
    mine.publish(PhoneNumber=NUMBER, Message="m")
    (message,) = messages(own, account="111111111111")
    assert message["failure"] == "No quota left for account"
    assert (message["details"]["sender_id"], message["details"]["sms_type"]) == ("Shop", "Transactional")
    logs = own.client("logs", account="111111111111")
    group = "sns/us-east-1/111111111111/DirectPublishToPhoneNumber/Failure"
    (event,) = logs.filter_log_events(logGroupName=group)["events"]
    entry = json.loads(event["message"])
    assert (entry["status"], entry["delivery"]["destination"]) == ("FAILURE", NUMBER)
    code, _, text = refusal(sns.set_sms_attributes, attributes={"NoSuch": "x"})
    assert (code, "NoSuch is not a valid attribute" in text) == ("InvalidParameter", True)


def test_a_number_of_the_sandbox_is_verified_by_its_code(own: RunningNode, sns: Any) -> None:
    number = "+15555550188"
    assert sns.get_sms_sandbox_account_status()["IsInSandbox"] is False
    sns.create_sms_sandbox_phone_number(PhoneNumber=number)
    (message,) = messages(own, to=number)
    code = re.sub(r"\D", "", message["text"])
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    assert refusal(sns.verify_sms_sandbox_phone_number, PhoneNumber=number, OneTimePassword=wrong)[0] == (
        "VerificationException"
    )
    sns.verify_sms_sandbox_phone_number(PhoneNumber=number, OneTimePassword=code)
    assert {"PhoneNumber": number, "Status": "Verified"} in sns.list_sms_sandbox_phone_numbers()[
        "PhoneNumbers"
    ]
    sns.delete_sms_sandbox_phone_number(PhoneNumber=number)
    assert refusal(sns.delete_sms_sandbox_phone_number, PhoneNumber=number)[:2] == ("ResourceNotFound", 404)


def test_an_endpoint_of_an_application(own: RunningNode, sns: Any, topic: str) -> None:
    made = {"Name": unique("app"), "Platform": "GCM", "Attributes": {"PlatformCredential": "secret-key"}}
    application = sns.create_platform_application(**made)["PlatformApplicationArn"]
    assert sns.create_platform_application(**made)["PlatformApplicationArn"] == application
    shown = sns.get_platform_application_attributes(PlatformApplicationArn=application)["Attributes"]
    assert shown == {"Enabled": "true"}
    wanted = {"PlatformApplicationArn": application, "Token": "t1"}
    endpoint = sns.create_platform_endpoint(**wanted, CustomUserData="u")["EndpointArn"]
    assert sns.create_platform_endpoint(**wanted, CustomUserData="u")["EndpointArn"] == endpoint
    assert refusal(sns.create_platform_endpoint, **wanted, CustomUserData="other") == (
        "InvalidParameter",
        400,
        f"Invalid parameter: Token Reason: Endpoint {endpoint} already exists with the same Token, but different"
        " attributes.",
    )
    structured = json.dumps({"default": "d", "GCM": '{"notification": {}}'})
    sent = sns.publish(TargetArn=endpoint, Message=structured, MessageStructure="json")["MessageId"]
    (message,) = messages(own, id=sent)
    assert (message["kind"], message["text"]) == ("push", '{"notification": {}}')
    assert message["details"] == {"platform": "GCM", "token": "t1"}
    sns.subscribe(TopicArn=topic, Protocol="application", Endpoint=endpoint)
    sns.set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "false"})
    assert refusal(sns.publish, TargetArn=endpoint, Message="m") == (
        "EndpointDisabled", 400, "Endpoint is disabled",
    )  # fmt: skip
    sns.publish(TopicArn=topic, Message="to nobody")
    assert messages(own, 2, to=endpoint)[1]["failure"] == "Endpoint is disabled"
    sns.set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "true", "Token": "t2"})
    assert sns.create_platform_endpoint(**wanted)["EndpointArn"] != endpoint
    assert (
        len(sns.list_endpoints_by_platform_application(PlatformApplicationArn=application)["Endpoints"]) == 2
    )
    sns.delete_endpoint(EndpointArn=endpoint)
    sns.delete_platform_application(PlatformApplicationArn=application)
    assert refusal(sns.get_endpoint_attributes, EndpointArn=endpoint)[:2] == ("NotFound", 404)
    none = "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified"
    assert refusal(sns.publish, TargetArn=endpoint, Message="m") == ("InvalidParameter", 400, none)


def test_a_mail_subscription_confirms_from_the_outbox(own: RunningNode, sns: Any, topic: str) -> None:
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="reader@example.com")
    (asked,) = messages(own, to="reader@example.com", kind="email")
    assert asked["subject"] == "AWS Notification - Subscription Confirmation"
    link = re.search(r"http://\S+", asked["text"])
    assert link is not None and "Version" not in link.group()
    visit(link.group())
    sns.publish(TopicArn=topic, Message="hello", Subject="greeting")
    news = messages(own, 2, to="reader@example.com")[1]
    assert (news["subject"], news["text"].startswith("hello\n")) == ("greeting", True)


def test_what_becomes_of_deliveries_is_logged(own: RunningNode, sns: Any, topic: str) -> None:
    inbox = Inbox.make(own.client)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)
    sns.subscribe(
        TopicArn=topic, Protocol="lambda", Endpoint="arn:aws:lambda:us-east-1:000000000000:function:no"
    )
    for name in ("SQSSuccess", "SQSFailure"):
        sns.set_topic_attributes(TopicArn=topic, AttributeName=f"{name}FeedbackRoleArn", AttributeValue=ROLE)
    sent = sns.publish(TopicArn=topic, Message="m")["MessageId"]
    (shown,) = inbox.notifications()
    verify(shown)
    (entry,) = logged(own, f"sns/us-east-1/000000000000/{topic.rpartition(':')[2]}")
    assert (entry["status"], entry["notification"]["messageId"]) == ("SUCCESS", sent)
    assert (entry["delivery"]["destination"], entry["delivery"]["statusCode"]) == (inbox.arn, 200)


def test_a_stack_subscribes_a_reader_and_logs_deliveries(own: RunningNode, sns: Any) -> None:
    stacks, name, address = own.client("cloudformation"), unique("stack"), f"{unique('reader')}@example.com"
    logging = [{"Protocol": "sqs", "SuccessFeedbackRoleArn": ROLE, "SuccessFeedbackSampleRate": "50"}]

    def template(logging: list[dict[str, str]]) -> str:
        topic = {"Type": "AWS::SNS::Topic", "Properties": {"DeliveryStatusLogging": logging}}
        reader = {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "T"}, "Protocol": "email", "Endpoint": address, "Region": "us-east-1"
            },
        }  # fmt: skip
        phone = {
            "Type": "AWS::SNS::Subscription",
            "Properties": {"TopicArn": {"Ref": "T"}, "Protocol": "sms", "Endpoint": NUMBER},
        }
        outputs = {"T": {"Value": {"Ref": "T"}}}
        return json.dumps({"Resources": {"T": topic, "S": reader, "P": phone}, "Outputs": outputs})

    stacks.create_stack(StackName=name, TemplateBody=template(logging))
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.2})
    (output,) = stacks.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    arn = output["OutputValue"]
    assert messages(own, to=address)[0]["topic"] == arn
    shown = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert (shown["SQSSuccessFeedbackRoleArn"], shown["SQSSuccessFeedbackSampleRate"]) == (ROLE, "50")
    stacks.update_stack(StackName=name, TemplateBody=template([]))
    stacks.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 0.2})
    assert "SQSSuccessFeedbackRoleArn" not in sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 0.2})


def test_a_stack_archives_replays_and_protects(own: RunningNode, sns: Any) -> None:
    stacks, name = own.client("cloudformation"), unique("stack")
    since = {"PointType": "Timestamp", "StartingPoint": "2024-01-01T00:00:00Z"}
    statement = {
        "DataDirection": "Inbound",
        "Principal": ["*"],
        "DataIdentifier": ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"],
        "Operation": {"Deny": {}},
    }
    policy = {"Name": "p", "Version": "2021-06-01", "Statement": [statement]}

    def template(days: str, policy: dict[str, Any]) -> str:
        fifo = {
            "FifoTopic": True,
            "TopicName": f"{name}.fifo",
            "ArchivePolicy": {"MessageRetentionPeriod": days},
        }
        replayed = {
            "TopicArn": {"Ref": "T"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Q", "Arn"]},
            "ReplayPolicy": since,
        }  # fmt: skip
        resources = {
            "T": {"Type": "AWS::SNS::Topic", "Properties": fifo},
            "Q": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True}},
            "S": {"Type": "AWS::SNS::Subscription", "Properties": replayed},
            "P": {
                "Type": "AWS::SNS::Topic",
                "Properties": {"DataProtectionPolicy": policy} if policy else {},
            },
        }
        return json.dumps({"Resources": resources, "Outputs": {"P": {"Value": {"Ref": "P"}}}})

    stacks.create_stack(StackName=name, TemplateBody=template("7", policy))
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.2})
    (output,) = stacks.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    plain, fifo = output["OutputValue"], f"arn:aws:sns:us-east-1:000000000000:{name}.fifo"
    archive = sns.get_topic_attributes(TopicArn=fifo)["Attributes"]["ArchivePolicy"]
    assert json.loads(archive) == {"MessageRetentionPeriod": "7"}
    assert refusal(sns.publish, TopicArn=plain, Message="to a@b.example")[0] == "AuthorizationError"
    (subscription,) = sns.list_subscriptions_by_topic(TopicArn=fifo)["Subscriptions"]
    shown = sns.get_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"])["Attributes"]
    assert json.loads(shown["ReplayPolicy"]) == since
    stacks.update_stack(StackName=name, TemplateBody=template("8", {}))
    stacks.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 0.2})
    archive = sns.get_topic_attributes(TopicArn=fifo)["Attributes"]["ArchivePolicy"]
    assert json.loads(archive) == {"MessageRetentionPeriod": "8"}
    sns.publish(TopicArn=plain, Message="to a@b.example")
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 0.2})
    assert refusal(sns.get_topic_attributes, TopicArn=fifo)[0] == "NotFound"


def test_the_command_line_shows_the_outbox(own: RunningNode, sns: Any) -> None:
    def nightbus(*arguments: str) -> str:
        environ = clean_environment() | {"NIGHTBUS_PORT": str(own.port), "COLUMNS": "200"}
        command = [sys.executable, "-m", "nightbus", "outbox", *arguments]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60).stdout

    number = "+15555550166"
    sent = sns.publish(PhoneNumber=number, Message="two\nlines")["MessageId"]
    assert nightbus("stop", number) == f"{number} is opted out\n"
    sns.publish(PhoneNumber=number, Message="late")
    first, second, kept = nightbus("list", "--to", number, "--since", "1h").splitlines()
    assert (sent in first, "two lines" in first) == (True, True)
    assert second.endswith("late  not delivered: Phone number is opted out")
    assert kept.startswith("kept: ")
    assert nightbus("show", sent).endswith("two\nlines\n")
    assert json.loads(nightbus("list", "--to", number, "--json"))["counts"]["sms"]["failed"] >= 1
    with subprocess.Popen(
        [sys.executable, "-m", "nightbus", "outbox", "follow", "--json", "--to", number],
        env=clean_environment() | {"NIGHTBUS_PORT": str(own.port)},
        stdout=subprocess.PIPE,
        text=True,
    ) as following:
        stdout = following.stdout
        assert stdout is not None
        texts: list[str] = []

        def published() -> bool:
            texts.append(sns.publish(PhoneNumber=number, Message=f"m{len(texts)}")["MessageId"])
            return bool(select.select([stdout.fileno()], [], [], 0)[0])

        wait_for(published)
        assert json.loads(stdout.readline())["id"] in texts
        following.terminate()
