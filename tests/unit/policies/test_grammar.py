"""The grammar of policy documents, with IAM's words for what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.aws.errors import AwsError
from nightbus.policies.aws_managed import aws_policy_arns, document_of
from nightbus.policies.grammar import (
    check_identity_policy,
    check_trust_policy,
    is_resource_policy,
    quota_size,
)

IDENTITY = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def text(*statements: Any, **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more})


@pytest.mark.parametrize(
    "document",
    [
        text(IDENTITY),
        json.dumps({"Statement": IDENTITY}),
        text({"Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "NotResource": "arn:aws:s3:::b/*"}),
        text({**IDENTITY, "Sid": "One"}, {**IDENTITY, "Sid": "Two", "Action": "*"}, Id="x"),
        text({**IDENTITY, "Condition": {"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}}}),
    ],
)
def test_identity_policies(document: str) -> None:
    check_identity_policy(document)


def without(statement: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in statement.items() if key != name}


SYNTAX = "Syntax errors in policy."


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", SYNTAX),
        ("[]", SYNTAX),
        ('{"Version": "2012-10-17"}', SYNTAX),
        (text(), SYNTAX),
        (text("x"), SYNTAX),
        (text(IDENTITY, Version="2020-01-01"), SYNTAX),
        (text(IDENTITY, Unknown=1), SYNTAX),
        (text({**IDENTITY, "Unknown": 1}), SYNTAX),
        (text({**IDENTITY, "Effect": "allow"}), SYNTAX),
        (text({**IDENTITY, "NotAction": "s3:*"}), SYNTAX),
        (text({**IDENTITY, "Action": {"Ref": "x"}}), SYNTAX),
        (text({**IDENTITY, "Condition": "x"}), SYNTAX),
        (text(without(IDENTITY, "Action")), "Policy statement must contain actions."),
        (text({**IDENTITY, "Action": []}), "Policy statement must contain actions."),
        (text(without(IDENTITY, "Resource")), "Policy statement must contain resources."),
        (text({**IDENTITY, "Principal": "*"}), "Policy document should not specify a principal."),
        (
            text({**IDENTITY, "Action": "GetObject"}),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (text({**IDENTITY, "Action": "s3:Get:Object"}), "Actions/Condition can contain only one colon."),
        (
            text({**IDENTITY, "Resource": "arn:aws:*:*:*:x"}),
            "Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (
            text({**IDENTITY, "Resource": "arn:{x}:s3:::b"}),
            'Partition "{x}" is not valid for resource "arn:{x}:s3:::b".',
        ),
        (
            text({**IDENTITY, "Resource": "arn:aws:iam::111122223333:ann"}),
            'IAM resource path must either be "*", root, or start with user/, federated-user/, role/, group/, '
            "instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, "
            "access-report/.",
        ),
        (
            text({**IDENTITY, "Condition": {"Bool": {"secure": "true"}}}),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        ('{"Statement": {"Effect": "Allow", "Effect": "Deny", "Action": "*", "Resource": "*"}}', SYNTAX),
        (text({**IDENTITY, "Condition": {"StringResembles": {"aws:a": "x"}}}), SYNTAX),
        (text({**IDENTITY, "Condition": {"ForSomeValues:StringLike": {"aws:a": "x"}}}), SYNTAX),
        (text({**IDENTITY, "Condition": {"NumericEquals": {"aws:a": "x"}}}), SYNTAX),
        (text({**IDENTITY, "Condition": {"DateEquals": {"aws:a": "yesterday"}}}), SYNTAX),
        (text({**IDENTITY, "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/99"}}}), SYNTAX),
        (text({**IDENTITY, "Condition": {"Null": {"aws:a": "perhaps"}}}), SYNTAX),
        (text({**IDENTITY, "Condition": {"StringEquals": {"aws:a": []}}}), SYNTAX),
        (text({**IDENTITY, "Condition": {"StringEquals": {"aws:a": {"Ref": "x"}}}}), SYNTAX),
        (text({**IDENTITY, "Resource": "bucket"}), 'Resource bucket must be in ARN format or "*".'),
        (
            text({**IDENTITY, "Sid": "a"}, {**IDENTITY, "Sid": "a"}),
            "Statement IDs (SID) in a single policy must be unique.",
        ),
    ],
)
def test_wrong_identity_policies(document: str, message: str) -> None:
    with pytest.raises(AwsError) as caught:
        check_identity_policy(document)
    assert (caught.value.code, caught.value.message) == ("MalformedPolicyDocument", message)


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"AWS": ["123456789012", "arn:aws:iam::123456789012:role/path/name"]},
        {"Service": ["events.amazonaws.com", "states.eu-west-1.amazonaws.com"]},
        {"Federated": "cognito-identity.amazonaws.com"},
    ],
)
def test_trust_policies(principal: Any) -> None:
    check_trust_policy(text({**TRUST, "Principal": principal}))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("x", "This policy contains invalid Json"),
        ("{}", "Missing required field Statement"),
        (text({**TRUST, "Resource": "*"}), "Has prohibited field Resource"),
        (text(without(TRUST, "Principal")), "Missing required field Principal"),
        (text(without(TRUST, "Action")), "Missing required field Action"),
        (text(without(TRUST, "Effect")), "Missing required field Effect"),
        (text({**TRUST, "Action": "s3:Get"}), "AssumeRole policy may only specify STS AssumeRole actions."),
        (
            text({**TRUST, "Principal": {"Service": "lambda"}}),
            'Invalid principal in policy: "SERVICE":"lambda"',
        ),
        (text({**TRUST, "Principal": {"AWS": "me"}}), 'Invalid principal in policy: "AWS":"me"'),
        (text({**TRUST, "Principal": {"Nobody": "me"}}), 'Invalid principal in policy: "NOBODY"'),
    ],
)
def test_wrong_trust_policies(document: str, message: str) -> None:
    with pytest.raises(AwsError) as caught:
        check_trust_policy(document)
    assert (caught.value.code, caught.value.message) == ("MalformedPolicyDocument", message)


RESOURCE = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("document", "valid"),
    [
        ({"Statement": RESOURCE}, True),
        ({"Version": "2012-10-17", "Id": "x", "Statement": [{**RESOURCE, "Sid": "a b"}]}, True),
        ({"Statement": [without(RESOURCE, "Resource")]}, True),
        ({"Statement": {**without(RESOURCE, "Principal"), "NotPrincipal": {"AWS": ["111122223333"]}}}, True),
        ({"Statement": {**RESOURCE, "Condition": {"Bool": {"aws:SecureTransport": False}}}}, True),
        ({}, False),
        ({"Statement": []}, False),
        ({"Statement": "all"}, False),
        ({"Statement": ["all"]}, False),
        ({"Statement": RESOURCE, "Version": "2020-01-01"}, False),
        ({"Statement": RESOURCE, "Other": 1}, False),
        ({"Statement": {**RESOURCE, "Other": 1}}, False),
        ({"Statement": {**RESOURCE, "Effect": "allow"}}, False),
        ({"Statement": without(RESOURCE, "Principal")}, False),
        ({"Statement": without(RESOURCE, "Action")}, False),
        ({"Statement": {**RESOURCE, "Principal": {"Ref": "x"}}}, False),
        ({"Statement": {**RESOURCE, "Principal": "me"}}, False),
        ({"Statement": {**RESOURCE, "NotPrincipal": "*"}}, False),
        ({"Statement": {**RESOURCE, "Condition": "never"}}, False),
        ({"Statement": {**RESOURCE, "Condition": {"Bool": "never"}}}, False),
        ({"Statement": {**RESOURCE, "Condition": {"Resembles": {"aws:a": "b"}}}}, False),
        ([], False),
        (None, False),
    ],
)
def test_policies_of_resources(document: Any, valid: bool) -> None:
    assert is_resource_policy(document) is valid


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Version", "Statement", "Effect", "Action", "Resource", "Principal", "Sid", "Condition"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(anything)
def test_whatever_comes_it_is_taken_or_called_malformed(value: Any) -> None:
    for check in (check_identity_policy, check_trust_policy):
        for document in (json.dumps(value), text(value)):
            try:
                check(document)
            except AwsError as error:
                assert error.code == "MalformedPolicyDocument"


def test_white_space_does_not_count() -> None:
    assert quota_size('{ "a":\n 1 }') == len('{"a":1}')


def test_every_policy_of_aws_has_a_document() -> None:
    arns = aws_policy_arns("us-east-1")
    assert len(arns) > 1500
    assert "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole" in arns
    for arn in sorted(arns):
        policy = document_of(arn)
        assert policy is not None
        check_identity_policy(json.dumps(policy["Document"]))


def test_other_partitions_have_policies_of_their_own() -> None:
    arn = "arn:aws-cn:iam::aws:policy/service-role/AWSLambdaRole"
    assert arn in aws_policy_arns("cn-north-1")
    policy = document_of("arn:aws-cn:iam::aws:policy/AmazonSSMReadOnlyAccess")
    assert policy is not None
    assert '"arn:aws:' not in json.dumps(policy)
    assert document_of("arn:aws:iam::aws:policy/Unknown") is None


@pytest.mark.parametrize(
    ("resource", "valid"),
    [
        ("*", True),
        ("arn:aws:logs:*", True),
        ("arn:aws:sqs:us-east-1:*", True),
        ("arn:aws:s3:::bucket/*", True),
        ("arn:*", False),
        ("arn:aws:logs", False),
        ("logs:*", False),
    ],
)
def test_a_star_at_the_end_of_an_arn_stands_for_its_other_parts(resource: str, valid: bool) -> None:
    document = text({**IDENTITY, "Resource": resource})
    if valid:
        check_identity_policy(document)
        return
    with pytest.raises(AwsError, match="must be in ARN format"):
        check_identity_policy(document)
