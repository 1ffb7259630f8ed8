"""What the operations of AWS Lambda need."""

from __future__ import annotations

from typing import Any

import pytest

from actions_rig import ACCOUNT, OTHER, REGION, keys, needed, pairs

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
LAYER = f"arn:aws:lambda:{REGION}:{OTHER}:layer:l:3"


@pytest.mark.parametrize(
    ("name", "qualifier", "resource"),
    [
        ("f", {}, "function:f"),
        ("f:live", {}, "function:f:live"),
        ("f", {"Qualifier": "live"}, "function:f:live"),
        ("f", {"Qualifier": "$LATEST"}, "function:f:$LATEST"),
        ("function:f", {}, "function:f"),
        (f"{ACCOUNT}:function:f", {}, "function:f"),
        (f"{ACCOUNT}:f:7", {}, "function:f:7"),
        (ARN, {}, "function:f"),
        (f"{ARN}:live", {}, "function:f:live"),
        (f"{REGION}:{ACCOUNT}:function:f", {}, "function:f"),
        (f"{OTHER}:function:f", {}, f"arn:aws:lambda:{REGION}:{OTHER}:function:f"),
        (
            f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f",
            {},
            f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f",
        ),
        ("F", {}, "function:F"),
    ],
)
@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("Invoke", "InvokeFunction"),
        ("InvokeWithResponseStream", "InvokeFunction"),
        ("GetFunction", "GetFunction"),
        ("PutFunctionEventInvokeConfig", "PutFunctionEventInvokeConfig"),
    ],
)
def test_a_function_has_one_arn_however_it_is_named(
    operation: str, action: str, name: str, qualifier: dict[str, str], resource: str
) -> None:
    assert pairs("lambda", operation, FunctionName=name, **qualifier) == [(action, resource)]


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        ("CreateAlias", {"FunctionName": "f:9", "Name": "live"}, [("CreateAlias", "function:f")]),
        ("DeleteEventSourceMapping", {"UUID": "u"}, [("DeleteEventSourceMapping", "event-source-mapping:u")]),
        ("CreateEventSourceMapping", {"FunctionName": "f"}, [("CreateEventSourceMapping", "*")]),
        ("GetLayerVersion", {"LayerName": "l", "VersionNumber": 2}, [("GetLayerVersion", "layer:l:2")]),
        ("GetLayerVersionByArn", {"Arn": LAYER}, [("GetLayerVersion", LAYER)]),
        ("GetLayerVersionByArn", {"Arn": LAYER.replace("aws", "aws-cn", 1)}, [("GetLayerVersion", LAYER)]),
        (
            "DeleteLayerVersion",
            {"LayerName": LAYER, "VersionNumber": 1},
            [("DeleteLayerVersion", f"{LAYER[:-1]}1")],
        ),
        (
            "ListTags",
            {"Resource": "arn:x:y:::event-source-mapping:u"},
            [("ListTags", "event-source-mapping:u")],
        ),
        ("ListFunctions", {}, [("ListFunctions", "*")]),
        ("ListTags", {"Resource": ARN}, [("ListTags", "function:f")]),
        (
            "CreateFunction",
            {"FunctionName": "f", "Role": ROLE, "Code": {"S3Bucket": "b", "S3Key": "k"}, "Layers": [LAYER]},
            [
                ("CreateFunction", "function:f"),
                ("iam:PassRole", ROLE),
                ("GetLayerVersion", LAYER),
                ("s3:GetObject", "arn:aws:s3:::b/k"),
            ],
        ),
        (
            "UpdateFunctionCode",
            {"FunctionName": "f", "S3Bucket": "b", "S3Key": "k", "S3ObjectVersion": "v"},
            [("UpdateFunctionCode", "function:f"), ("s3:GetObjectVersion", "arn:aws:s3:::b/k")],
        ),
        (
            "UpdateFunctionConfiguration",
            {"FunctionName": "f", "Role": ROLE},
            [("UpdateFunctionConfiguration", "function:f"), ("iam:PassRole", ROLE)],
        ),
        (
            "UpdateFunctionConfiguration",
            {"FunctionName": "f"},
            [("UpdateFunctionConfiguration", "function:f")],
        ),
    ],
)
def test_needs(operation: str, params: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert pairs("lambda", operation, **params) == expected


def test_tags_of_a_new_function_need_an_action_of_their_own() -> None:
    needs = needed("lambda", "CreateFunction", FunctionName="f", Role="", Code={}, Tags={"Team": "a"})
    assert [need.action for need in needs] == ["lambda:CreateFunction", "lambda:TagResource"]
    assert all(
        need.keys["aws:requesttag/team"] == "a" and need.keys["aws:tagkeys"] == ("Team",) for need in needs
    )


def test_condition_keys() -> None:
    role = needed("lambda", "CreateFunction", FunctionName="f", Role=ROLE, Code={}, Layers=[LAYER])[1]
    assert role.keys == {"iam:passedtoservice": "lambda.amazonaws.com", "iam:associatedresourcearn": ARN}
    assert keys("lambda", "CreateFunction", FunctionName="f", Layers=[LAYER])["lambda:layer"] == (LAYER,)
    url = keys("lambda", "CreateFunctionUrlConfig", FunctionName="f", Qualifier="live", AuthType="NONE")
    assert url == {"lambda:functionurlauthtype": "NONE", "lambda:functionarn": ARN}
    assert keys("lambda", "AddPermission", FunctionName="f", Principal="s3.amazonaws.com")["lambda:principal"]
    assert (
        keys("lambda", "CreateEventSourceMapping", FunctionName="f:live")["lambda:functionarn"]
        == f"{ARN}:live"
    )
    assert keys("lambda", "UntagResource", Resource=ARN, TagKeys=["a"]) == {"aws:tagkeys": ("a",)}
