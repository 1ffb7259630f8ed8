"""What a test does with its account: assertions that explain, faults, the loss of the node, isolation, the CDK's
output."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nightbus.testing import DeploymentFailed, Nightbus, NotSettled, TestNode, UnknownName

RUNTIME = f"python3.{sys.version_info.minor}"
CODE = """
import time
def handler(event, context):
    print("got", event)
    if event.get("detail", {}).get("sleeps"):
        time.sleep(event["detail"]["sleeps"])
    return event
"""
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Statement": {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "lambda.amazonaws.com"},
            }
        },
        "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
    },
}
TEMPLATE: dict[str, Any] = {
    "Parameters": {"State": {"Type": "String", "Default": "paid"}},
    "Resources": {
        "Role": ROLE,
        "Worker": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": RUNTIME,
                "Handler": "index.handler",
                "Timeout": 20,
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Code": {"ZipFile": CODE},
            },
        },
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": "Worker"},
                "Principal": "events.amazonaws.com",
            },
        },
        "Paid": {"Type": "AWS::SQS::Queue"},
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Policy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Paid"}, {"Ref": "Dead"}],
                "PolicyDocument": {
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sqs:SendMessage",
                        "Resource": "*",
                    }
                },
            },
        },
        "PaidRule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"source": ["shop"], "detail": {"state": [{"Ref": "State"}]}},
                "Targets": [
                    {
                        "Id": "queue",
                        "Arn": {"Fn::GetAtt": ["Paid", "Arn"]},
                        "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Dead", "Arn"]}},
                    },
                    {"Id": "worker", "Arn": {"Fn::GetAtt": ["Worker", "Arn"]}},
                ],
            },
        },
        "Hourly": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "ScheduleExpression": "rate(1 hour)",
                "Targets": [{"Id": "worker", "Arn": {"Fn::GetAtt": ["Worker", "Arn"]}}],
            },
        },
    },
    "Outputs": {"Queue": {"Value": {"Ref": "Paid"}}},
}


@pytest.fixture
def shop(nightbus: Nightbus) -> Nightbus:
    nightbus.deploy(TEMPLATE)
    return nightbus


def test_an_event_is_matched_delivered_traced_and_logged(shop: Nightbus) -> None:
    event = shop.events.put("shop", "Order", {"state": "paid", "number": 7})
    shop.settle()
    assert [one["id"] for one in shop.events.assert_matched(rule="PaidRule")] == [event]
    shop.events.assert_delivered(target="Worker", event={"detail": {"number": 7}}, times=1)
    shop.events.assert_delivered(target="Paid", event=event)
    assert json.loads(shop.messages("Paid")[0])["detail"]["number"] == 7
    assert any("got" in line for line in shop.logs("Worker"))
    assert "PaidRule" in str(shop.trace(event))


def test_assertions_explain(shop: Nightbus) -> None:
    with pytest.raises(AssertionError, match="no event"):
        shop.events.assert_matched(rule="PaidRule")
    event = shop.events.put("shop", "Order", {"state": "payed"})
    shop.settle()
    with pytest.raises(AssertionError, match=r'the rule wants "paid"'):
        shop.events.assert_matched(rule="PaidRule", event=event)
    with pytest.raises(AssertionError, match=r'detail.state is "payed"'):
        shop.events.assert_delivered(target="Worker")
    shop.events.assert_not_matched(rule="PaidRule")
    shop.events.put("shop", "Order", {"state": "paid"})
    shop.settle()
    with pytest.raises(AssertionError, match="matched 1 event\n"):
        shop.events.assert_not_matched(rule="PaidRule")
    with pytest.raises(AssertionError, match="1 of 2 events, not to 2"):
        shop.events.assert_delivered(target="Worker", times=2)
    with pytest.raises(AssertionError, match="got 1 event\n"):
        shop.events.assert_not_delivered(target="Worker")


def test_a_wrong_name_is_no_silent_success(shop: Nightbus) -> None:
    for wrong in (
        lambda: shop.events.assert_matched(rule="PaidRul"),
        lambda: shop.events.assert_not_matched(rule="PaidRul"),
        lambda: shop.events.assert_not_matched(rule="Worker"),
    ):
        with pytest.raises(UnknownName, match=r"is no rule here.*There are: .*PaidRule, "):
            wrong()
    for wrong in (
        lambda: shop.events.assert_not_delivered(target="Wroker"),
        lambda: shop.faults.refuse("Wroker", times=2),
    ):
        with pytest.raises(UnknownName, match="did you mean 'Worker'"):
            wrong()
    with pytest.raises(UnknownName, match="is no event bus here"):
        shop.events.put("shop", "Order", {}, bus="no-such-bus")
    with pytest.raises(UnknownName, match="'Queeu' is no output of stack test here; did you mean 'Queue'"):
        shop.stacks[0]["Queeu"]


def test_what_has_not_ended_is_told_to_settle(shop: Nightbus) -> None:
    shop.faults.fail("Worker", times=1)
    shop.events.put("shop", "Order", {"state": "paid"})
    shop.settle()
    with pytest.raises(AssertionError, match=r"not all has ended, settle\(\) .* clock\.advance"):
        shop.events.assert_delivered(target="Worker")
    shop.clock.advance("2m")
    shop.events.assert_delivered(target="Worker")


def test_schedules_run_in_virtual_time(shop: Nightbus) -> None:
    shop.clock.advance("24h")
    scheduled = shop.events.all({"detail-type": "Scheduled Event"})
    assert len(scheduled) == 24
    assert len({event["time"] for event in scheduled}) == 24
    shop.events.assert_delivered(target="Worker", times=24)


def test_faults_of_a_queue_that_is_a_target(shop: Nightbus) -> None:
    shop.faults.fail("Paid", times=1)
    shop.faults.throttle("Paid", times=1)
    event = shop.events.put("shop", "Order", {"state": "paid"})
    shop.settle()
    shop.events.assert_not_delivered(target="Paid")
    shop.clock.advance("1h")
    shop.events.assert_delivered(target="Paid", event=event)
    attempts = shop.trace(event).tree["rules"][0]["targets"][0]["attempts"]
    assert [attempt.get("code") for attempt in attempts] == ["Injected", "ThrottlingException", None]

    shop.faults.refuse("Paid", permanent=True, error="NO_PERMISSIONS")
    shop.events.put("shop", "Order", {"state": "paid"})
    shop.settle()
    assert len(shop.messages("Dead")) == 1
    shop.faults.heal()
    shop.events.put("shop", "Order", {"state": "paid"})
    shop.settle()
    assert len(shop.messages("Paid")) == 2


def test_faults_of_a_function_that_a_client_waits_for(shop: Nightbus) -> None:
    shop.faults.fail("Worker", times=1, error="Broken")
    shop.faults.time_out("Worker", times=1)
    shop.faults.throttle("Worker", times=1)
    with pytest.raises(AssertionError, match="Broken"):
        shop.invoke("Worker", {})
    with pytest.raises(AssertionError, match=r"timed out after 20\.00 seconds"):
        shop.invoke("Worker", {})
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        shop.invoke("Worker", {})
    assert shop.invoke("Worker", {"well": True}) == {"well": True}


def test_the_node_is_lost_in_the_middle(shop: Nightbus) -> None:
    event = shop.events.put("shop", "Order", {"state": "paid", "sleeps": 2})
    now = shop.clock.now()
    shop.kill()
    shop.restart()
    assert shop.clock.now() == now
    shop.settle()
    shop.events.assert_delivered(target="Worker", event=event)
    assert len(shop.messages("Paid")) == 1


def test_what_does_not_settle_is_named(shop: Nightbus) -> None:
    shop.events.put("shop", "Order", {"state": "paid", "sleeps": 2})
    with pytest.raises(
        NotSettled, match=r"1 × running function test-Worker-\w+ \(account \d{12}, us-east-1\)"
    ):
        shop.settle(timeout=0.5)
    shop.settle()


def test_a_stack_is_updated_and_a_bad_one_says_why(shop: Nightbus) -> None:
    assert shop.deploy(TEMPLATE, parameters={"State": "shipped"})["Queue"] == shop.stacks[0]["Queue"]
    shop.deploy(TEMPLATE, parameters={"State": "shipped"})
    shop.events.put("shop", "Order", {"state": "shipped"})
    shop.settle()
    shop.events.assert_matched(rule="PaidRule")
    bad = {"Resources": {"Rule": {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": {"a": 1}}}}}
    with pytest.raises(DeploymentFailed, match=r"Rule CREATE_FAILED: .*pattern"):
        shop.deploy(bad, name="bad")
    with pytest.raises(DeploymentFailed, match="cannot be read"):
        shop.deploy(Path("no-such-template.yaml"))


def test_accounts_see_nothing_of_each_other_and_leave_nothing(nightbus_node: TestNode) -> None:
    one, other = nightbus_node.account(), nightbus_node.account()
    one.deploy(TEMPLATE)
    one.events.put("shop", "Order", {"state": "paid"})
    one.faults.refuse("Paid")
    one.events.put("shop", "Order", {"state": "paid"})
    one.settle()
    assert other.events.all() == []
    assert other.client("sqs").list_queues().get("QueueUrls", []) == []
    before = nightbus_node.get("sizes", {})["rows"]
    one.forget()
    after = nightbus_node.get("sizes", {})["rows"]
    gone = {kind for kind in before if before[kind] > after.get(kind, 0)}
    kinds = {"lambda/function", "events/rule", "sqs/queue", "iam/role"}
    assert {f"record {kind}" for kind in kinds} <= gone
    assert one.events.all() == []
    other.clock.advance("25h")  # neither the schedule nor the retries of the forgotten account go on
    assert one.events.all() == []
    other.forget()


def test_the_output_of_a_cdk_application(nightbus: Nightbus, tmp_path: Path) -> None:
    """As `cdk synth` writes it; https://docs.aws.amazon.com/cdk/v2/guide/deploy.html."""
    asset = tmp_path / "asset.one"
    asset.mkdir()
    (asset / "app.py").write_text("def handler(event, context):\n    return 'from an asset'\n")
    bucket = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
    template = {
        "Parameters": {
            "BootstrapVersion": {
                "Type": "AWS::SSM::Parameter::Value<String>",
                "Default": "/cdk-bootstrap/hnb659fds/version",
            }
        },
        "Resources": {
            "Role": ROLE,
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": RUNTIME,
                    "Handler": "app.handler",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Code": {"S3Bucket": {"Fn::Sub": bucket}, "S3Key": "one.zip"},
                },
            },
        },
    }
    (tmp_path / "Shop.template.json").write_text(json.dumps(template))
    assets = {
        "files": {
            "one": {
                "source": {"path": "asset.one", "packaging": "zip"},
                "destinations": {"here": {"bucketName": bucket, "objectKey": "one.zip"}},
            }
        }
    }
    (tmp_path / "Shop.assets.json").write_text(json.dumps(assets))
    artifacts = {
        "Shop": {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": "Shop.template.json"},
            "dependencies": ["Shop.assets"],
        },
        "Shop.assets": {"type": "cdk:asset-manifest", "properties": {"file": "Shop.assets.json"}},
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    assert nightbus.deploy(tmp_path).name == "Shop"
    assert nightbus.invoke("Function") == "from an asset"


def test_signatures_and_sessions_keep_real_time(nightbus: Nightbus) -> None:
    """After a jump of weeks clients and functions are still let in, and a session that was made before it."""
    resources = {name: one for name, one in TEMPLATE["Resources"].items() if name != "Hourly"}
    nightbus.deploy({**TEMPLATE, "Resources": resources})
    session = nightbus.client("sts").get_session_token()["Credentials"]
    nightbus.clock.advance("30d")
    assert nightbus.invoke("Worker", {"late": True}) == {"late": True}
    later = nightbus.client(
        "sts",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    assert later.get_caller_identity()["Account"] == nightbus.account


@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_a_fault_strikes_what_a_topic_has_for_a_queue(nightbus: Nightbus, suffix: str) -> None:
    fifo = {"FifoQueue": True} if suffix else {}
    policy = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
    }
    nightbus.deploy(
        {
            "Resources": {
                "Orders": {"Type": "AWS::SQS::Queue", "Properties": {**fifo, "QueueName": f"orders{suffix}"}},
                "Policy": {
                    "Type": "AWS::SQS::QueuePolicy",
                    "Properties": {"Queues": [{"Ref": "Orders"}], "PolicyDocument": {"Statement": policy}},
                },
                "Topic": {
                    "Type": "AWS::SNS::Topic",
                    "Properties": {
                        **({"FifoTopic": True} if suffix else {}),
                        "TopicName": f"orders{suffix}",
                        "Subscription": [{"Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Orders", "Arn"]}}],
                    },
                },
            }
        }
    )
    group = {"MessageGroupId": "g", "MessageDeduplicationId": "d"} if suffix else {}
    topic = f"arn:aws:sns:us-east-1:{nightbus.account}:orders{suffix}"
    nightbus.faults.throttle("Orders", times=4)
    nightbus.client("sns").publish(TopicArn=topic, Message="one", **group)
    nightbus.settle()
    assert nightbus.messages("Orders") == []
    nightbus.clock.advance("10s")
    (message,) = nightbus.messages("Orders")
    assert json.loads(message)["Message"] == "one"


