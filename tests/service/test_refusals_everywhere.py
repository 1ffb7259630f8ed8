"""Whatever way a request comes, its refusal can be asked for: links, batches, stacks, rules, subscriptions."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from nodes import RunningNode, clean_environment
from users import Actions, User
from waiting import wait_for

ACCOUNT = "000000000000"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("refusals") / "data"


@pytest.fixture(scope="module")
def node(folder: Path) -> Iterator[RunningNode]:
    running = RunningNode(folder)
    yield running
    assert running.stop() == 0


def refusals(node: RunningNode, folder: Path, *arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["nightbus", "why-denied", *arguments, "--json", "--port", str(node.port)],
        env=clean_environment() | {"NIGHTBUS_DATA": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode != 0:
        return []
    found: list[dict[str, Any]] = json.loads(done.stdout)["refusals"]
    return found


def refused_by(node: RunningNode, folder: Path, principal: str, action: str) -> list[dict[str, Any]]:
    newest = refusals(node, folder, "--limit", "100")
    return [one for one in newest if principal in one["principal"] and one["action"] == action]


def test_a_link_of_a_user_without_the_right(node: RunningNode, folder: Path) -> None:
    node.client("s3").create_bucket(Bucket="linked")
    node.client("s3").put_object(Bucket="linked", Key="one", Body=b"x")
    ann = User(node, "ann", ("s3:ListBucket", "*"))
    s3 = ann.client("s3", config=Config(signature_version="s3v4"))
    link = s3.generate_presigned_url("get_object", Params={"Bucket": "linked", "Key": "one"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(link)
    assert refused.value.code == 403
    (one,) = refusals(node, folder, refused.value.headers["x-amz-request-id"])
    assert (one["action"], one["resource"]) == ("s3:GetObject", "arn:aws:s3:::linked/one")
    assert one["add_to"] == {"user": "ann"}
    assert "X-Amz-Signature" not in json.dumps(one)


def test_the_entries_of_a_batch(node: RunningNode, folder: Path) -> None:
    s3 = node.client("s3")
    s3.create_bucket(Bucket="batch")
    bob = User(node, "bob", ("s3:DeleteObject", "arn:aws:s3:::batch/mine/*"))
    keys = [{"Key": key} for key in ("mine/1", "others/1", "others/2")]
    reply = bob.client("s3").delete_objects(Bucket="batch", Delete={"Objects": keys})
    assert {one["Key"] for one in reply["Errors"]} == {"others/1", "others/2"}
    found = refusals(node, folder, reply["ResponseMetadata"]["RequestId"])
    assert {one["resource"] for one in found} == {f"arn:aws:s3:::batch/others/{at}" for at in (1, 2)}


def test_a_stack_of_a_user_without_the_right_for_a_resource(node: RunningNode, folder: Path) -> None:
    carl = User(node, "carl", (["cloudformation:*", "sqs:Get*", "sqs:List*"], "*"))
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "of-carl"}}}}
    formation = carl.client("cloudformation")
    formation.create_stack(StackName="of-carl", TemplateBody=json.dumps(template))
    (one,) = wait_for(lambda: refused_by(node, folder, "user/carl", "sqs:CreateQueue"))
    assert one["resource"] == f"arn:aws:sqs:us-east-1:{ACCOUNT}:of-carl"
    assert one["remedy"]["statement"]["Action"] == "sqs:CreateQueue"


def test_a_macro_whose_function_the_user_may_not_invoke(node: RunningNode, folder: Path) -> None:
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:expand"
    macro = {"Type": "AWS::CloudFormation::Macro", "Properties": {"Name": "Expand", "FunctionName": function}}
    owner = node.client("cloudformation")
    owner.create_stack(StackName="with-macro", TemplateBody=json.dumps({"Resources": {"Macro": macro}}))
    owner.get_waiter("stack_create_complete").wait(StackName="with-macro", WaiterConfig={"Delay": 1})
    gina = User(node, "gina", ("cloudformation:*", "*")).client("cloudformation")
    template = {"Transform": "Expand", "Resources": {"T": {"Type": "AWS::SNS::Topic"}}}
    named = {"StackName": "of-gina", "ChangeSetName": "first"}
    requested = gina.create_change_set(**named, ChangeSetType="CREATE", TemplateBody=json.dumps(template))
    failed = wait_for(
        lambda: [one for one in [gina.describe_change_set(**named)] if one["Status"] == "FAILED"]
    )
    reason = (
        f"Transform {ACCOUNT}::Expand failed with: User: arn:aws:iam::{ACCOUNT}:user/gina is not authorized to perform:"
        f" lambda:InvokeFunction on resource: {function} because no identity-based policy allows the"
        " lambda:InvokeFunction action"
    )
    assert failed[0]["StatusReason"] == reason
    (one,) = refusals(node, folder, requested["ResponseMetadata"]["RequestId"])
    assert (one["resource"], one["add_to"]) == (function, {"user": "gina"})


def test_what_the_cloud_control_api_reads_for_a_user_without_the_right(
    node: RunningNode, folder: Path
) -> None:
    hugo = User(node, "hugo", (["cloudformation:GetResource", "cloudformation:ListResources"], "*"))
    control, kind = hugo.client("cloudcontrol"), "AWS::SNS::Topic"
    topic = node.client("sns").create_topic(Name="read-by-nobody")["TopicArn"]
    for call, members in ((control.get_resource, {"Identifier": topic}), (control.list_resources, {})):
        with pytest.raises(ClientError) as refused:
            call(TypeName=kind, **members)
        told = refused.value.response["Error"]
        assert told["Code"] == "AccessDeniedException"
        assert told["Message"].startswith(
            f"{kind} Handler returned status FAILED: User: {hugo.arn} is not authorized"
        )
        assert "(HandlerErrorCode: AccessDenied, RequestToken: " in told["Message"]
        (one,) = refusals(node, folder, refused.value.response["ResponseMetadata"]["RequestId"])
        assert one["principal"] == hugo.arn


def test_a_connection_needs_rights_on_its_secret_and_for_the_role_of_eventbridge(
    node: RunningNode, folder: Path
) -> None:
    """They are those of the resource type's schema, and of AmazonEventBridgeFullAccess:
    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonEventBridgeFullAccess.html
    """
    auth = {"ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "v"}}
    connection = {"Name": "c", "AuthorizationType": "API_KEY", "AuthParameters": auth}
    secret = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:events!connection/c/*"
    first = ["secretsmanager:CreateSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]
    every: list[tuple[Actions, Actions]] = [
        ("events:*", "*"),
        (first, secret),
        ("iam:CreateServiceLinkedRole", "*"),
    ]
    for number, (rights, action) in enumerate(
        [(every[:1], first[0]), (every[:2], "iam:CreateServiceLinkedRole")]
    ):
        user = User(node, f"ida-{number}", *rights)
        with pytest.raises(ClientError, match=f"not authorized to perform: {action}"):
            user.client("events").create_connection(**connection)
        assert refused_by(node, folder, user.arn, action)
    User(node, "jan", *every).client("events").create_connection(**connection)
    role = node.client("iam").get_role(RoleName="AWSServiceRoleForAmazonEventBridgeApiDestinations")["Role"]
    assert role["Path"] == "/aws-service-role/apidestinations.events.amazonaws.com/"
    events = User(node, "kim", *every[:2]).client("events")
    with pytest.raises(
        ClientError, match=r"UpdateSecret on resource: .*:secret:events!connection/c/[-0-9a-f]{36}-\w{6} "
    ):
        events.update_connection(**connection)


def test_a_rule_whose_role_may_not_put_events(node: RunningNode, folder: Path) -> None:
    iam, events = node.client("iam"), node.client("events")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    role = iam.create_role(RoleName="forwarder", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    bus = events.create_event_bus(Name="other")["EventBusArn"]
    events.put_rule(Name="forward", EventPattern=json.dumps({"source": ["shop"]}))
    events.put_targets(Rule="forward", Targets=[{"Id": "bus", "Arn": bus, "RoleArn": role}])
    events.put_events(Entries=[{"Source": "shop", "DetailType": "d", "Detail": "{}"}])
    found = wait_for(lambda: refused_by(node, folder, "assumed-role/forwarder", "events:PutEvents"))
    assert (found[0]["resource"], found[0]["add_to"]["role"]) == (bus, "forwarder")


def test_a_password_in_a_request_is_not_in_its_refusal(node: RunningNode, folder: Path) -> None:
    topic = node.client("sns").create_topic(Name="guarded")["TopicArn"]
    dora = User(node, "dora", ("sns:ListTopics", "*"))
    with pytest.raises(ClientError) as refused:
        dora.client("sns").subscribe(
            TopicArn=topic, Protocol="https", Endpoint="https://dora:hush@example.com/hook"
        )
    assert "hush" not in str(refused.value)
    (one,) = refusals(node, folder, refused.value.response["ResponseMetadata"]["RequestId"])
    assert one["action"].lower() == "sns:subscribe"
    assert "hush" not in json.dumps(one)


def test_refused_requests_are_in_the_trail_unless_nobody_can_be_named(
    node: RunningNode, folder: Path
) -> None:
    """As on AWS: what fails authentication is not recorded, whatever is refused after it is.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/logging-with-S3.html
    """
    emma = User(node, "emma", ("sns:*", "*"))
    with pytest.raises(ClientError, match="InvalidParameter"):
        emma.client("sns").create_topic(Name="no such name")
    with pytest.raises(ClientError, match="AccessDenied"):
        emma.client("sqs").create_queue(QueueName="of-emma")
    wrong = node.client(
        "sns", aws_access_key_id=emma._keys["aws_access_key_id"], aws_secret_access_key="wrong"
    )
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        wrong.create_topic(Name="of-nobody")
    trail = node.client("cloudtrail")
    found = trail.lookup_events(LookupAttributes=[{"AttributeKey": "Username", "AttributeValue": "emma"}])
    records = [json.loads(one["CloudTrailEvent"]) for one in found["Events"]]
    assert {(one["eventName"], one["errorCode"]) for one in records} == {
        ("CreateTopic", "InvalidParameter"),
        ("CreateQueue", "AccessDenied"),
    }


OTHER = "111111111111"


def of_other_account(node: RunningNode, service: str) -> Any:
    return node.client(service, account=OTHER)


def send_message(node: RunningNode) -> Any:
    queue = node.client("sqs").create_queue(QueueName="closed")["QueueUrl"]
    return of_other_account(node, "sqs").send_message(QueueUrl=queue, MessageBody="x")


def publish(node: RunningNode) -> Any:
    topic = node.client("sns").create_topic(Name="closed")["TopicArn"]
    return of_other_account(node, "sns").publish(TopicArn=topic, Message="x")


def encrypt(node: RunningNode) -> Any:
    key = node.client("kms").create_key()["KeyMetadata"]["Arn"]
    return of_other_account(node, "kms").encrypt(KeyId=key, Plaintext=b"x")


def get_secret(node: RunningNode) -> Any:
    secret = node.client("secretsmanager").create_secret(Name="closed", SecretString="x")["ARN"]
    return of_other_account(node, "secretsmanager").get_secret_value(SecretId=secret)


def put_events(node: RunningNode) -> Any:
    bus = node.client("events").create_event_bus(Name="closed")["EventBusArn"]
    entry = {"Source": "shop", "DetailType": "d", "Detail": "{}", "EventBusName": bus}
    return of_other_account(node, "events").put_events(Entries=[entry])


def get_object(node: RunningNode) -> Any:
    node.client("s3").create_bucket(Bucket="closed-to-others")
    node.client("s3").put_object(Bucket="closed-to-others", Key="k", Body=b"x")
    return of_other_account(node, "s3").get_object(Bucket="closed-to-others", Key="k")


def describe_images(node: RunningNode) -> Any:
    node.client("ecr").create_repository(repositoryName="closed")
    return of_other_account(node, "ecr").describe_images(registryId=ACCOUNT, repositoryName="closed")


def by_key_policy(node: RunningNode) -> Any:
    """The key's policy names one user; another one of the account has every right, and is refused."""
    fred, greta = User(node, "fred", ("kms:*", "*")), User(node, "greta", ("kms:*", "*"))
    allow = {"Effect": "Allow", "Principal": {"AWS": fred.arn}, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    key = fred.client("kms").create_key(Policy=policy)["KeyMetadata"]["KeyId"]
    return greta.client("kms").encrypt(KeyId=key, Plaintext=b"x")


@pytest.mark.parametrize(
    ("call", "action"),
    [
        (send_message, "sqs:SendMessage"),
        (publish, "sns:Publish"),
        (encrypt, "kms:Encrypt"),
        (get_secret, "secretsmanager:GetSecretValue"),
        (put_events, "events:PutEvents"),
        (get_object, "s3:GetObject"),
        (describe_images, "ecr:DescribeImages"),
        (by_key_policy, "kms:Encrypt"),
    ],
)
def test_what_the_policy_of_a_resource_does_not_allow(
    node: RunningNode, folder: Path, call: Any, action: str
) -> None:
    try:
        reply = call(node)
        request_id = reply["ResponseMetadata"]["RequestId"]
        assert reply["FailedEntryCount"] == 1
    except ClientError as refused:
        request_id = refused.response["ResponseMetadata"]["RequestId"]
    found = refusals(node, folder, request_id)
    assert found and {one["action"].lower() for one in found} == {action.lower()}
    assert found[0]["remedy"]["kind"] == "resource-based policy"


def rule_to_queue(node: RunningNode, queue: str, arn: str) -> None:
    events = node.client("events")
    events.put_rule(Name="to-queue", EventPattern=json.dumps({"source": ["to-queue"]}))
    events.put_targets(Rule="to-queue", Targets=[{"Id": "q", "Arn": arn}])
    events.put_events(Entries=[{"Source": "to-queue", "DetailType": "d", "Detail": "{}"}])


def topic_to_queue(node: RunningNode, queue: str, arn: str) -> None:
    sns = node.client("sns")
    topic = sns.create_topic(Name="to-queue")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="x")


def bucket_to_queue(node: RunningNode, queue: str, arn: str) -> None:
    s3 = node.client("s3")
    s3.create_bucket(Bucket="to-queue")
    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    with pytest.raises(ClientError, match="Unable to validate"):
        s3.put_bucket_notification_configuration(Bucket="to-queue", NotificationConfiguration=configuration)


@pytest.mark.parametrize(
    ("send", "service"),
    [
        (rule_to_queue, "events.amazonaws.com"),
        (topic_to_queue, "sns.amazonaws.com"),
        (bucket_to_queue, "s3.amazonaws.com"),
    ],
)
def test_services_that_a_queue_does_not_admit(
    node: RunningNode, folder: Path, send: Any, service: str
) -> None:
    name = f"for-{service.partition('.')[0]}"
    queue = node.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    send(node, queue, arn)

    def found() -> list[dict[str, Any]]:
        return [one for one in refused_by(node, folder, service, "sqs:SendMessage") if one["resource"] == arn]

    (one, *_) = wait_for(found)
    assert one["add_to"] == {"resource": arn}
    assert one["remedy"]["statement"]["Principal"] == {"Service": service}
