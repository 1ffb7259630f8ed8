"""A company's developer, whose user may deploy the shop and nothing else, by the real `sam` and `aws`.

The user's policy is the one by which AWS's documentation lets a user deploy a serverless application, narrowed to the
names of one application, with what its rule, its inline policies and its logs need:
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-permissions-cloudformation.html
The tests are one session: they run in this order, each on what the ones before it left.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from tools import run_tool

from nodes import RunningNode
from shop import Shop, plain
from waiting import wait_for

ACCOUNT, REGION = "000000000000", "us-east-1"
STACK, BUCKET = "shop-dev", "shop-artefacts"
EXECUTION_ROLE = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
LAMBDA, LOGS = f"arn:aws:lambda:{REGION}:{ACCOUNT}", f"arn:aws:logs:{REGION}:{ACCOUNT}"
ROLES, RULES = f"arn:aws:iam::{ACCOUNT}:role/shop-*", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/shop-*"


def allow(actions: str, *resources: str, **condition: dict[str, str]) -> dict[str, Any]:
    """Return a statement. `actions` are of the service that the first word names."""
    service, *names = actions.split()
    more = {"Condition": condition} if condition else {}
    return {
        "Effect": "Allow",
        "Action": [f"{service}:{name}" for name in names],
        "Resource": resources,
        **more,
    }


CLOUDFORMATION = [
    allow("cloudformation CreateChangeSet", "arn:aws:cloudformation:*:aws:transform/Serverless-2016-10-31"),
    allow(
        "cloudformation CreateChangeSet CreateStack DeleteStack DescribeChangeSet DescribeStackEvents DescribeStacks "
        "ExecuteChangeSet GetTemplateSummary ListStackResources UpdateStack DescribeStackResource",
        f"arn:aws:cloudformation:*:{ACCOUNT}:stack/shop-*",
    ),
    allow("s3 GetObject PutObject", f"arn:aws:s3:::{BUCKET}/*"),
]
LOGS_AND_CALLS = [
    allow("logs FilterLogEvents", f"{LOGS}:log-group:/aws/lambda/shop-*"),
    allow("lambda InvokeFunction", f"{LAMBDA}:function:shop-*"),
]
RESOURCES = [
    allow(
        "lambda AddPermission CreateFunction DeleteFunction GetFunction GetFunctionConfiguration ListTags "
        "RemovePermission TagResource UntagResource UpdateFunctionCode UpdateFunctionConfiguration",
        f"{LAMBDA}:function:shop-*",
    ),
    allow(
        "iam CreateRole DeleteRole GetRole TagRole PutRolePolicy DeleteRolePolicy GetRolePolicy ListRolePolicies "
        "ListAttachedRolePolicies",
        ROLES,
    ),
    allow("iam AttachRolePolicy DetachRolePolicy", ROLES, ArnEquals={"iam:PolicyARN": EXECUTION_ROLE}),
    allow("iam PassRole", ROLES, StringEquals={"iam:PassedToService": "lambda.amazonaws.com"}),
    allow(
        "events PutRule DeleteRule DescribeRule PutTargets RemoveTargets ListTargetsByRule TagResource", RULES
    ),
]


def trust(service: str) -> dict[str, Any]:
    principal = {"Service": f"{service}.amazonaws.com"}
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}],
    }


POWER = {
    "AssumeRolePolicyDocument": trust("lambda"),
    "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"],
}
BEYOND: dict[str, tuple[dict[str, Any], str]] = {
    "queue": ({"Type": "AWS::SQS::Queue"}, "sqs:"),
    "power": ({"Type": "AWS::IAM::Role", "Properties": POWER}, "iam:AttachRolePolicy"),
}


def user(node: RunningNode, name: str, *statements: dict[str, Any]) -> dict[str, str]:
    """Make a user with one managed policy, and return the variables with its access key."""
    iam = node.client("iam")
    iam.create_user(UserName=name)
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    policy = iam.create_policy(PolicyName=f"deploys-as-{name}", PolicyDocument=document)["Policy"]
    iam.attach_user_policy(UserName=name, PolicyArn=policy["Arn"])
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


@pytest.fixture(scope="module")
def shop(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    node.client("s3").create_bucket(Bucket=BUCKET)
    shop = Shop.set_up(node, tmp_path_factory.mktemp("company") / "shop")
    shop.stack = STACK
    shop.keys = user(node, "developer", *CLOUDFORMATION, *RESOURCES, *LOGS_AND_CALLS)
    run_tool(node, ["sam", "build"], shop.folder, {}, seconds=120)
    return shop


def deploy(shop: Shop, stack: str, *options: str, check: bool = True) -> str:
    command = [
        "sam", "deploy", "--stack-name", stack, "--s3-bucket", BUCKET, "--capabilities", "CAPABILITY_IAM",
        "--no-confirm-changeset", "--no-progressbar", *options,
    ]  # fmt: skip
    done = shop.run(*command, check=False)
    said = plain(done.stdout + done.stderr)
    assert (done.returncode == 0) is check, said
    return said


def test_the_developer_deploys_and_calls_the_shop_and_sees_its_logs(shop: Shop) -> None:
    assert f"Successfully created/updated stack - {STACK} in {REGION}" in deploy(shop, STACK)
    assert "putting an order onto the bus" in shop.place_order()
    wait_for(lambda: '"detail-type": "order"' in logs(shop, "invoiceServiceFunction"))
    terminal = shop.spawn("sam", "logs", "--name", "invoiceServiceFunction", "--stack-name", STACK, "--tail")
    shop.place_order('{"item": "late tea"}')
    terminal.expect("late tea")
    terminal.sendintr()
    terminal.close()


def logs(shop: Shop, name: str) -> str:
    return shop.text("sam", "logs", "--name", name, "--stack-name", STACK)


def test_a_change_of_the_code_is_an_update(shop: Shop) -> None:
    source = shop.folder / ".aws-sam" / "build" / "orderServiceFunction" / "app.py"
    source.write_text(source.read_text().replace("putting an order", "laying an order"))
    assert "Successfully created/updated" in deploy(shop, STACK)
    assert "laying an order onto the bus" in shop.place_order()


def test_other_stacks_functions_and_users_are_refused(shop: Shop) -> None:
    refused = f"User: arn:aws:iam::{ACCOUNT}:user/developer is not authorized to perform: "
    assert f"{refused}cloudformation:" in deploy(shop, "billing", check=False)
    for command in (
        ("lambda", "invoke", "--function-name", "billing", "out"),
        ("iam", "create-access-key", "--user-name", "developer"),
        (
            "iam",
            "put-user-policy",
            "--user-name",
            "developer",
            "--policy-name",
            "all",
            "--policy-document",
            "{}",
        ),
        ("s3api", "list-objects-v2", "--bucket", BUCKET),
        (
            "sts",
            "assume-role",
            "--role-arn",
            f"arn:aws:iam::{ACCOUNT}:role/shop-x",
            "--role-session-name",
            "me",
        ),
    ):
        done = shop.run("aws", *command, check=False)
        assert refused in done.stderr, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(BEYOND))
def test_a_resource_beyond_the_policy_fails_and_is_rolled_back(shop: Shop, name: str) -> None:
    """CloudFormation makes resources with the developer's own rights: neither a queue nor a powerful role."""
    resource, missing = BEYOND[name]
    stack = f"shop-{name}"
    create_stack(shop, stack, {"Resources": {"It": resource}})
    failed = shop.run(
        "aws", "cloudformation", "wait", "stack-create-complete", "--stack-name", stack, check=False
    )
    assert "ROLLBACK_COMPLETE" in failed.stderr
    events = shop.aws("cloudformation", "describe-stack-events", "--stack-name", stack)["StackEvents"]
    (reason,) = [
        event["ResourceStatusReason"] for event in events if event["ResourceStatus"] == "CREATE_FAILED"
    ]
    assert f"user/developer is not authorized to perform: {missing}" in reason
    delete(shop, stack)


