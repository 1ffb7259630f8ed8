"""SNS by boto3: HTTP endpoints confirm, get signed notifications, are tried again, and what they refuse is buried."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from sns_rig import ACCOUNT, Client, HttpEndpoint, Inbox, unique, verify, visit
from waiting import wait_for


@pytest.fixture
def sns(client: Client) -> Any:
    return client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    return str(sns.create_topic(Name=unique("topic"))["TopicArn"])


@pytest.fixture
def endpoint() -> Any:
    with HttpEndpoint() as running:
        yield running


def retries(**policy: Any) -> str:
    return json.dumps({"healthyRetryPolicy": policy})


def confirmed(sns: Any, topic: str, endpoint: HttpEndpoint, **attributes: str) -> str:
    """The ARN of the endpoint's subscription, confirmed by its link."""
    arn = sns.subscribe(
        TopicArn=topic,
        Protocol="http",
        Endpoint=endpoint.url,
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    assert f"<SubscriptionArn>{arn}</SubscriptionArn>" in endpoint.confirm()
    return str(arn)


def test_an_endpoint_confirms_by_its_link(node: Any, sns: Any, topic: str, endpoint: HttpEndpoint) -> None:
    arn = confirmed(sns, topic, endpoint)
    (asked,) = endpoint.of_kind("SubscriptionConfirmation")
    message = asked.json()
    assert asked.headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert asked.headers["x-amz-sns-topic-arn"] == topic
    assert asked.headers["x-amz-sns-message-id"] == message["MessageId"]
    assert "x-amz-sns-subscription-arn" not in asked.headers
    assert asked.headers["User-Agent"] == "Amazon Simple Notification Service Agent"
    verify(message)
    assert message["Message"].startswith(f"You have chosen to subscribe to the topic {topic}.\nTo confirm")
    assert message["SubscribeURL"] == (
        f"{node.endpoint}/?Action=ConfirmSubscription&TopicArn={topic}&Token={message['Token']}"
    )
    shown = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (shown["PendingConfirmation"], shown["ConfirmationWasAuthenticated"]) == ("false", "false")
    effective = json.loads(shown["EffectiveDeliveryPolicy"])
    assert effective["healthyRetryPolicy"]["numRetries"] == 3


def test_a_notification_is_signed(sns: Any, topic: str, endpoint: HttpEndpoint) -> None:
    arn = confirmed(sns, topic, endpoint)
    attributes = {"kind": {"DataType": "String", "StringValue": "order"}}
    message_id = sns.publish(TopicArn=topic, Message="ä\nb", Subject="s", MessageAttributes=attributes)[
        "MessageId"
    ]
    (post,) = endpoint.wait("Notification")
    message = post.json()
    assert post.headers["x-amz-sns-message-id"] == message["MessageId"] == message_id
    assert post.headers["x-amz-sns-subscription-arn"] == arn
    assert (message["Message"], message["Subject"]) == ("ä\nb", "s")
    assert message["MessageAttributes"] == {"kind": {"Type": "String", "Value": "order"}}
    assert message["SignatureVersion"] == "1"
    verify(message)
    with pytest.raises(InvalidSignature):
        verify({**message, "Subject": "forged"})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue="2")
    sns.publish(TopicArn=topic, Message="without subject")
    message = endpoint.wait("Notification", 2)[1].json()
    assert message["SignatureVersion"] == "2"
    verify(message)


def test_a_raw_notification_with_a_content_type(sns: Any, topic: str, endpoint: HttpEndpoint) -> None:
    policy = json.dumps({"requestPolicy": {"headerContentType": "application/json"}})
    confirmed(sns, topic, endpoint, RawMessageDelivery="true", DeliveryPolicy=policy)
    structured = json.dumps({"default": "d", "http": '{"a": 1}'})
    message_id = sns.publish(TopicArn=topic, Message=structured, MessageStructure="json")["MessageId"]
    (post,) = endpoint.wait("Notification")
    assert post.body == '{"a": 1}'
    assert post.headers["x-amz-sns-rawdelivery"] == "true"
    assert post.headers["x-amz-sns-message-id"] == message_id
    assert post.headers["Content-Type"] == "application/json"


