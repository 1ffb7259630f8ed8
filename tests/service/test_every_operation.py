"""Every operation refuses a user without permission in AWS's words, and one with exactly the permission it does not.

The requests are made out of botocore's models. Most name what does not exist: whether an operation does what is asked
is not tried here, only that permissions are asked for before, and that no more of them are than the tables say. Cloud
Control is not among them: its operations need the rights to what their resource types do.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.identity.needs import Asked
from nightbus.policies.request import Need
from nightbus.services import SERVICES
from nodes import RunningNode
from sample_requests import sample_request
from users import ACCOUNT, User, document, statement

REGION = "us-east-1"
IAM = f"arn:aws:iam::{ACCOUNT}"
ROLE, TOPIC = f"{IAM}:role/mine", f"arn:aws:sns:{REGION}:{ACCOUNT}:mine"
FUNCTION, QUEUE = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:mine", f"arn:aws:sqs:{REGION}:{ACCOUNT}:mine"
TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/mine"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/mine"
CALL = Call(Scope(ACCOUNT, REGION), Caller.root(ACCOUNT), "http://localhost")
TEXT = re.compile(
    r'User: (?P<user>\S+) is not authorized to perform: (?P<action>\S+) (on resource: "?(?P<resource>[^"\s]+)"? )?'
    r"because no (identity|resource)-based policy allows the (?P=action) action"
)
DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "403")
OF_HEAD = ("HeadBucket", "HeadObject")  # answers without a body, and so without a text
VALUES: dict[str, dict[str, Any]] = {
    "cloudformation": {},
    "cloudtrail": {"ResourceId": TRAIL, "ResourceIdList": [TRAIL]},
    "ecr": {"resourceArn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/mine"},
    "events": {"Target": BUS, "ResourceARN": BUS},
    "iam": {"PolicyArn": f"{IAM}:policy/mine", "UserName": "mine"},
    "kms": {},
    "lambda": {"Resource": FUNCTION, "Role": ROLE},
    "logs": {},
    "s3": {},
    "schemas": {"ResourceArn": f"arn:aws:schemas:{REGION}:{ACCOUNT}:registry/mine"},
    "secretsmanager": {},
    "sns": {
        "EndpointArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:endpoint/GCM/mine/1",
        "PlatformApplicationArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:app/GCM/mine",
        "ResourceArn": TOPIC,
        "SubscriptionArn": f"{TOPIC}:1",
        "TopicArn": TOPIC,
    },
    "sqs": {"QueueUrl": f"http://localhost/{ACCOUNT}/mine", "SourceArn": QUEUE, "TaskHandle": "mine"},
    "ssm": {},
    "sts": {"RoleArn": f"{IAM}:role/assumed"},
}


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    trusting = document(statement("sts:AssumeRole", Principal={"AWS": f"{IAM}:root"}))
    running.client("iam").create_role(RoleName="assumed", AssumeRolePolicyDocument=trusting)
    running.client("s3").create_bucket(Bucket="mine")
    running.client("sns").create_topic(Name="mine")
    running.client("sqs").create_queue(QueueName="mine")
    running.client("ecr").create_repository(repositoryName="mine")
    VALUES["kms"]["KeyId"] = running.client("kms").create_key()["KeyMetadata"]["KeyId"]
    yield running
    running.stop()


class Tried:
    """A service with two of its users: one without permissions, and one whose policy changes."""

    def __init__(self, node: RunningNode, service: str) -> None:
        self._iam, self._name = node.client("iam"), f"user-{service}"
        nobody = User(node, f"nobody-{service}")
        self.nobody, self._client_of_nobody = nobody.arn, nobody.client(service)
        self._client = User(node, self._name).client(service)

    def by_nobody(self, operation: str, params: dict[str, Any]) -> dict[str, str]:
        return error_of(self._client_of_nobody, operation, params)

    def with_policy(
        self, operation: str, params: dict[str, Any], *statements: dict[str, Any]
    ) -> dict[str, str]:
        policy = document(*statements)
        self._iam.put_user_policy(UserName=self._name, PolicyName="own", PolicyDocument=policy)
        return error_of(self._client, operation, params)


def error_of(client: Any, operation: str, params: dict[str, Any]) -> dict[str, str]:
    """Return the error, one without a code where there is none."""
    try:
        getattr(client, xform_name(operation))(**params)
    except ClientError as error:
        found = error.response["Error"]
        return {"Code": found["Code"], "Message": found["Message"]}
    return {"Code": "", "Message": ""}


def is_denied(error: dict[str, str]) -> bool:
    return error["Code"] in DENIED and ("not authorized" in error["Message"] or error["Code"] == "403")


def faults(tried: Tried, operation: str, params: dict[str, Any], needed: Sequence[Need]) -> Iterator[str]:
    error = tried.by_nobody(operation, params)
    if not needed:
        if is_denied(error):
            yield f"needs no permission, but: {error}"
        return
    grants = [statement(one.action, one.resource) for one in needed]
    if operation not in OF_HEAD:
        match = TEXT.fullmatch(error["Message"])
        if error["Code"] not in DENIED or match is None:
            yield f"without a permission: {error}"
            return
        if (match["user"], match["action"].lower()) != (tried.nobody, needed[0].action.lower()):
            yield f"another user or action than {needed[0]}: {error}"
        grants[0]["Resource"] = match["resource"] or "*"  # by the path that only the node knows
    error = tried.with_policy(operation, params, *grants)
    if is_denied(error):
        yield f"with {grants}: {error}"
    resource = grants[0]["Resource"]
    others = {"NotAction": needed[0].action, "Resource": "*"}
    if resource != "*":
        others = {"Action": "*", "NotResource": resource}
    error = tried.with_policy(operation, params, {"Effect": "Allow", **others})
    if not is_denied(error):
        yield f"with all but {resource}: {error}"


@pytest.mark.parametrize("service", VALUES)
def test_permissions(node: RunningNode, service: str) -> None:
    package = SERVICES[service]
    actions = importlib.import_module(f"{package}.actions").ACTIONS
    tried, model = Tried(node, service), node.client(service).meta.service_model
    found = []
    for operation in importlib.import_module(package).HANDLERS:
        params = sample_request(model.operation_model(operation), VALUES[service])
        needed = actions[operation](Asked(params, CALL))
        found += [f"{operation} {params}: {one}" for one in faults(tried, operation, params, needed)]
    assert found == [], "\n".join(found)