def create_stack(shop: Shop, stack: str, template: dict[str, Any], *options: str) -> str:
    """Return what `aws` says of an error."""
    command = [
        "aws",
        "cloudformation",
        "create-stack",
        "--stack-name",
        stack,
        "--capabilities",
        "CAPABILITY_IAM",
    ]
    return shop.run(*command, "--template-body", json.dumps(template), *options, check=False).stderr


def test_a_developer_without_rights_to_resources_deploys_by_a_service_role(shop: Shop) -> None:
    """The stack works as the role, which the developer may pass to CloudFormation, and to nobody else."""
    iam = shop.node.client("iam")
    roles = {}
    for name in ("deployment", "administration"):
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust("cloudformation")))
        roles[name] = role["Role"]["Arn"]
    reads = allow("s3 GetObject", f"arn:aws:s3:::{BUCKET}/*")
    document = json.dumps({"Version": "2012-10-17", "Statement": [*RESOURCES, reads]})
    iam.put_role_policy(RoleName="deployment", PolicyName="makes-the-shop", PolicyDocument=document)
    passes = allow(
        "iam PassRole",
        roles["deployment"],
        StringEquals={"iam:PassedToService": "cloudformation.amazonaws.com"},
    )
    keys = user(shop.node, "junior", *CLOUDFORMATION, passes)
    junior = Shop(shop.node, shop.folder, keys=keys, stack="shop-junior")
    refused = "user/junior is not authorized to perform: "
    said = create_stack(junior, "shop-x", BEYOND["queue"][0], "--role-arn", roles["administration"])
    assert f"{refused}iam:PassRole on resource: {roles['administration']}" in said
    deploy(junior, junior.stack, "--role-arn", roles["deployment"])
    function = junior.function("orderServiceFunction")
    called = junior.run("aws", "lambda", "invoke", "--function-name", function, "out", check=False)
    assert f"{refused}lambda:InvokeFunction" in called.stderr
    delete(junior, junior.stack)


def test_the_developer_deletes_the_stack(shop: Shop) -> None:
    delete(shop, STACK)
    roles = [one["RoleName"] for one in shop.node.client("iam").list_roles()["Roles"]]
    assert not [name for name in roles if name.startswith("shop-")]
    assert shop.node.client("lambda").list_functions()["Functions"] == []


def delete(shop: Shop, stack: str) -> None:
    shop.run("aws", "cloudformation", "delete-stack", "--stack-name", stack)
    shop.run("aws", "cloudformation", "wait", "stack-delete-complete", "--stack-name", stack)