def test_a_link_ends_the_subscription_and_another_restores_it(
    sns: Any, topic: str, endpoint: HttpEndpoint
) -> None:
    arn = confirmed(sns, topic, endpoint)
    sns.publish(TopicArn=topic, Message="first")
    visit(endpoint.wait("Notification")[0].json()["UnsubscribeURL"])
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    sns.publish(TopicArn=topic, Message="unheard")
    (told,) = endpoint.wait("UnsubscribeConfirmation")
    message = told.json()
    verify(message)
    assert message["Message"].startswith(f"You have chosen to deactivate subscription {arn}.\n")
    visit(message["SubscribeURL"])
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == arn
    sns.publish(TopicArn=topic, Message="second")
    heard = [post.json()["Message"] for post in endpoint.wait("Notification", 2)]
    assert heard == ["first", "second"]


def test_an_owner_who_ends_it_is_not_asked(sns: Any, topic: str, endpoint: HttpEndpoint) -> None:
    arn = confirmed(sns, topic, endpoint)
    sns.unsubscribe(SubscriptionArn=arn)
    confirmed(sns, topic, endpoint)  # what would have been sent before is there by now
    assert endpoint.of_kind("UnsubscribeConfirmation") == []


def test_a_server_error_is_tried_again_with_the_same_id(sns: Any, topic: str, endpoint: HttpEndpoint) -> None:
    policy = retries(numRetries=3, numNoDelayRetries=2, minDelayTarget=1, maxDelayTarget=1)
    confirmed(sns, topic, endpoint, DeliveryPolicy=policy)
    endpoint.answers += [500, 429, 503]
    sns.publish(TopicArn=topic, Message="m")
    posts = endpoint.wait("Notification", 4)
    assert len({post.headers["x-amz-sns-message-id"] for post in posts}) == 1
    assert len({post.body for post in posts}) == 1


def dead_letters(client: Client) -> tuple[Inbox, str]:
    inbox = Inbox.make(client)
    return inbox, json.dumps({"deadLetterTargetArn": inbox.arn})


def test_what_is_refused_to_the_end_is_buried(
    client: Client, sns: Any, topic: str, endpoint: HttpEndpoint
) -> None:
    dead, redrive = dead_letters(client)
    policy = retries(numRetries=2, numNoDelayRetries=2)
    arn = confirmed(sns, topic, endpoint, DeliveryPolicy=policy, RedrivePolicy=redrive)
    endpoint.answers += [500] * 3
    sns.publish(TopicArn=topic, Message="buried", Subject="s")
    (letter,) = dead.notifications()
    assert (letter["Message"], letter["Subject"], letter["TopicArn"]) == ("buried", "s", topic)
    verify(letter)
    assert len(endpoint.of_kind("Notification")) == 3
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["RedrivePolicy"] == redrive
    sns.publish(TopicArn=topic, Message="taken")
    wait_for(lambda: len(endpoint.of_kind("Notification")) == 4)
    assert dead.is_empty()


@pytest.mark.parametrize("status", [400, 403, 404, 301])
def test_a_client_error_is_not_tried_again(
    client: Client, sns: Any, topic: str, endpoint: HttpEndpoint, status: int
) -> None:
    dead, redrive = dead_letters(client)
    confirmed(sns, topic, endpoint, RedrivePolicy=redrive, RawMessageDelivery="true")
    endpoint.answers.append(status)
    sns.publish(TopicArn=topic, Message="refused")
    assert dead.take()[0]["Body"] == "refused"
    assert len(endpoint.of_kind("Notification")) == 1


def test_the_topics_policy_rules_where_it_says_so(
    client: Client, sns: Any, topic: str, endpoint: HttpEndpoint
) -> None:
    dead, redrive = dead_letters(client)
    http = {"defaultHealthyRetryPolicy": {"numRetries": 0}, "disableSubscriptionOverrides": True}
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=json.dumps({"http": http})
    )
    own = retries(numRetries=5, numNoDelayRetries=5)
    confirmed(sns, topic, endpoint, DeliveryPolicy=own, RedrivePolicy=redrive)
    endpoint.answers.append(500)
    sns.publish(TopicArn=topic, Message="m")
    assert dead.notifications()[0]["Message"] == "m"
    assert len(endpoint.of_kind("Notification")) == 1


