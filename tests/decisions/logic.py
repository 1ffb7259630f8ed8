"""Decisions about the kinds of policies: identity, boundary, session, resource; within an account and across."""

from __future__ import annotations

from decisions import OTHER, OWN, Group, allow, but, deny

BUCKET = "arn:aws:s3:::amzn-s3-demo-bucket-carlossalazar-logs"
CARLOS = [
    allow(["s3:GetBucketLocation", "s3:ListAllMyBuckets"], "arn:aws:s3:::*"),
    allow("s3:ListBucket", BUCKET),
    deny("s3:*", "arn:aws:s3:::*log*", StringNotLike={"aws:username": "carlossalazar"}),
]
SHIRLEY = [allow(["s3:*", "cloudwatch:*", "ec2:*"], "*")]
X_BOUNDARIES = [
    allow(["s3:*", "cloudwatch:*", "ec2:*", "dynamodb:*"], "*"),
    allow(["iam:ListUsers", "iam:GetAccountPasswordPolicy"], "*"),
    allow(["iam:*AccessKey*", "iam:ChangePassword", "iam:GetUser"], "arn:aws:iam::*:user/${aws:username}"),
    deny("s3:*", ["arn:aws:s3:::logs", "arn:aws:s3:::logs/*"]),
    deny("ec2:*", "arn:aws:ec2:*:*:instance/i-1234567890abcdef0"),
]
DELEGATED = [
    allow(
        ["iam:CreateUser", "iam:AttachUserPolicy", "iam:PutUserPermissionsBoundary"],
        "*",
        StringEquals={"iam:PermissionsBoundary": f"arn:aws:iam::{OWN}:policy/XCompanyBoundaries"},
    ),
    allow(["cloudwatch:*", "iam:GetUser", "iam:*Group*", "iam:DeletePolicy"], "*"),
    deny("iam:DeletePolicy", f"arn:aws:iam::{OWN}:policy/XCompanyBoundaries"),
    deny("iam:DeleteUserPermissionsBoundary", "*"),
]
QUEUE = f"arn:aws:sqs:us-east-1:{OWN}:q"
TO = {"AWS": f"arn:aws:iam::{OWN}:role/examplerole"}
SESSION = {"AWS": f"arn:aws:sts::{OWN}:assumed-role/examplerole/examplesession"}
USER = {"AWS": f"arn:aws:iam::{OWN}:user/exampleuser"}
FEDERATED = {"AWS": f"arn:aws:sts::{OWN}:federated-user/exampleuser"}
ELSEWHERE = [allow("sns:*", "*")]
SHARED = "arn:aws:s3:::Production"

