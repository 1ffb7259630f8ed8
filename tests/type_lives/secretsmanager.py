"""The lives of the types of Secrets Manager."""

from __future__ import annotations

import json

from type_lives import Drift, Life
from type_lives.lambda_ import OTHER as FUNCTION
from type_lives.lambda_ import ROLE

SECRET = {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": "one"}}
ROTATING = {  # what a rotation needs; nothing is rotated at once, so the function never runs
    "Secret": SECRET,
    "Other": SECRET,
    "Role": ROLE,
    "Function": FUNCTION,
    "Permission": {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": {"Ref": "Function"},
            "Action": "lambda:InvokeFunction",
            "Principal": "secretsmanager.amazonaws.com",
        },
    },
}


def policy(action: str) -> dict[str, object]:
    everybody = {"Effect": "Deny", "Principal": "*", "Resource": "*"}
    return {"Statement": [{**everybody, "Action": f"secretsmanager:{action}"}]}


LIVES = [
    Life(
        "AWS::SecretsManager::ResourcePolicy",
        {"SecretId": {"Ref": "Secret"}, "ResourcePolicy": policy("RestoreSecret")},
        update={"ResourcePolicy": policy("CancelRotateSecret")},
        replacement={"SecretId": {"Ref": "Other"}},
        failing={"ResourcePolicy": {"Statement": "nonsense"}},
        drift=Drift(
            lambda client, id, name: client("secretsmanager").put_resource_policy(
                SecretId=id, ResourcePolicy=json.dumps(policy("RotateSecret"))
            ),
            "/ResourcePolicy/Statement/0/Action",
        ),
        around={"Secret": SECRET, "Other": SECRET},
    ),
    Life(
        "AWS::SecretsManager::RotationSchedule",
        {
            "SecretId": {"Ref": "Secret"},
            "RotationLambdaARN": {"Fn::GetAtt": ["Function", "Arn"]},
            "RotationRules": {"AutomaticallyAfterDays": 30},
            "RotateImmediatelyOnUpdate": False,
        },
        update={"RotationRules": {"AutomaticallyAfterDays": 7}},
        replacement={"SecretId": {"Ref": "Other"}},
        failing={"RotationRules": {"ScheduleExpression": "nonsense"}},
        drift=Drift(
            lambda client, id, name: client("secretsmanager").rotate_secret(
                SecretId=id, RotationRules={"AutomaticallyAfterDays": 99}, RotateImmediately=False
            ),
            "/RotationRules/AutomaticallyAfterDays",
        ),
        around=ROTATING,
        attributes={"DependsOn": "Permission"},
    ),
    Life(
        "AWS::SecretsManager::Secret",
        {"SecretString": "one", "Description": "one", "Tags": [{"Key": "a", "Value": "1"}]},
        update={"SecretString": "two", "Description": "two"},
        replacement={"Name": "NAME-other"},
        failing={"Name": "no name?"},
        drift=Drift(
            lambda client, id, name: client("secretsmanager").update_secret(
                SecretId=id, Description="changed"
            ),
            "/Description",
        ),
    ),
]