def test_settle_without_time_says_whether_the_node_rests(nightbus: Nightbus) -> None:
    resources = {name: one for name, one in TEMPLATE["Resources"].items() if name != "Hourly"}
    nightbus.deploy({**TEMPLATE, "Resources": resources})
    for _ in range(5):
        nightbus.settle(timeout=0)
    nightbus.client("lambda").invoke(
        FunctionName=nightbus.arn_of("Worker"), InvocationType="Event", Payload='{"detail": {"sleeps": 1}}'
    )
    with pytest.raises(NotSettled, match="running function"):
        nightbus.settle(timeout=0)
    nightbus.settle()


def test_a_failing_run_is_logged_at_the_time_of_the_test(nightbus: Nightbus) -> None:
    resources = {name: one for name, one in TEMPLATE["Resources"].items() if name != "Hourly"}
    nightbus.deploy({**TEMPLATE, "Resources": resources})
    nightbus.clock.advance("3d")
    with pytest.raises(AssertionError, match="AttributeError"):
        nightbus.invoke("Worker", ["no event"])
    name = nightbus.arn_of("Worker").rpartition(":")[2]
    found = nightbus.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    assert any("[ERROR]" in event["message"] for event in found)
    assert {event["timestamp"] for event in found} == {int(nightbus.clock.now().timestamp() * 1000)}
