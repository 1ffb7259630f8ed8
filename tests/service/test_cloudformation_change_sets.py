"""Change sets by boto3: what they show, that only one of two is carried out, and where templates come from."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

Client = Callable[..., Any]


@pytest.fixture
def cloudformation(client: Client) -> Any:
    return client("cloudformation")


@pytest.fixture
def name() -> str:
    return f"changes-{uuid4().hex[:8]}"


def group(days: int = 7, **properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": days, **properties}}


def template(**resources: Any) -> str:
    return json.dumps({"Resources": resources})


def propose(cloudformation: Any, name: str, kind: str, **params: Any) -> dict[str, Any]:
    """The described change set, once it is made."""
    made = cloudformation.create_change_set(
        StackName=name, ChangeSetName=f"c{uuid4().hex}", ChangeSetType=kind, **params
    )
    return dict(cloudformation.describe_change_set(ChangeSetName=made["Id"], StackName=name))


def execute(cloudformation: Any, change_set: dict[str, Any]) -> str:
    cloudformation.execute_change_set(ChangeSetName=change_set["ChangeSetId"])
    waiter = (
        "stack_create_complete" if change_set["Changes"][0]["ResourceChange"]["Action"] == "Add" else None
    )
    waiting = cloudformation.get_waiter(waiter or "stack_update_complete")
    waiting.wait(StackName=change_set["StackName"], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    (stack,) = cloudformation.describe_stacks(StackName=change_set["StackName"])["Stacks"]
    return str(stack["StackStatus"])


def test_a_change_set_creates_then_changes_then_finds_nothing(cloudformation: Any, name: str) -> None:
    first = propose(cloudformation, name, "CREATE", TemplateBody=template(A=group(), B=group()))
    assert (first["Status"], first["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert [one["ResourceChange"]["Action"] for one in first["Changes"]] == ["Add", "Add"]
    (reviewed,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    assert reviewed["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert execute(cloudformation, first) == "CREATE_COMPLETE"

    changed = template(A=group(14), B=group(LogGroupName=f"/{name}"))
    second = propose(cloudformation, name, "UPDATE", TemplateBody=changed)
    found = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in second["Changes"]}
    assert (found["A"]["Action"], found["A"]["Replacement"]) == ("Modify", "False")
    assert found["A"]["Details"][0]["Target"]["Name"] == "RetentionInDays"
    assert found["B"]["Replacement"] == "True"
    assert execute(cloudformation, second) == "UPDATE_COMPLETE"

    third = propose(cloudformation, name, "UPDATE", TemplateBody=changed)
    assert (third["Status"], third["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert third["StatusReason"] == (
        "The submitted information didn't contain changes. Submit different information to create a change set."
    )
    with pytest.raises(ClientError) as error:
        cloudformation.execute_change_set(ChangeSetName=third["ChangeSetId"])
    assert error.value.response["Error"] == {
        "Type": "Sender",
        "Code": "InvalidChangeSetStatus",
        "Message": f"ChangeSet [{third['ChangeSetId']}] cannot be executed in its current status of [FAILED]",
    }
    cloudformation.delete_stack(StackName=name)


def test_of_two_deploys_at_once_one_is_refused_and_changes_nothing(
    cloudformation: Any, client: Client, name: str
) -> None:
    execute(cloudformation, propose(cloudformation, name, "CREATE", TemplateBody=template(A=group())))
    sets = [
        propose(cloudformation, name, "UPDATE", TemplateBody=template(A=group(days), B=group(days)))
        for days in (14, 30)
    ]
    start, answers = threading.Barrier(2), []

    def deploy(change_set: dict[str, Any]) -> None:
        own = client("cloudformation")
        start.wait()
        try:
            own.execute_change_set(ChangeSetName=change_set["ChangeSetId"])
            answers.append("accepted")
        except ClientError as error:
            answers.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=deploy, args=(one,)) for one in sets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers)[-1] == "accepted"
    assert sorted(answers)[0] in ("InvalidChangeSetStatus", "ValidationError")
    waiter = cloudformation.get_waiter("stack_update_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    groups = client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert len(groups) == 2 and len({one["retentionInDays"] for one in groups}) == 1
    cloudformation.delete_stack(StackName=name)


def test_a_template_may_lie_in_a_bucket(cloudformation: Any, client: Client, name: str) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="some/template.json", Body=template(A=group()).encode())
    here = f"{s3.meta.endpoint_url}/{name}/some/template.json"
    for url in (here, f"https://s3.amazonaws.com/{name}/some/template.json",
                f"https://{name}.s3.us-east-1.amazonaws.com/some/template.json"):  # fmt: skip
        summary = cloudformation.get_template_summary(TemplateURL=url)
        assert summary["ResourceTypes"] == ["AWS::Logs::LogGroup"]
    with pytest.raises(ClientError, match="S3 error: The specified key does not exist"):
        cloudformation.validate_template(TemplateURL=f"https://s3.amazonaws.com/{name}/other")


def test_a_wrong_sam_template_fails_the_change_set(cloudformation: Any, name: str) -> None:
    body = json.dumps(
        {
            "Transform": "AWS::Serverless-2016-10-31",
            "Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "s3://b/k"}}},
        }
    )
    failed = propose(
        cloudformation,
        name,
        "CREATE",
        TemplateBody=body,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    assert failed["Status"] == "FAILED"
    assert failed["StatusReason"].startswith(
        "Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application Specification document. "
        "Number of errors found: 1. Resource with id [F] is invalid."
    )
    with pytest.raises(ClientError, match=r"Requires capabilities : \[CAPABILITY_AUTO_EXPAND\]"):
        cloudformation.create_stack(
            StackName=f"{name}-direct", TemplateBody=body, Capabilities=["CAPABILITY_IAM"]
        )
    cloudformation.delete_stack(StackName=name)


def test_change_sets_are_listed_deleted_and_refused(cloudformation: Any, name: str) -> None:
    made = propose(cloudformation, name, "CREATE", TemplateBody=template(A=group()))
    listed = cloudformation.list_change_sets(StackName=name)["Summaries"]
    assert [one["ChangeSetName"] for one in listed] == [made["ChangeSetName"]]
    cloudformation.delete_change_set(ChangeSetName=made["ChangeSetName"], StackName=name)
    with pytest.raises(ClientError) as error:
        cloudformation.describe_change_set(ChangeSetName=made["ChangeSetName"], StackName=name)
    assert error.value.response["Error"]["Code"] == "ChangeSetNotFound"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    with pytest.raises(ClientError, match=r"Stack \[no-such-stack\] does not exist"):
        propose(cloudformation, "no-such-stack", "UPDATE", TemplateBody=template(A=group()))
    with pytest.raises(ClientError, match="ResourcesToImport must be specified"):
        propose(cloudformation, name, "IMPORT", TemplateBody=template(A=group()))
    cloudformation.delete_stack(StackName=name)