def test_an_endpoint_that_is_gone_or_talks_nonsense(client: Client, sns: Any, topic: str) -> None:
    dead, redrive = dead_letters(client)
    policy = retries(numRetries=1, numNoDelayRetries=1)
    with HttpEndpoint() as endpoint:
        confirmed(sns, topic, endpoint, DeliveryPolicy=policy, RedrivePolicy=redrive)
    sns.publish(TopicArn=topic, Message="gone")
    assert dead.notifications()[0]["Message"] == "gone"
    port = int(endpoint.url.split(":")[2].split("/")[0])
    with socket.create_server(("127.0.0.1", port)) as listener:
        answers = [b"what?\r\n\r\n", b"", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"]

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(answer)

        serving = threading.Thread(target=serve)
        serving.start()
        sns.publish(TopicArn=topic, Message="nonsense twice")
        assert dead.notifications()[0]["Message"] == "nonsense twice"
        sns.publish(TopicArn=topic, Message="taken")
        serving.join(20)
    assert not serving.is_alive()
    assert dead.is_empty()


def test_an_endpoint_gets_so_many_a_second(sns: Any, topic: str, endpoint: HttpEndpoint) -> None:
    policy = json.dumps({"throttlePolicy": {"maxReceivesPerSecond": 10}})
    confirmed(sns, topic, endpoint, DeliveryPolicy=policy)
    began = time.monotonic()
    entries = [{"Id": f"e{at}", "Message": f"{at}"} for at in range(8)]
    sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    posts = endpoint.wait("Notification", 8)
    assert time.monotonic() - began >= 0.65  # seven times a tenth, less a little
    assert {post.json()["Message"] for post in posts} == {str(at) for at in range(8)}


def test_a_password_in_the_url_is_sent_and_not_logged(
    node: Any, sns: Any, topic: str, endpoint: HttpEndpoint
) -> None:
    url = endpoint.url.replace("http://", "http://user:hush%21@")
    endpoint.answers += [404]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
    (post,) = endpoint.wait("SubscriptionConfirmation")
    assert post.headers["Authorization"] == "Basic dXNlcjpodXNoIQ=="
    port = url.rsplit(":", 1)[1]
    told = wait_for(lambda: [line for line in node.output if port in line])
    assert "given up" in told[0]
    assert not any("hush" in line for line in node.output)


def test_a_lost_notification_has_one_line_in_the_log(
    node: Any, sns: Any, topic: str, endpoint: HttpEndpoint
) -> None:
    """With all that is known of it: hundreds may be lost at once."""
    subscription = confirmed(sns, topic, endpoint)
    endpoint.answers += [404]
    notification = sns.publish(TopicArn=topic, Message="lost")["MessageId"]
    endpoint.wait("Notification")
    sns.publish(TopicArn=topic, Message="another")
    endpoint.wait("Notification", 2)
    (told,) = wait_for(lambda: [line for line in node.output if notification in line])
    assert "ERROR" in told
    for known in (endpoint.url, "404", subscription, "no dead-letter queue"):
        assert known in told


def test_a_function_gets_the_records(client: Client, sns: Any, topic: str) -> None:
    """It writes them to its log."""
    from lambda_rig import code, function_role

    functions, logs, name = client("lambda"), client("logs"), unique("f")
    role = function_role(client("iam"))
    text = "import json\ndef handler(event, context):\n    print('GOT', json.dumps(event))\n"
    arn = functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": code(text)},
    )["FunctionArn"]
    dead, redrive = dead_letters(client)
    subscription = sns.subscribe(
        TopicArn=topic, Protocol="lambda", Endpoint=arn, Attributes={"RedrivePolicy": redrive}
    )["SubscriptionArn"]
    sns.publish(TopicArn=topic, Message="not permitted yet")
    assert dead.notifications()[0]["Message"] == "not permitted yet"
    functions.add_permission(
        FunctionName=name,
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    attributes = {"kind": {"DataType": "String", "StringValue": "order"}}
    message_id = sns.publish(TopicArn=topic, Message="hello", Subject="s", MessageAttributes=attributes)[
        "MessageId"
    ]

    def printed() -> list[str]:
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in events if event["message"].startswith("GOT")]

    (line,) = wait_for(printed)
    (record,) = json.loads(line[4:])["Records"]
    shown = record.pop("Sns")
    assert record == {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
    }
    assert (shown["MessageId"], shown["Message"], shown["Subject"]) == (message_id, "hello", "s")
    assert shown["MessageAttributes"] == {"kind": {"Type": "String", "Value": "order"}}
    assert shown["UnsubscribeUrl"].endswith(subscription)
    verify(shown)
    functions.delete_function(FunctionName=name)
    sns.publish(TopicArn=topic, Message="nobody there")
    assert dead.notifications()[0]["Message"] == "nobody there"
    assert arn.startswith(f"arn:aws:lambda:us-east-1:{ACCOUNT}:")