GROUPS = [
    Group("reference_policies_evaluation-logic_policy-eval-basics.html", f"""
        allow user/carlossalazar s3:ListBucket {BUCKET}
        allow user/carlossalazar s3:ListAllMyBuckets arn:aws:s3:::*
        none  user/carlossalazar s3:PutObject {BUCKET}/log.txt
        none  user/carlossalazar s3:PutObject arn:aws:s3:::other/x
        deny  user/mary s3:ListBucket {BUCKET}
        deny  user/mary s3:GetObject arn:aws:s3:::logs/x
        deny  role/carlossalazar/x s3:ListBucket {BUCKET}
        """, identity=CARLOS),
    Group("reference_policies_evaluation-logic_policy-eval-basics.html", f"""
        allow user/carlossalazar s3:PutObject {BUCKET}/log.txt
        allow user/carlossalazar s3:ListBucket {BUCKET}
        none  user/carlossalazar s3:DeleteObject {BUCKET}/log.txt
        """, identity=CARLOS, resource=[
            allow(["s3:GetObject", "s3:PutObject"], f"{BUCKET}/*", {"AWS": f"arn:aws:iam::{OWN}:user/carlossalazar"}),
        ]),
    Group("reference_policies_evaluation-logic_AccessPolicyLanguage_Interplay.html", f"""
        deny  user/ann sqs:SendMessage {QUEUE}
        allow user/ann sqs:ReceiveMessage {QUEUE}
        none  user/ann sns:Publish arn:aws:sns:us-east-1:{OWN}:t
        """, identity=[allow("sqs:*", "*"), deny("sqs:SendMessage", "*")]),
    Group("reference_policies_evaluation-logic_policy-eval-denyallow.html", f"""
        allow root sqs:SendMessage {QUEUE}
        allow root iam:CreateUser arn:aws:iam::{OWN}:user/x
        none  user/ann sqs:SendMessage {QUEUE}
        none  role/r/s sqs:SendMessage {QUEUE}
        none  nobody sqs:SendMessage {QUEUE}
        """),
    Group("access_policies_boundaries.html", f"""
        none  user/ShirleyRodriguez iam:CreateUser arn:aws:iam::{OWN}:user/x
        none  user/ShirleyRodriguez s3:GetObject arn:aws:s3:::b/k
        """, identity=[allow("iam:CreateUser", "*")], boundary=SHIRLEY),
    Group("access_policies_boundaries.html", """
        allow user/ShirleyRodriguez s3:GetObject arn:aws:s3:::b/k
        none  user/ShirleyRodriguez s3:PutObject arn:aws:s3:::b/k
        none  user/ShirleyRodriguez sqs:ListQueues *
        """, identity=[allow(["s3:GetObject", "sqs:*"], "*")], boundary=SHIRLEY),
    Group("access_policies_boundaries.html#access_policies_boundaries-delegate", f"""
        allow user/Nikhil s3:GetObject arn:aws:s3:::b/k
        deny  user/Nikhil s3:GetObject arn:aws:s3:::logs/k
        deny  user/Nikhil s3:ListBucket arn:aws:s3:::logs
        allow user/Nikhil iam:CreateAccessKey arn:aws:iam::{OWN}:user/Nikhil
        none  user/Nikhil iam:CreateAccessKey arn:aws:iam::{OWN}:user/Zhang
        none  user/Nikhil iam:CreateUser arn:aws:iam::{OWN}:user/x
        deny  user/Nikhil ec2:StopInstances arn:aws:ec2:us-east-1:{OWN}:instance/i-1234567890abcdef0
        allow user/Nikhil ec2:StopInstances arn:aws:ec2:us-east-1:{OWN}:instance/i-2
        """, identity=[allow("*", "*")], boundary=X_BOUNDARIES),
    Group("access_policies_boundaries.html#access_policies_boundaries-delegate", f"""
        allow user/Zhang iam:CreateUser arn:aws:iam::{OWN}:user/x iam:PermissionsBoundary=arn:aws:iam::{OWN}:policy/XCompanyBoundaries
        none  user/Zhang iam:CreateUser arn:aws:iam::{OWN}:user/x iam:PermissionsBoundary=arn:aws:iam::{OWN}:policy/Other
        none  user/Zhang iam:CreateUser arn:aws:iam::{OWN}:user/x
        deny  user/Zhang iam:DeleteUserPermissionsBoundary arn:aws:iam::{OWN}:user/x
        deny  user/Zhang iam:DeletePolicy arn:aws:iam::{OWN}:policy/XCompanyBoundaries
        allow user/Zhang iam:DeletePolicy arn:aws:iam::{OWN}:policy/Other
        allow user/Zhang iam:CreateGroup arn:aws:iam::{OWN}:group/g
        none  user/Zhang cloudwatch:ListDashboards *
        """, identity=[allow("iam:*", "*")], boundary=DELEGATED),
    Group("access_policies.html#policies_session", f"""
        allow role/examplerole/s sqs:SendMessage {QUEUE}
        none  role/examplerole/s sqs:ReceiveMessage {QUEUE}
        none  role/examplerole/s sns:Publish arn:aws:sns:us-east-1:{OWN}:t
        """, identity=[allow("sqs:*", "*")], session=[allow(["sqs:SendMessage", "sns:Publish"], "*")]),
    Group("access_policies.html#policies_session", f"""
        deny  role/examplerole/s sqs:SendMessage {QUEUE}
        allow role/examplerole/s sqs:ReceiveMessage {QUEUE}
        """, identity=[allow("sqs:*", "*")], session=[allow("*", "*"), deny("sqs:SendMessage", "*")]),
    Group("access_policies_boundaries.html#access_policies_boundaries-eval-logic", f"""
        allow role/examplerole/s sqs:SendMessage {QUEUE}
        none  role/examplerole/s sqs:ReceiveMessage {QUEUE}
        none  role/examplerole/s sqs:DeleteMessage {QUEUE}
        none  role/examplerole/s sqs:PurgeQueue {QUEUE}
        """, identity=[allow(["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"], "*")],
        boundary=[allow(["sqs:SendMessage", "sqs:DeleteMessage", "sqs:PurgeQueue"], "*")],
        session=[allow(["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:PurgeQueue"], "*")]),
    *(
        Group("reference_policies_evaluation-logic_policy-eval-denyallow.html", lines, identity=ELSEWHERE,
              boundary=boundary, session=session, resource=[allow("sqs:SendMessage", QUEUE, to)])
        for to, boundary, session, lines in (
            (TO, None, None, f"allow role/examplerole/examplesession sqs:SendMessage {QUEUE}"),
            (TO, ELSEWHERE, None, f"none role/examplerole/examplesession sqs:SendMessage {QUEUE}"),
            (TO, None, ELSEWHERE, f"none role/examplerole/examplesession sqs:SendMessage {QUEUE}"),
            (TO, None, None, f"none role/otherrole/examplesession sqs:SendMessage {QUEUE}"),
            (TO, None, None, f"none {OTHER}:role/examplerole/examplesession sqs:SendMessage {QUEUE}"),
            (SESSION, None, None, f"allow role/examplerole/examplesession sqs:SendMessage {QUEUE}"),
            (SESSION, ELSEWHERE, ELSEWHERE, f"allow role/examplerole/examplesession sqs:SendMessage {QUEUE}"),
            (SESSION, ELSEWHERE, ELSEWHERE, f"none role/examplerole/anothersession sqs:SendMessage {QUEUE}"),
            (SESSION, [deny("*", "*")], None, f"deny role/examplerole/examplesession sqs:SendMessage {QUEUE}"),
            (SESSION, None, [deny("*", "*")], f"deny role/examplerole/examplesession sqs:SendMessage {QUEUE}"),
            (USER, None, None, f"allow user/exampleuser sqs:SendMessage {QUEUE}"),
            (USER, ELSEWHERE, None, f"allow user/exampleuser sqs:SendMessage {QUEUE}"),
            (USER, None, None, f"none user/another sqs:SendMessage {QUEUE}"),
            (FEDERATED, ELSEWHERE, ELSEWHERE, f"allow federated/exampleuser sqs:SendMessage {QUEUE}"),
            (USER, None, ELSEWHERE, f"none federated/exampleuser sqs:SendMessage {QUEUE}"),
            ({"AWS": OWN}, None, None, f"none user/exampleuser sqs:SendMessage {QUEUE}"),
            ({"AWS": OWN}, None, None, f"allow root sqs:SendMessage {QUEUE}"),
            ("*", ELSEWHERE, ELSEWHERE, f"allow role/examplerole/examplesession sqs:SendMessage {QUEUE}"),
        )
    ),
    Group("reference_policies_elements_principal.html#principal-roles", f"""
        allow role/examplerole/s sqs:SendMessage {QUEUE}
        none  role/otherrole/s sqs:SendMessage {QUEUE}
        """, boundary=ELSEWHERE,
        resource=[allow("sqs:SendMessage", QUEUE, "*", ArnEquals={"aws:PrincipalArn": TO["AWS"]})]),
    Group("reference_policies_evaluation-logic-cross-account.html", f"""
        allow {OTHER}:user/Carlos s3:GetObject {SHARED}/x
        none  {OTHER}:user/Carlos s3:PutObject {SHARED}/x
        none  {OTHER}:user/Carlos s3:DeleteObject {SHARED}/x
        none  555555555555:user/Carlos s3:GetObject {SHARED}/x
        """, identity=[allow(["s3:GetObject", "s3:DeleteObject"], "*")],
        resource=[allow(["s3:GetObject", "s3:PutObject"], f"{SHARED}/*", {"AWS": f"arn:aws:iam::{OTHER}:root"})]),
    Group("reference_policies_evaluation-logic-cross-account.html#policy-eval-cross-account-example", f"""
        allow {OTHER}:user/Carlos s3:PutObject {SHARED}/x
        allow {OTHER}:user/Carlos s3:ListBucket {SHARED}
        none  {OTHER}:user/DavidM s3:PutObject {SHARED}/x
        none  {OTHER}:role/Carlos/s s3:PutObject {SHARED}/x
        """, identity=[allow("s3:*", "*")],
        resource=[allow(["s3:GetObject*", "s3:PutObject*", "s3:ListBucket"], [SHARED, f"{SHARED}/*"],
                        {"AWS": f"arn:aws:iam::{OTHER}:user/Carlos"})]),
    Group("reference_policies_evaluation-logic-cross-account.html", f"""
        deny  {OTHER}:user/Carlos s3:PutObject {SHARED}/x
        none  {OTHER}:user/Carlos s3:GetObject {SHARED}/x
        """, identity=[deny("s3:PutObject", "*")], resource=[allow("s3:*", f"{SHARED}/*", {"AWS": OTHER})]),
    Group("reference_policies_evaluation-logic-cross-account.html", f"""
        none  {OTHER}:role/r/s s3:PutObject {SHARED}/x
        none  {OTHER}:user/Carlos s3:PutObject {SHARED}/x
        """, identity=[allow("s3:*", "*")], boundary=ELSEWHERE, resource=[allow("s3:*", f"{SHARED}/*", "*")]),
    Group("reference_policies_evaluation-logic-cross-account.html", f"""
        allow {OTHER}:root s3:PutObject {SHARED}/x
        none  {OTHER}:root s3:DeleteBucket {SHARED}
        allow root s3:DeleteBucket {SHARED}
        """, resource=[allow("s3:PutObject", f"{SHARED}/*", {"AWS": OTHER})]),
    Group("root-user-tasks.html", f"""
        deny  root s3:GetObject {SHARED}/x
        allow root s3:DeleteBucketPolicy {SHARED}
        allow root s3:PutBucketPolicy {SHARED}
        deny  user/admin s3:DeleteBucketPolicy {SHARED}
        deny  {OTHER}:root s3:DeleteBucketPolicy {SHARED}
        """, identity=[allow("*", "*")], resource=[deny("s3:*", [SHARED, f"{SHARED}/*"], "*")]),
    Group("reference_policies_elements_notaction.html", f"""
        allow user/ann sqs:SendMessage {QUEUE}
        none  user/ann iam:CreateUser arn:aws:iam::{OWN}:user/x
        allow user/ann s3:GetObject arn:aws:s3:::b/k
        """, identity=[but(allow("iam:*", "*"), "Action")]),
    Group("reference_policies_elements_notaction.html", f"""
        allow user/ann iam:CreateUser arn:aws:iam::{OWN}:user/x
        deny  user/ann sqs:SendMessage {QUEUE}
        allow user/ann sqs:SendMessage {QUEUE} aws:MultiFactorAuthPresent=true
        deny  user/ann sqs:SendMessage {QUEUE} aws:MultiFactorAuthPresent=false
        """, identity=[allow("*", "*"), but(deny("iam:*", "*", BoolIfExists={"aws:MultiFactorAuthPresent": "false"}), "Action")]),
    Group("reference_policies_elements_notresource.html", """
        deny  user/ann s3:GetObject arn:aws:s3:::other/k
        allow user/ann s3:GetObject arn:aws:s3:::HRBucket/Payroll/k
        allow user/ann s3:ListBucket arn:aws:s3:::HRBucket/Payroll
        deny  user/ann s3:ListBucket arn:aws:s3:::HRBucket
        """, identity=[
            allow("s3:*", "*"),
            but(deny("s3:*", ["arn:aws:s3:::HRBucket/Payroll", "arn:aws:s3:::HRBucket/Payroll/*"]), "Resource"),
        ]),
    Group("reference_policies_elements_notresource.html", f"""
        allow user/ann sqs:SendMessage {QUEUE}
        none  user/ann sqs:SendMessage {QUEUE}-secret
        """, identity=[but(allow("sqs:*", f"{QUEUE}-secret"), "Resource")]),
]  # fmt: skip
