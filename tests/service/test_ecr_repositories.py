"""ECR by boto3 and by a stack: repositories are made, changed and deleted; images are refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

import aws_refusals

Clients = Callable[..., Any]
RULE: dict[str, Any] = {
    "rulePriority": 1,
    "description": "untagged images go after a year",
    "selection": {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": 365,
    },
    "action": {"type": "expire"},
}
LIFECYCLE = json.dumps({"rules": [RULE]})


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
    """Code and message."""
    code, _, message = aws_refusals.refusal(call, **params)
    return code, message


def policy(account: str) -> dict[str, Any]:
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "ecr:DescribeImages"}],
    }


@pytest.fixture
def ecr(client: Clients) -> Any:
    return client("ecr")


@pytest.fixture
def name(ecr: Any) -> str:
    made = f"team/images-{uuid4().hex[:8]}"
    ecr.create_repository(repositoryName=made)
    return made


def test_a_repository_is_described_as_it_was_made(ecr: Any) -> None:
    name = f"shop-{uuid4().hex[:8]}"
    made = ecr.create_repository(
        repositoryName=name,
        imageTagMutability="IMMUTABLE",
        imageScanningConfiguration={"scanOnPush": True},
        tags=[{"Key": "team", "Value": "shop"}],
    )["repository"]
    assert made["repositoryUri"] == f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{name}"
    (shown,) = ecr.describe_repositories(repositoryNames=[name])["repositories"]
    assert shown == made
    assert shown["imageTagMutability"] == "IMMUTABLE"
    assert shown["encryptionConfiguration"] == {"encryptionType": "AES256"}
    arn = shown["repositoryArn"]
    ecr.tag_resource(resourceArn=arn, tags=[{"Key": "stage", "Value": "test"}])
    ecr.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert ecr.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "stage", "Value": "test"}]
    assert ecr.delete_repository(repositoryName=name)["repository"] == made
    said = f"The repository with name '{name}' does not exist in the registry with id '000000000000'"
    assert refusal(ecr.describe_repositories, repositoryNames=[name]) == ("RepositoryNotFoundException", said)


def test_pages_hold_every_repository_once(ecr: Any, name: str) -> None:
    names = [f"{name}/{number}" for number in range(5)]
    for one in names:
        ecr.create_repository(repositoryName=one)
    pages = ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 2})
    found = [one["repositoryName"] for page in pages for one in page["repositories"]]
    assert len(found) == len(set(found))
    assert set(names) <= set(found)


def test_settings_and_policies_are_changed_and_go(ecr: Any, name: str) -> None:
    ecr.put_image_tag_mutability(
        repositoryName=name,
        imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "dev-*"}],
    )
    ecr.put_image_scanning_configuration(repositoryName=name, imageScanningConfiguration={"scanOnPush": True})
    (shown,) = ecr.describe_repositories(repositoryNames=[name])["repositories"]
    assert shown["imageTagMutabilityExclusionFilters"] == [{"filterType": "WILDCARD", "filter": "dev-*"}]
    assert shown["imageScanningConfiguration"] == {"scanOnPush": True}
    assert refusal(ecr.get_lifecycle_policy, repositoryName=name)[0] == "LifecyclePolicyNotFoundException"
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=LIFECYCLE)
    assert ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"] == LIFECYCLE
    assert ecr.delete_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"] == LIFECYCLE
    assert refusal(ecr.get_repository_policy, repositoryName=name)[0] == "RepositoryPolicyNotFoundException"
    text = json.dumps(policy("111111111111"))
    ecr.set_repository_policy(repositoryName=name, policyText=text)
    assert ecr.get_repository_policy(repositoryName=name)["policyText"] == text
    ecr.delete_repository_policy(repositoryName=name)
    assert (
        refusal(ecr.delete_repository_policy, repositoryName=name)[0] == "RepositoryPolicyNotFoundException"
    )


def test_what_is_wrong_is_refused(ecr: Any, name: str) -> None:
    assert refusal(ecr.create_repository, repositoryName=name)[0] == "RepositoryAlreadyExistsException"
    for text in ("{}", json.dumps({"Statement": []}), "no JSON"):
        code, said = refusal(ecr.set_repository_policy, repositoryName=name, policyText=text)
        assert (code, "Invalid repository policy provided" in said) == ("InvalidParameterException", True)
    doubled = json.dumps({"rules": [RULE, RULE]})
    code, said = refusal(ecr.put_lifecycle_policy, repositoryName=name, lifecyclePolicyText=doubled)
    assert (code, "rulePriority must be unique" in said) == ("InvalidParameterException", True)
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    arn = f"arn:aws:ecr:us-east-1:000000000000:repository/{name}"
    assert refusal(ecr.tag_resource, resourceArn=arn, tags=twice)[0] == "InvalidTagParameterException"
    many = [{"Key": f"k{number}", "Value": ""} for number in range(51)]
    assert refusal(ecr.tag_resource, resourceArn=arn, tags=many)[0] == "TooManyTagsException"
    assert refusal(ecr.list_tags_for_resource, resourceArn="nonsense")[0] == "InvalidParameterException"
    assert refusal(ecr.describe_repositories, nextToken="forged")[0] == "InvalidParameterException"


def test_there_are_no_images_and_none_can_be_pushed(ecr: Any, name: str) -> None:
    assert ecr.list_images(repositoryName=name)["imageIds"] == []
    assert ecr.describe_images(repositoryName=name)["imageDetails"] == []
    code, said = refusal(ecr.describe_images, repositoryName=name, imageIds=[{"imageTag": "v1"}])
    assert (code, "imageTag:'v1'" in said) == ("ImageNotFoundException", True)
    (missing,) = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": "v1"}])["failures"]
    assert missing["failureCode"] == "ImageNotFound"
    for refused in (
        refusal(ecr.get_authorization_token),
        refusal(ecr.initiate_layer_upload, repositoryName=name),
        refusal(ecr.put_image, repositoryName=name, imageManifest="{}"),
    ):
        assert refused[0] == "NotImplementedException"
        assert "it keeps repositories, but no container images" in refused[1]


def test_another_account_needs_the_policy(client: Clients, ecr: Any, name: str) -> None:
    other = client("ecr", account="111111111111")
    asked = {"registryId": "000000000000", "repositoryName": name}
    assert refusal(other.describe_images, **asked)[0] == "AccessDeniedException"
    ecr.set_repository_policy(repositoryName=name, policyText=json.dumps(policy("111111111111")))
    assert other.describe_images(**asked)["imageDetails"] == []
    assert refusal(other.delete_repository, **asked)[0] == "AccessDeniedException"


def template(mutability: str, **properties: Any) -> str:
    repository = {
        "Type": "AWS::ECR::Repository",
        "Properties": {
            "ImageTagMutability": mutability,
            "Tags": [{"Key": "team", "Value": mutability}],
            **properties,
        },
    }
    outputs = {
        "Name": {"Value": {"Ref": "Images"}},
        "Arn": {"Value": {"Fn::GetAtt": ["Images", "Arn"]}},
        "Uri": {"Value": {"Fn::GetAtt": ["Images", "RepositoryUri"]}},
    }
    return json.dumps({"Resources": {"Images": repository}, "Outputs": outputs})


def test_a_stack_makes_changes_replaces_and_deletes_one(client: Clients, ecr: Any) -> None:
    stacks, name = client("cloudformation"), f"Images-{uuid4().hex[:8]}"

    def outputs() -> dict[str, str]:
        (stack,) = stacks.describe_stacks(StackName=name)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    first = template(
        "MUTABLE",
        LifecyclePolicy={"LifecyclePolicyText": LIFECYCLE},
        RepositoryPolicyText=policy("111111111111"),
        ImageScanningConfiguration={"ScanOnPush": "true"},
    )
    stacks.create_stack(StackName=name, TemplateBody=first)
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    made = outputs()
    assert made["Name"].startswith(name.lower())
    assert made["Uri"].endswith(f"/{made['Name']}")
    assert ecr.get_lifecycle_policy(repositoryName=made["Name"])["lifecyclePolicyText"] == LIFECYCLE
    stacks.update_stack(StackName=name, TemplateBody=template("IMMUTABLE"))
    stacks.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert outputs() == made
    (shown,) = ecr.describe_repositories(repositoryNames=[made["Name"]])["repositories"]
    assert (shown["imageTagMutability"], shown["imageScanningConfiguration"]["scanOnPush"]) == (
        "IMMUTABLE",
        False,
    )
    assert refusal(ecr.get_repository_policy, repositoryName=made["Name"])[0].startswith(
        "RepositoryPolicyNot"
    )
    tags = ecr.list_tags_for_resource(resourceArn=made["Arn"])["tags"]
    assert {"Key": "team", "Value": "IMMUTABLE"} in tags
    stacks.update_stack(
        StackName=name, TemplateBody=template("IMMUTABLE", RepositoryName=f"own-{name.lower()}")
    )
    stacks.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert outputs()["Name"] == f"own-{name.lower()}"
    assert refusal(ecr.describe_repositories, repositoryNames=[made["Name"]])[0].startswith("RepositoryNot")
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert refusal(ecr.describe_repositories, repositoryNames=[f"own-{name.lower()}"])[0].startswith(
        "Repository"
    )
