"""Decisions about condition operators, and about keys with several values."""

from __future__ import annotations

from typing import Any

from decisions import OWN, Group, allow, deny

PAGE = "reference_policies_elements_condition_operators.html"
SETS = "reference_policies_condition-single-vs-multi-valued-context-keys.html"
LOGIC = "reference_policies_condition-logic-multiple-context-keys-or-values.html"
KEY = f"iam:CreateAccessKey arn:aws:iam::{OWN}:user/ann"
LIST = "s3:ListBucket arn:aws:s3:::example_bucket"
GET = "dynamodb:GetItem arn:aws:dynamodb:us-east-1:111122223333:table/Thread"
PUT = "dynamodb:PutItem arn:aws:dynamodb:us-east-1:111122223333:table/Thread"
ASKED = "dynamodb:requestedAttributes"
QUEUE = f"sqs:SendMessage arn:aws:sqs:us-east-1:{OWN}:q"
FINANCE = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"


def when(**condition: Any) -> list[dict[str, Any]]:
    return [allow("*", "*", **condition)]


def unless(**condition: Any) -> list[dict[str, Any]]:
    return [allow("*", "*"), deny("*", "*", **condition)]


GROUPS = [
    Group(f"{PAGE}#Conditions_String", f"""
        allow user/ann {KEY} aws:PrincipalTag/job-category=iamuser-admin
        allow user/ann {KEY} AWS:principaltag/JOB-CATEGORY=iamuser-admin
        none  user/ann {KEY} aws:PrincipalTag/job-category=IamUser-Admin
        none  user/ann {KEY} aws:PrincipalTag/job-category=iamuser
        none  user/ann {KEY} aws:PrincipalTag/job-category=
        none  user/ann {KEY}
        none  user/ann iam:CreateAccessKey arn:aws:iam::{OWN}:role/ann aws:PrincipalTag/job-category=iamuser-admin
        """, identity=[allow("iam:*AccessKey*", f"arn:aws:iam::{OWN}:user/*",
                             StringEquals={"aws:PrincipalTag/job-category": "iamuser-admin"})]),
    Group(f"{PAGE}#Conditions_String", f"""
        allow user/ann {LIST} s3:prefix=a
        allow user/ann {LIST} s3:prefix=b
        none  user/ann {LIST} s3:prefix=A
        none  user/ann {LIST} s3:prefix=a*
        """, identity=when(StringEquals={"s3:prefix": ["a", "b"]})),
    Group(f"{PAGE}#Conditions_String", f"""
        none  user/ann {LIST} s3:prefix=a
        allow user/ann {LIST} s3:prefix=A
        allow user/ann {LIST} s3:prefix=c
        allow user/ann {LIST}
        """, identity=when(StringNotEquals={"s3:prefix": ["a", "b"]})),
    Group(f"{PAGE}#Conditions_String", f"""
        allow user/ann {LIST} s3:prefix=home
        allow user/ann {LIST} s3:prefix=HOME
        none  user/ann {LIST} s3:prefix=homes
        none  user/ann {LIST}
        """, identity=when(StringEqualsIgnoreCase={"s3:prefix": "Home"})),
    Group(f"{PAGE}#Conditions_String", f"""
        none  user/ann {LIST} s3:prefix=hOME
        allow user/ann {LIST} s3:prefix=homes
        allow user/ann {LIST}
        """, identity=when(StringNotEqualsIgnoreCase={"s3:prefix": "Home"})),
    Group(f"{PAGE}#Conditions_String", f"""
        allow user/ann {LIST} s3:prefix=''
        allow user/ann {LIST} s3:prefix=home/
        allow user/ann {LIST} s3:prefix=home/ann/
        none  user/ann {LIST} s3:prefix=home/bob/
        none  user/ann {LIST} s3:prefix=home
        none  user/ann {LIST}
        """, identity=[allow("s3:ListBucket", "arn:aws:s3:::example_bucket",
                             StringLike={"s3:prefix": ["", "home/", "home/${aws:username}/"]})]),
    Group(f"{PAGE}#Conditions_String", f"""
        allow user/ann {LIST} s3:prefix=abc
        allow user/ann {LIST} s3:prefix=a1c
        none  user/ann {LIST} s3:prefix=ac
        none  user/ann {LIST} s3:prefix=ABC
        allow user/ann {LIST} s3:prefix=logs/2026/07/x.gz
        none  user/ann {LIST} s3:prefix=logs/x.gz.tmp
        """, identity=when(StringLike={"s3:prefix": ["a?c", "logs/*.gz"]})),
    Group(f"{PAGE}#Conditions_String", f"""
        none  user/ann {LIST} s3:prefix=abc
        allow user/ann {LIST} s3:prefix=abcd
        allow user/ann {LIST}
        """, identity=when(StringNotLike={"s3:prefix": "a?c"})),
    Group(f"{PAGE}#Conditions_Numeric", f"""
        allow user/ann {LIST} s3:max-keys=10
        allow user/ann {LIST} s3:max-keys=9
        allow user/ann {LIST} s3:max-keys=9.5
        none  user/ann {LIST} s3:max-keys=11
        none  user/ann {LIST} s3:max-keys=100
        none  user/ann {LIST} s3:max-keys=many
        none  user/ann {LIST}
        """, identity=[allow("s3:ListBucket", "arn:aws:s3:::example_bucket", NumericLessThanEquals={"s3:max-keys": "10"})]),
    *(
        Group(f"{PAGE}#Conditions_Numeric", lines, identity=when(**{operator: {"s3:max-keys": "10"}}))
        for operator, lines in (
            ("NumericEquals", f"allow user/ann {LIST} s3:max-keys=10.0\n none user/ann {LIST} s3:max-keys=1"),
            ("NumericNotEquals", f"none user/ann {LIST} s3:max-keys=10\n allow user/ann {LIST} s3:max-keys=1"),
            ("NumericNotEquals", f"allow user/ann {LIST}"),
            ("NumericLessThan", f"none user/ann {LIST} s3:max-keys=10\n allow user/ann {LIST} s3:max-keys=2"),
            ("NumericGreaterThan", f"none user/ann {LIST} s3:max-keys=10\n allow user/ann {LIST} s3:max-keys=11"),
            ("NumericGreaterThanEquals", f"allow user/ann {LIST} s3:max-keys=10\n none user/ann {LIST} s3:max-keys=-9"),
        )
    ),
    Group(f"{PAGE}#Conditions_Date", f"""
        allow user/ann {KEY} aws:TokenIssueTime=2020-06-01T00:00:00Z
        none  user/ann {KEY} aws:TokenIssueTime=2019-12-31T23:59:59Z
        none  user/ann {KEY} aws:TokenIssueTime=2020-01-01T00:00:01Z
        none  user/ann {KEY}
        """, identity=[allow("iam:*AccessKey*", f"arn:aws:iam::{OWN}:user/*",
                             DateGreaterThan={"aws:TokenIssueTime": "2020-01-01T00:00:01Z"})]),
    Group("reference_policies_examples_aws-dates.html", f"""
        allow user/ann {QUEUE} aws:CurrentTime=2020-04-01T00:00:01Z
        allow user/ann {QUEUE} aws:CurrentTime=2020-06-30T23:59:58Z
        none  user/ann {QUEUE} aws:CurrentTime=2020-03-31T23:59:59Z
        none  user/ann {QUEUE} aws:CurrentTime=2020-07-01T00:00:00Z
        none  user/ann {QUEUE} aws:CurrentTime=yesterday
        """, identity=when(DateGreaterThan={"aws:CurrentTime": "2020-04-01T00:00:00Z"},
                           DateLessThan={"aws:CurrentTime": "2020-06-30T23:59:59Z"})),
    *(
        Group(f"{PAGE}#Conditions_Date", lines, identity=when(**{operator: {"aws:EpochTime": value}}))
        for operator, value, lines in (
            ("DateEquals", "2026-07-01", f"allow user/ann {QUEUE} aws:EpochTime=1782864000"),
            ("DateEquals", "1782864000", f"allow user/ann {QUEUE} aws:EpochTime=2026-07-01T02:00:00+02:00"),
            ("DateNotEquals", "2026-07-01T00:00:00Z", f"none user/ann {QUEUE} aws:EpochTime=1782864000"),
            ("DateLessThanEquals", "2026-07", f"allow user/ann {QUEUE} aws:EpochTime=1782864000"),
            ("DateLessThanEquals", "2026-07", f"none user/ann {QUEUE} aws:EpochTime=1782864001"),
            ("DateGreaterThanEquals", "2026", f"allow user/ann {QUEUE} aws:EpochTime=1767225600"),
            ("DateGreaterThanEquals", "2026", f"none user/ann {QUEUE} aws:EpochTime=1767225599"),
        )
    ),
    Group(f"{PAGE}#Conditions_Boolean", """
        deny  user/ann s3:GetObject arn:aws:s3:::amzn-s3-demo-bucket/k aws:SecureTransport=false
        deny  user/ann s3:GetObject arn:aws:s3:::amzn-s3-demo-bucket/k aws:SecureTransport=False
        allow user/ann s3:GetObject arn:aws:s3:::amzn-s3-demo-bucket/k aws:SecureTransport=true
        allow user/ann s3:GetObject arn:aws:s3:::other/k aws:SecureTransport=false
        """, identity=[allow("*", "*"), deny("s3:*", ["arn:aws:s3:::amzn-s3-demo-bucket", "arn:aws:s3:::amzn-s3-demo-bucket/*"],
                                             Bool={"aws:SecureTransport": "false"})]),
    Group("id_credentials_mfa_configure-api-require.html", f"""
        none  user/ann {QUEUE}
        none  user/ann {QUEUE} aws:MultiFactorAuthPresent=false
        allow user/ann {QUEUE} aws:MultiFactorAuthPresent=true
        """, identity=when(Bool={"aws:MultiFactorAuthPresent": "true"})),
    Group("reference_policies_condition-keys.html#condition-keys-multifactorauthpresent", f"""
        deny  user/ann {QUEUE}
        deny  user/ann {QUEUE} aws:MultiFactorAuthPresent=false
        allow user/ann {QUEUE} aws:MultiFactorAuthPresent=true
        """, identity=unless(BoolIfExists={"aws:MultiFactorAuthPresent": False})),
    Group("reference_policies_condition-keys.html#condition-keys-multifactorauthpresent", f"""
        allow user/ann {QUEUE}
        deny  user/ann {QUEUE} aws:MultiFactorAuthPresent=false
        """, identity=unless(Bool={"aws:MultiFactorAuthPresent": "false"})),
    Group(f"{PAGE}#Conditions_BinaryEquals", f"""
        allow user/ann {QUEUE} aws:RequestTag/key=QmluYXJ5VmFsdWVJbkJhc2U2NA==
        none  user/ann {QUEUE} aws:RequestTag/key=QmluYXJ5VmFsdWVJbkJhc2U2NB==x
        none  user/ann {QUEUE} aws:RequestTag/key=T3RoZXI=
        none  user/ann {QUEUE}
        """, identity=when(BinaryEquals={"aws:RequestTag/key": "QmluYXJ5VmFsdWVJbkJhc2U2NA=="})),
    Group(f"{PAGE}#Conditions_IPAddress", f"""
        allow user/ann {KEY} aws:SourceIp=203.0.113.0
        allow user/ann {KEY} aws:SourceIp=203.0.113.255
        none  user/ann {KEY} aws:SourceIp=203.0.114.0
        allow user/ann {KEY} aws:SourceIp=2001:db8:1234:5678::1
        allow user/ann {KEY} aws:SourceIp=2001:0DB8:1234:5678:0000:0000:0000:0001
        none  user/ann {KEY} aws:SourceIp=2001:db8:1234:5679::1
        allow user/ann {KEY} aws:SourceIp=::ffff:203.0.113.9
        none  user/ann {KEY} aws:SourceIp=nonsense
        none  user/ann {KEY} aws:SourceIp=
        """, identity=when(IpAddress={"aws:SourceIp": ["203.0.113.0/24", "2001:DB8:1234:5678::/64"]})),
    Group(f"{PAGE}#Conditions_IPAddress", f"""
        allow user/ann {KEY} aws:SourceIp=203.0.113.7
        none  user/ann {KEY} aws:SourceIp=203.0.113.8
        """, identity=when(IpAddress={"aws:SourceIp": "203.0.113.7"})),
    Group("reference_policies_examples_aws_deny-ip.html", f"""
        allow user/ann {QUEUE} aws:SourceIp=192.0.2.7
        deny  user/ann {QUEUE} aws:SourceIp=198.51.100.1
        deny  user/ann {QUEUE} aws:SourceIp=
        allow user/ann {QUEUE} aws:SourceIp= aws:ViaAWSService=true
        """, identity=unless(NotIpAddress={"aws:SourceIp": ["192.0.2.0/24", "203.0.113.0/24"]},
                             Bool={"aws:ViaAWSService": "false"})),
    Group(f"{PAGE}#Conditions_ARN", f"none user/ann {QUEUE} aws:SourceArn={FINANCE}",
          identity=when(ArnLike={"aws:SourceArn": "arn:aws:someservice:*:111122223333:finance/*"})),
    Group(f"{PAGE}#Conditions_ARN", f"allow user/ann {QUEUE} aws:SourceArn={FINANCE}",
          identity=when(StringLike={"aws:SourceArn": "arn:aws:someservice:*:111122223333:finance/*"})),
    *(
        Group(f"{PAGE}#Conditions_ARN", f"""
            {right}  user/ann {QUEUE} aws:SourceArn=arn:aws:sns:us-east-1:{OWN}:TOPIC-ID
            {right}  user/ann {QUEUE} aws:SourceArn=arn:aws:sns:eu-west-1:{OWN}:TOPIC-ID
            {wrong}  user/ann {QUEUE} aws:SourceArn=arn:aws:sns:us-east-1:{OWN}:topic-id
            {wrong}  user/ann {QUEUE} aws:SourceArn=arn:aws:sns:us-east-1:999999999999:TOPIC-ID
            {wrong}  user/ann {QUEUE} aws:SourceArn=TOPIC-ID
            {wrong}  user/ann {QUEUE}
            """, identity=when(**{operator: {"aws:SourceArn": f"arn:aws:sns:*:{OWN}:TOPIC-I?"}}))
        for operator, right, wrong in (
            ("ArnEquals", "allow", "none"), ("ArnLike", "allow", "none"),
            ("ArnNotEquals", "none", "allow"), ("ArnNotLike", "none", "allow"),
        )
    ),
    Group(f"{PAGE}#Conditions_IfExists", """
        allow user/ann ec2:RunInstances * ec2:InstanceType=t2.micro
        none  user/ann ec2:RunInstances * ec2:InstanceType=x1.large
        none  user/ann ec2:RunInstances * ec2:InstanceType=
        """, identity=[allow("ec2:RunInstances", "*", StringLike={"ec2:InstanceType": ["t1.*", "t2.*", "m3.*"]})]),
    Group(f"{PAGE}#Conditions_IfExists", """
        allow user/ann ec2:RunInstances * ec2:InstanceType=m3.large
        none  user/ann ec2:RunInstances * ec2:InstanceType=x1.large
        allow user/ann ec2:RunInstances * ec2:InstanceType=
        """, identity=[allow("ec2:RunInstances", "*", StringLikeIfExists={"ec2:InstanceType": ["t1.*", "t2.*", "m3.*"]})]),
    Group(f"{PAGE}#Conditions_IfExists", f"""
        deny  user/ann {QUEUE}
        deny  user/ann {QUEUE} aws:RequestTag/team=b
        allow user/ann {QUEUE} aws:RequestTag/team=a
        """, identity=unless(StringNotEqualsIfExists={"aws:RequestTag/team": "a"})),
    Group(f"{PAGE}#Conditions_Null", """
        allow user/ann ec2:StopInstances *
        none  user/ann ec2:StopInstances * aws:TokenIssueTime=2026-07-01T00:00:00Z
        """, identity=[allow("ec2:*", "*", Null={"aws:TokenIssueTime": "true"})]),
    Group(f"{PAGE}#Conditions_Null", f"""
        none  user/ann {QUEUE}
        allow user/ann {QUEUE} aws:RequestTag/team=a
        none  user/ann {QUEUE} aws:RequestTag/team=
        """, identity=when(Null={"aws:RequestTag/team": False})),
    Group(LOGIC, f"""
        deny  user/ann {QUEUE}
        deny  user/ann {QUEUE} aws:RequestTag/team=a
        """, identity=unless(Null={"aws:RequestTag/team": ["true", "false"]})),
    Group(LOGIC, f"""
        allow user/ann {LIST} s3:prefix=a s3:delimiter=/
        allow user/ann {LIST} s3:prefix=b s3:delimiter=/
        none  user/ann {LIST} s3:prefix=a s3:delimiter=-
        none  user/ann {LIST} s3:prefix=c s3:delimiter=/
        none  user/ann {LIST} s3:prefix=a s3:delimiter=/ aws:SourceIp=192.0.2.1
        """, identity=when(StringEquals={"s3:prefix": ["a", "b"], "s3:delimiter": "/"},
                           IpAddress={"aws:SourceIp": "203.0.113.0/24"})),
    Group(f"{SETS}#reference_policies_condition-multi-valued-context-keys", f"""
        allow user/Bob {GET} {ASKED}=PostDateTime|Message
        allow user/Bob {GET} {ASKED}=Tags
        none  user/Bob {GET} {ASKED}=PostDateTime|UserName
        none  user/Bob {GET} {ASKED}=ID
        allow user/Bob {GET} {ASKED}=
        """, identity=[allow("dynamodb:GetItem", "*",
                             ForAllValues__StringLike={ASKED: ["PostDateTime", "Message", "Tags"]})]),
    Group(f"{SETS}#reference_policies_condition-multi-valued-context-keys", f"""
        deny  user/Bob {PUT} {ASKED}=UserName|Message|PostDateTime
        deny  user/Bob {PUT} {ASKED}=ID
        allow user/Bob {PUT} {ASKED}=UserName
        allow user/Bob {PUT} {ASKED}=
        """, identity=[allow("*", "*"), deny("dynamodb:PutItem", "*", ForAnyValue__StringLike={ASKED: ["ID", "PostDateTime"]})]),
    Group(SETS, f"""
        allow user/ann {QUEUE} aws:TagKeys=environment|cost-center
        allow user/ann {QUEUE} aws:TagKeys=environment
        none  user/ann {QUEUE} aws:TagKeys=environment|other
        allow user/ann {QUEUE}
        """, identity=when(ForAllValues__StringEquals={"aws:TagKeys": ["environment", "cost-center"]})),
    Group(SETS, f"""
        none  user/ann {QUEUE}
        allow user/ann {QUEUE} aws:TagKeys=environment
        none  user/ann {QUEUE} aws:TagKeys=other
        """, identity=when(ForAllValues__StringEquals={"aws:TagKeys": ["environment"]}, Null={"aws:TagKeys": "false"})),
    Group(SETS, f"""
        allow user/ann {QUEUE} aws:TagKeys=a|environment
        none  user/ann {QUEUE} aws:TagKeys=a|b
        none  user/ann {QUEUE}
        """, identity=when(ForAnyValue__StringEquals={"aws:TagKeys": ["environment"]})),
    Group(SETS, f"""
        deny  user/ann {QUEUE} aws:TagKeys=a|secret
        allow user/ann {QUEUE} aws:TagKeys=a|b
        deny  user/ann {QUEUE} aws:TagKeys=secret
        """, identity=unless(ForAnyValue__StringEqualsIgnoreCase={"aws:TagKeys": "Secret"})),
    Group(SETS, f"""
        allow user/ann {QUEUE} aws:TagKeys=a|b
        none  user/ann {QUEUE} aws:TagKeys=a|x
        allow user/ann {QUEUE}
        """, identity=when(ForAllValues__StringNotEquals={"aws:TagKeys": ["x", "y"]})),
    Group(SETS, f"""
        allow user/ann {QUEUE} aws:TagKeys=a|x
        none  user/ann {QUEUE} aws:TagKeys=x|y
        none  user/ann {QUEUE}
        """, identity=when(ForAnyValue__StringNotEquals={"aws:TagKeys": ["x", "y"]})),
    Group("reference_policies_condition-keys.html#condition-keys-calledvia", f"""
        allow user/ann {QUEUE} aws:CalledVia=cloudformation.amazonaws.com
        allow user/ann {QUEUE} aws:CalledVia=cloudformation.amazonaws.com|dynamodb.amazonaws.com
        none  user/ann {QUEUE} aws:CalledVia=athena.amazonaws.com
        none  user/ann {QUEUE}
        """, identity=when(ForAnyValue__StringEquals={"aws:CalledVia": "cloudformation.amazonaws.com"})),
    Group("decisions/access.md: what cannot be evaluated grants nothing", f"""
        none  user/ann {QUEUE} aws:SourceIp=203.0.113.5
        """, identity=when(StringResembles={"aws:SourceIp": "203.0.113.5"})),
    Group("decisions/access.md: what cannot be evaluated grants nothing", f"""
        deny  user/ann {QUEUE}
        """, identity=unless(StringEquals={"vendor:color": "red"})),
    Group("decisions/access.md: what cannot be evaluated grants nothing", f"""
        none  user/ann {QUEUE} aws:TagKeys=a|b
        none  user/ann {QUEUE} s3:max-keys=3
        """, identity=when(StringEquals={"aws:TagKeys": "a"}, NumericEquals={"s3:max-keys": "three"})),
]  # fmt: skip
