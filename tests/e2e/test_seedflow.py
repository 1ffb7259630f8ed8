"""The session that must always work, row by row, with the real `sam` in a terminal and the real `aws`.

The tests are one session: they run in this order, each on what the ones before it left.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pexpect
import pytest
from botocore.exceptions import ClientError

from nodes import RunningNode
from shop import RUNTIME, Shop, plain
from waiting import wait_for

STACK = "eb-demo"
RESOURCES = {
    "EventRule": "AWS::Events::Rule",
    "PermissionForEventsToInvokeLambda": "AWS::Lambda::Permission",
    "invoiceServiceFunctionRole": "AWS::IAM::Role",
    "invoiceServiceFunction": "AWS::Lambda::Function",
    "orderServiceFunctionRole": "AWS::IAM::Role",
    "orderServiceFunction": "AWS::Lambda::Function",
}
GUIDED = [
    (r"Stack Name\S* \[.*\]: ", STACK),
    (r"AWS Region\S* \[.*\]: ", "us-east-1"),
    (r"Parameter Runtime\S* \[.*\]: ", RUNTIME),
    (r"Confirm changes before deploy\S* \[.*\]: ", "n"),
    (r"Allow SAM CLI IAM role creation\S* \[.*\]: ", "y"),
    (r"Disable rollback\S* \[.*\]: ", "n"),
    (r"Save arguments to configuration file\S* \[.*\]: ", "y"),
    (r"SAM configuration file\S* \[.*\]: ", ""),
    (r"SAM configuration environment\S* \[.*\]: ", ""),
]


@pytest.fixture(scope="module")
def shop(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop.set_up(node, tmp_path_factory.mktemp("shop") / "eb-demo")


def stack_events(shop: Shop) -> list[dict[str, Any]]:
    events = shop.aws("cloudformation", "describe-stack-events", "--stack-name", STACK)["StackEvents"]
    return list(reversed(events))


def test_sam_build(shop: Shop) -> None:
    assert "Build Succeeded" in shop.text("sam", "build")


def test_sam_deploy_guided(shop: Shop) -> None:
    terminal = shop.spawn("sam", "deploy", "--guided")
    for prompt, reply in GUIDED:
        terminal.expect(prompt)
        terminal.sendline(reply)
    terminal.expect(pexpect.EOF)
    terminal.close()
    transcript = plain(terminal.before or "")
    shop.seen["deploy"] = transcript
    assert terminal.exitstatus == 0, transcript
    assert "Managed S3 bucket: aws-sam-cli-managed-default-samclisourcebucket-" in transcript
    assert f"Successfully created/updated stack - {STACK} in us-east-1" in transcript
    assert (shop.folder / "samconfig.toml").exists()


def test_artefacts_were_uploaded(shop: Shop) -> None:
    transcript = shop.seen["deploy"]
    assert re.search(r"Uploading to eb-demo/[0-9a-f]{32}(\.template)?\s+\d+ / \d+\s+\(100\.00%\)", transcript)
    bucket = re.search(r"Managed S3 bucket: (\S+)", transcript)
    assert bucket
    keys = [entry["Key"] for entry in shop.aws("s3api", "list-objects-v2", "--bucket", bucket[1])["Contents"]]
    assert any(key.endswith(".template") for key in keys)
    assert shop.aws("s3api", "get-bucket-versioning", "--bucket", bucket[1])["Status"] == "Enabled"


def test_the_change_set_table_has_six_rows(shop: Shop) -> None:
    rows = re.findall(r"^\+ Add\s+(\w+)\s+(AWS::\S+)\s+N/A\s*$", shop.seen["deploy"], re.MULTILINE)
    assert dict(rows) == RESOURCES
    assert len(rows) == len(RESOURCES)


def test_stack_events_as_on_aws(shop: Shop) -> None:
    events = stack_events(shop)
    for logical_id in RESOURCES:
        mine = [event for event in events if event["LogicalResourceId"] == logical_id]
        assert [(event["ResourceStatus"], event.get("ResourceStatusReason")) for event in mine] == [
            ("CREATE_IN_PROGRESS", None),
            ("CREATE_IN_PROGRESS", "Resource creation Initiated"),
            ("CREATE_COMPLETE", None),
        ]
    assert events[-1]["ResourceStatus"] == "CREATE_COMPLETE"
    assert events[-1]["LogicalResourceId"] == STACK
    shown = re.findall(r"^(CREATE_\w+)\s+AWS::\S+\s+(\S+)", shop.seen["deploy"], re.MULTILINE)
    assert {("CREATE_COMPLETE", name) for name in [*RESOURCES, STACK]} <= set(shown)


def test_four_outputs(shop: Shop) -> None:
    stack = shop.aws("cloudformation", "describe-stacks", "--stack-name", STACK)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert set(outputs) == {
        "orderServiceFunction",
        "orderServiceFunctionIamRole",
        "invoiceServiceFunction",
        "invoiceServiceFunctionIamRole",
    }
    assert re.fullmatch(
        r"arn:aws:lambda:us-east-1:000000000000:function:eb-demo-orderServiceFunction-\w{12}",
        outputs["orderServiceFunction"],
    )
    assert re.fullmatch(
        r"arn:aws:iam::000000000000:role/eb-demo-orderServiceFunctionRole-\w{12}",
        outputs["orderServiceFunctionIamRole"],
    )
    for key, value in outputs.items():
        assert re.search(rf"Key\s+{key}\s*$", shop.seen["deploy"], re.MULTILINE)
        assert value in shop.seen["deploy"].replace("\n", "").replace(" ", "") or value in shop.seen["deploy"]


def test_no_log_groups_before_anything_ran(shop: Shop) -> None:
    assert shop.aws("logs", "describe-log-groups")["logGroups"] == []


def test_invoke_shows_the_log_tail(shop: Shop) -> None:
    tail = shop.place_order('{"item": "first"}')
    start, *lines, end, report = tail.splitlines()
    request_id = re.fullmatch(r"START RequestId: ([0-9a-f-]{36}) Version: \$LATEST", start)
    assert request_id
    assert "putting an order onto the bus" in lines
    assert any('"FailedEntryCount": 0' in line for line in lines)
    assert end == f"END RequestId: {request_id[1]}"
    assert re.fullmatch(
        rf"REPORT RequestId: {request_id[1]}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB"
        r"\tMax Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t?",
        report,
    )
    shop.seen["event"] = shop.answer()["eventId"]
    warm = shop.place_order('{"item": "second"}')
    assert "Init Duration" not in warm


def test_both_log_groups_are_there_after(shop: Shop) -> None:
    wanted = {
        f"/aws/lambda/{shop.function(name)}" for name in ("orderServiceFunction", "invoiceServiceFunction")
    }

    def groups() -> set[str]:
        return {group["logGroupName"] for group in shop.aws("logs", "describe-log-groups")["logGroups"]}

    wait_for(lambda: groups() == wanted)


def test_the_invoice_function_saw_the_whole_envelope(shop: Shop) -> None:
    group = f"/aws/lambda/{shop.function('invoiceServiceFunction')}"
    streams = shop.aws("logs", "describe-log-streams", "--log-group-name", group)["logStreams"]
    name = streams[0]["logStreamName"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", name)
    events = shop.aws("logs", "get-log-events", "--log-group-name", group, "--log-stream-name", name)[
        "events"
    ]
    envelopes = [json.loads(event["message"]) for event in events if event["message"].startswith("{")]
    envelope = next(found for found in envelopes if found["id"] == shop.seen["event"])
    assert set(envelope) == {
        "version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail",
    }  # fmt: skip
    assert envelope["source"] == "demo.orders"
    assert envelope["detail"] == {"state": "created", "order": {"item": "first"}}


def test_sam_logs_tail_shows_the_next_order_as_it_comes(shop: Shop) -> None:
    terminal = shop.spawn("sam", "logs", "--name", "invoiceServiceFunction", "--stack-name", STACK, "--tail")
    terminal.expect("first")
    marker = "tailed-order"
    shop.place_order(json.dumps({"item": marker}))
    terminal.expect(marker, timeout=30)  # some two seconds on a quiet machine: sam asks once a second
    for _ in range(
        5
    ):  # sam may be at a place where it takes no notice of a Ctrl-C, and may then never take any
        terminal.sendintr()
        if terminal.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=3) == 0:
            break
    terminal.close(force=True)


def test_an_event_of_another_source_does_not_arrive_and_the_node_says_why(shop: Shop) -> None:
    shop.place_order(json.dumps({"item": "lost", "source": "demo.order"}))
    event_id = shop.answer()["eventId"]
    shop.place_order(json.dumps({"item": "after the lost one"}))
    wait_for(lambda: any("after the lost one" in line for line in shop.invoice_lines()))
    assert not any(event_id in line for line in shop.invoice_lines())
    explained = shop.text("nightbus", "explain", event_id, "--port", str(shop.node.port))
    assert "demo.orders" in explained
    assert "one character short" in explained


def test_without_the_permission_the_failed_delivery_is_visible(shop: Shop) -> None:
    function = shop.function("invoiceServiceFunction")
    policy = json.loads(shop.aws("lambda", "get-policy", "--function-name", function)["Policy"])
    statement = policy["Statement"][0]
    shop.aws("lambda", "remove-permission", "--function-name", function, "--statement-id", statement["Sid"])
    shop.place_order('{"item": "forbidden"}')
    event_id = shop.answer()["eventId"]

    def explained() -> str:
        return shop.text("nightbus", "explain", event_id, "--port", str(shop.node.port))

    assert wait_for(lambda: "AccessDenied" in explained() and explained())
    assert not any(event_id in line for line in shop.invoice_lines())
    assert any(event_id in line for line in shop.node.output)
    shop.aws(
        "lambda", "add-permission", "--function-name", function, "--statement-id", statement["Sid"],
        "--action", "lambda:InvokeFunction", "--principal", "events.amazonaws.com",
        "--source-arn", statement["Condition"]["ArnLike"]["AWS:SourceArn"],
    )  # fmt: skip
    shop.place_order('{"item": "allowed again"}')
    wait_for(lambda: any("allowed again" in line for line in shop.invoice_lines()))


def test_sam_deploy_again_has_no_changes(shop: Shop) -> None:
    again = shop.run("sam", "deploy", check=False)
    assert "No changes to deploy" in plain(again.stdout + again.stderr)


def test_changed_code_is_one_modify_row_and_runs(shop: Shop) -> None:
    source = shop.folder / "invoice" / "app.py"
    source.write_text(
        source.read_text().replace("print(json.dumps(event))", 'print("version two", json.dumps(event))')
    )
    shop.run("sam", "build")
    deployed = shop.text("sam", "deploy")
    rows = re.findall(
        r"^([*+-]) (Add|Modify|Delete)\s+(\w+)\s+(AWS::\S+)\s+(\w+)\s*$", deployed, re.MULTILINE
    )
    assert rows == [("*", "Modify", "invoiceServiceFunction", "AWS::Lambda::Function", "False")]
    assert "UPDATE_COMPLETE" in deployed
    shop.place_order('{"item": "for version two"}')
    wait_for(lambda: any(line.startswith("version two") for line in shop.invoice_lines()))


def test_sam_remote_invoke(shop: Shop) -> None:
    output = shop.text(
        "sam", "remote", "invoke", "orderServiceFunction", "--stack-name", STACK, "--event", "{}"
    )
    assert "eventId" in output
    assert "REPORT RequestId" in output


def test_sam_list_resources(shop: Shop) -> None:
    listed = json.loads(
        shop.run("sam", "list", "resources", "--stack-name", STACK, "--output", "json").stdout
    )
    assert {entry["LogicalResourceId"] for entry in listed} == set(RESOURCES)
    functions = {entry["LogicalResourceId"]: entry["PhysicalResourceId"] for entry in listed}
    assert functions["orderServiceFunction"] == shop.function("orderServiceFunction")


def test_sam_list_stack_outputs(shop: Shop) -> None:
    listed = json.loads(
        shop.run("sam", "list", "stack-outputs", "--stack-name", STACK, "--output", "json").stdout
    )
    assert len(listed) == 4


def test_sam_list_endpoints(shop: Shop) -> None:
    listed = json.loads(
        shop.run("sam", "list", "endpoints", "--stack-name", STACK, "--output", "json").stdout
    )
    assert {entry["LogicalResourceId"] for entry in listed} == {
        "orderServiceFunction",
        "invoiceServiceFunction",
    }


def test_sam_delete_leaves_nothing(shop: Shop) -> None:
    shop.run("sam", "delete", "--stack-name", STACK, "--region", "us-east-1", "--no-prompts")
    client = shop.node.client
    assert client("lambda").list_functions()["Functions"] == []
    assert client("events").list_rules()["Rules"] == []
    assert client("iam").list_roles()["Roles"] == []
    with pytest.raises(ClientError, match="does not exist"):
        client("cloudformation").describe_stacks(StackName=STACK)
    for bucket in client("s3").list_buckets()["Buckets"]:
        assert not client("s3").list_objects_v2(Bucket=bucket["Name"], Prefix=f"{STACK}/").get("Contents")


def test_the_log_groups_of_the_functions_stay(shop: Shop) -> None:
    """As on AWS: a function's log group is nobody's resource, so that its logs outlive it."""
    assert len(shop.aws("logs", "describe-log-groups")["logGroups"]) == 2
