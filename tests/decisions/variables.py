"""Decisions about policy variables, tags, and how actions and resources are matched."""

from __future__ import annotations

from decisions import OTHER, OWN, Group, allow, but, deny

PAGE = "reference_policies_variables.html"
TAGS = "access_tags.html"
HOME = [
    allow("s3:ListBucket", "arn:aws:s3:::mybucket", StringLike={"s3:prefix": ["${aws:username}/*"]}),
    allow(["s3:GetObject", "s3:PutObject"], ["arn:aws:s3:::mybucket/${aws:username}/*"]),
]
QUEUES = [
    allow("sqs:ListQueues", "*"),
    allow("sqs:*", "arn:aws:sqs:us-east-2:*:${aws:username}-queue"),
]
TOPIC = f"arn:aws:sns:us-east-1:{OWN}:t"
SECRET = f"arn:aws:secretsmanager:us-east-1:{OWN}:secret:s-AbCdEf"
QUEUE = f"arn:aws:sqs:us-east-1:{OWN}:q"

GROUPS = [
    Group(f"{PAGE}#policy-vars-intro", """
        allow user/David s3:ListBucket arn:aws:s3:::mybucket s3:prefix=David/reports
        none  user/David s3:ListBucket arn:aws:s3:::mybucket s3:prefix=Anne/
        none  user/David s3:ListBucket arn:aws:s3:::mybucket
        allow user/David s3:GetObject arn:aws:s3:::mybucket/David/a.txt
        allow user/Anne s3:PutObject arn:aws:s3:::mybucket/Anne/b/c
        none  user/Anne s3:PutObject arn:aws:s3:::mybucket/David/c
        none  user/David s3:GetObject arn:aws:s3:::mybucket/david/a.txt
        none  role/David/x s3:GetObject arn:aws:s3:::mybucket/David/a.txt
        none  role/David/x s3:GetObject arn:aws:s3:::mybucket//a.txt
        """, identity=HOME),
    Group(f"{PAGE}#policy-vars-intro", """
        none  user/David s3:GetObject arn:aws:s3:::mybucket/David/a.txt
        allow user/David s3:GetObject arn:aws:s3:::mybucket/${aws:username}/a.txt
        """, identity=HOME, version=None),
    Group(f"{PAGE}#policy-vars-intro", """
        none  user/David s3:GetObject arn:aws:s3:::mybucket/David/a.txt
        """, identity=HOME, version="2008-10-17"),
    Group(f"{PAGE}#policy-vars-resourceelement", f"""
        allow user/Adele sqs:SendMessage arn:aws:sqs:us-east-2:{OWN}:Adele-queue
        none  user/Adele sqs:SendMessage arn:aws:sqs:us-east-1:{OWN}:Adele-queue
        none  user/Adele sqs:SendMessage arn:aws:sqs:us-east-2:{OWN}:David-queue
        allow user/Adele sqs:ListQueues *
        """, identity=QUEUES),
    Group(f"{PAGE}#policy-vars-resourceelement", """
        allow user/ann s3:ListBucket arn:aws:s3:::bucket/finance aws:PrincipalTag/department=finance
        none  user/ann s3:ListBucket arn:aws:s3:::bucket/other aws:PrincipalTag/department=finance
        none  user/ann s3:ListBucket arn:aws:s3:::bucket/finance
        none  user/ann s3:ListBucket arn:aws:s3:::bucket/finance aws:PrincipalTag/department=*
        """, identity=[allow("s3:*", "arn:aws:s3:::bucket/${aws:PrincipalTag/department}")]),
    Group(f"{PAGE}#policy-vars-conditionelement", f"""
        allow {OTHER}:user/ann sns:Subscribe {TOPIC} sns:Endpoint=https://example.com/ann/ sns:Protocol=https
        none  {OTHER}:user/ann sns:Subscribe {TOPIC} sns:Endpoint=https://example.com/bob/ sns:Protocol=https
        none  {OTHER}:user/ann sns:Subscribe {TOPIC} sns:Endpoint=https://example.com/ann/ sns:Protocol=http
        none  {OTHER}:user/ann sns:Subscribe {TOPIC} sns:Protocol=https
        """, identity=[allow("sns:*", "*")], resource=[
            allow("sns:*", None, {"AWS": OTHER}, StringLike={"sns:endpoint": "https://example.com/${aws:username}/"},
                  StringEquals={"sns:Protocol": "https"}),
        ]),
    Group(f"{PAGE}#policy-vars-conditionelement", f"""
        allow user/ann iam:GetUser arn:aws:iam::{OWN}:user/x iam:ResourceTag/costCenter=12345
        none  user/ann iam:GetUser arn:aws:iam::{OWN}:user/x iam:ResourceTag/costCenter=99999
        none  user/ann iam:GetUser arn:aws:iam::{OWN}:user/x
        none  user/ann iam:GetRole arn:aws:iam::{OWN}:role/x iam:ResourceTag/costCenter=12345
        """, identity=[allow("iam:*user*", "*", StringLike={"iam:ResourceTag/costCenter": ["12345", "67890"]})]),
    Group(f"{PAGE}#policy-vars-specialchars", """
        allow user/ann s3:GetObject arn:aws:s3:::b/what?/a*b/$
        none  user/ann s3:GetObject arn:aws:s3:::b/whatX/a*b/$
        none  user/ann s3:GetObject arn:aws:s3:::b/what?/aXb/$
        none  user/ann s3:GetObject arn:aws:s3:::b/what?/a*b/${$}
        """, identity=[allow("s3:GetObject", "arn:aws:s3:::*/what${?}/a${*}b/${$}")]),
    Group(f"{PAGE}#policy-vars-specialchars", """
        allow user/ann s3:ListBucket arn:aws:s3:::b s3:prefix=*
        none  user/ann s3:ListBucket arn:aws:s3:::b s3:prefix=x
        """, identity=[allow("s3:*", "*", StringLike={"s3:prefix": "${*}"})]),
    Group(f"{PAGE}#policy-vars-default-values", """
        allow nobody s3:GetObject arn:aws:s3:::bucket/anonymous
        none  nobody s3:GetObject arn:aws:s3:::bucket/AIDAEXAMPLE
        allow user/ann s3:GetObject arn:aws:s3:::bucket/AIDAEXAMPLE aws:userid=AIDAEXAMPLE
        none  user/ann s3:GetObject arn:aws:s3:::bucket/anonymous aws:userid=AIDAEXAMPLE
        """, resource=[allow("s3:GetObject", "arn:aws:s3:::bucket/${aws:userid, 'anonymous'}", "*")]),
    Group(f"{PAGE}#policy-vars-default-values", """
        allow user/ann s3:ListBucket arn:aws:s3:::b s3:prefix=red aws:PrincipalTag/team=red
        allow user/ann s3:ListBucket arn:aws:s3:::b s3:prefix=company-wide
        none  user/ann s3:ListBucket arn:aws:s3:::b s3:prefix=company-wide aws:PrincipalTag/team=red
        """, identity=[allow("s3:*", "*", StringEquals={"s3:prefix": "${aws:PrincipalTag/team, 'company-wide'}"})]),
    Group(PAGE, """
        none  role/r/s s3:GetObject arn:aws:s3:::b/x
        allow user/ann s3:GetObject arn:aws:s3:::b/x
        none  user/ann s3:GetObject arn:aws:s3:::b/ann/x
        """, identity=[but(allow("s3:*", "arn:aws:s3:::b/${aws:username}/*"), "Resource")]),
    Group(PAGE, """
        none  role/r/s s3:ListBucket arn:aws:s3:::b s3:prefix=x
        allow user/ann s3:ListBucket arn:aws:s3:::b s3:prefix=x
        """, identity=[allow("s3:*", "*", StringNotEquals={"s3:prefix": "${aws:username}"})]),
    Group(f"{TAGS}#access_tags_control-resources", f"""
        allow user/ann secretsmanager:GetSecretValue {SECRET} aws:ResourceTag/project=Red aws:PrincipalTag/project=Red
        none  user/ann secretsmanager:GetSecretValue {SECRET} aws:ResourceTag/project=Blue aws:PrincipalTag/project=Red
        none  user/ann secretsmanager:GetSecretValue {SECRET} aws:PrincipalTag/project=Red
        none  user/ann secretsmanager:GetSecretValue {SECRET} aws:ResourceTag/project=Red
        none  user/ann secretsmanager:GetSecretValue {SECRET}
        """, identity=[allow("secretsmanager:*", "*",
                             StringEquals={"aws:ResourceTag/project": "${aws:PrincipalTag/project}"})]),
    Group(f"{TAGS}#access_tags_control-requests", f"""
        allow user/ann sqs:CreateQueue {QUEUE} aws:RequestTag/environment=preprod
        allow user/ann sqs:CreateQueue {QUEUE} aws:RequestTag/environment=production
        none  user/ann sqs:CreateQueue {QUEUE} aws:RequestTag/environment=test
        none  user/ann sqs:CreateQueue {QUEUE}
        """, identity=[allow("sqs:CreateQueue", "*",
                             StringEquals={"aws:RequestTag/environment": ["preprod", "production"]})]),
    Group("tutorial_attribute-based-access-control.html", f"""
        deny  user/ann sqs:TagQueue {QUEUE} aws:TagKeys=access-project
        allow user/ann sqs:TagQueue {QUEUE} aws:TagKeys=name
        """, identity=[allow("*", "*"), deny("sqs:TagQueue", "*", ForAnyValue__StringLike={"aws:TagKeys": "access-*"})]),
    Group("reference_policies_elements_action.html", f"""
        allow user/ann sqs:SendMessage {QUEUE}
        allow user/ann SQS:sendmessage {QUEUE}
        none  user/ann sqs:SendMessageBatch {QUEUE}
        none  user/ann sns:SendMessage {QUEUE}
        """, identity=[allow("Sqs:SENDmessage", "*")]),
    Group("reference_policies_elements_action.html", f"""
        allow user/ann iam:CreateAccessKey arn:aws:iam::{OWN}:user/ann
        allow user/ann iam:ListAccessKeys arn:aws:iam::{OWN}:user/ann
        none  user/ann iam:CreateUser arn:aws:iam::{OWN}:user/ann
        """, identity=[allow("iam:*AccessKey*", "*")]),
    Group("reference_policies_elements_action.html", f"""
        allow user/ann sqs:GetQueueUrl {QUEUE}
        none  user/ann sqs:GetQueueAttributes {QUEUE}
        allow user/ann sns:Publish {TOPIC}
        """, identity=[allow(["sqs:GetQueue???", "sns:*"], "*")]),
    Group("reference_policies_elements_resource.html", f"""
        allow user/ann sqs:SendMessage arn:aws:sqs:us-east-1:{OWN}:queue1
        none  user/ann sqs:SendMessage arn:aws:sqs:us-east-1:{OWN}:Queue1
        none  user/ann sqs:SendMessage arn:aws:sqs:us-east-1:{OWN}:queue12
        """, identity=[allow("sqs:*", f"arn:aws:sqs:us-east-1:{OWN}:queue1")]),
    Group("reference_policies_elements_resource.html", f"""
        allow user/ann iam:GetUser arn:aws:iam::{OWN}:user/product_1234/x
        allow user/ann iam:GetUser arn:aws:iam::{OWN}:user/product_1234/a/b
        none  user/ann iam:GetUser arn:aws:iam::{OWN}:user/x
        """, identity=[allow("iam:*", f"arn:aws:iam::{OWN}:user/product_1234/*")]),
    Group("reference_policies_elements_resource.html", """
        allow user/ann s3:GetObject arn:aws:s3:::examplebucket/1/test/object.jpg
        allow user/ann s3:GetObject arn:aws:s3:::examplebucket/1/2/test/3/object.jpg
        allow user/ann s3:GetObject arn:aws:s3:::examplebucket/1/2/test/object.jpg
        none  user/ann s3:GetObject arn:aws:s3:::examplebucket/1-test/object.jpg
        none  user/ann s3:GetObject arn:aws:s3:::examplebucket/test/object.jpg
        """, identity=[allow("s3:GetObject", "arn:aws:s3:::examplebucket/*/test/*")]),
    Group("reference_policies_elements_resource.html", f"""
        allow user/ann lambda:GetFunction arn:aws:lambda:us-east-1:{OWN}:function:f:live
        none  user/ann lambda:GetFunction arn:aws:lambda:us-east-1:{OTHER}:function:f:live
        none  user/ann lambda:ListFunctions *
        """, identity=[allow("lambda:*", f"arn:aws:lambda:*:{OWN}:*")]),
    Group("reference_policies_condition-keys.html#condition-keys-requestedregion", f"""
        allow user/ann sqs:SendMessage {QUEUE} aws:RequestedRegion=eu-central-1
        deny  user/ann sqs:SendMessage {QUEUE} aws:RequestedRegion=us-west-2
        allow user/ann iam:GetUser arn:aws:iam::{OWN}:user/x aws:RequestedRegion=us-east-1
        """, identity=[
            allow("*", "*"),
            but(deny(["iam:*", "organizations:*", "route53:*", "support:*"], "*",
                     StringNotEquals={"aws:RequestedRegion": ["eu-central-1", "eu-west-1"]}), "Action"),
        ]),
]  # fmt: skip
