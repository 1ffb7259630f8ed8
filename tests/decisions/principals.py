"""Decisions about principals: accounts, users, roles, sessions, services, everybody; and trust policies."""

from __future__ import annotations

from decisions import OTHER, OWN, Group, allow, deny

PAGE = "reference_policies_elements_principal.html"
NOT = "reference_policies_elements_notprincipal.html"
QUEUE = f"arn:aws:sqs:us-east-1:{OWN}:q"
SEND = f"sqs:SendMessage {QUEUE}"
ROLE = f"arn:aws:iam::{OWN}:role/target"
ASSUME = f"sts:AssumeRole {ROLE}"
BUCKET = "s3:GetObject arn:aws:s3:::BUCKETNAME/k"
MAY = [allow("*", "*")]
BOB = [f"arn:aws:iam::{OTHER}:user/Bob", f"arn:aws:iam::{OTHER}:root"]
AUDIT = [
    f"arn:aws:sts::{OTHER}:assumed-role/cross-account-read-only-role/cross-account-audit-app",
    f"arn:aws:iam::{OTHER}:role/cross-account-read-only-role",
    f"arn:aws:iam::{OTHER}:root",
]

GROUPS = [
    Group(f"{PAGE}#principal-accounts", f"""
        allow 123456789012:user/x {SEND}
        allow 123456789012:role/r/s {SEND}
        allow 123456789012:root {SEND}
        allow 555555555555:user/x {SEND}
        none  {OTHER}:user/x {SEND}
        none  sns.amazonaws.com {SEND}
        none  nobody {SEND}
        """, identity=MAY,
        resource=[allow("sqs:*", "*", {"AWS": ["arn:aws:iam::123456789012:root", "555555555555"]})]),
    Group(f"{PAGE}#principal-accounts", f"""
        allow {OTHER}:user/x {BUCKET} aws:canonicaluserid=79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be
        none  {OTHER}:user/x {BUCKET} aws:canonicaluserid=00a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be
        none  {OTHER}:user/x {BUCKET}
        """, identity=MAY, resource=[allow("s3:*", "*", {
            "CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"})]),
    Group(f"{PAGE}#principal-roles", f"""
        allow {OTHER}:role/role-name/any {SEND}
        none  {OTHER}:role/role-name-2/any {SEND}
        none  {OTHER}:user/role-name {SEND}
        """, identity=MAY, resource=[allow("sqs:*", "*", {"AWS": f"arn:aws:iam::{OTHER}:role/role-name"})]),
    Group(f"{PAGE}#principal-roles", f"""
        allow {OTHER}:role/role-name/any {SEND}
        none  {OTHER}:role/path/any {SEND}
        allow {OTHER}:role/role-name/any {SEND} aws:PrincipalArn=arn:aws:iam::{OTHER}:role/path/role-name
        none  {OTHER}:role/role-name/any {SEND} aws:PrincipalArn=arn:aws:iam::{OTHER}:role/role-name
        """, identity=MAY, resource=[allow("sqs:*", "*", {"AWS": f"arn:aws:iam::{OTHER}:role/path/role-name"})]),
    Group(f"{PAGE}#principal-roles", f"""
        allow {OTHER}:role/r/s {SEND} aws:userid=AROADBQP57FF2AEXAMPLE:s
        none  {OTHER}:role/r/s {SEND} aws:userid=AROADBQP57FF2ANOTHERS:s
        none  {OTHER}:role/r/s {SEND}
        """, identity=MAY, resource=[allow("sqs:*", "*", {"AWS": "AROADBQP57FF2AEXAMPLE"})]),
    Group(f"{PAGE}#principal-users", f"""
        allow user/ann {SEND} aws:userid=AIDACKCEVSQ6C2EXAMPLE
        none  user/ann {SEND} aws:userid=AIDACKCEVSQ6C2ANOTHER
        """, resource=[allow("sqs:*", "*", {"AWS": "AIDACKCEVSQ6C2EXAMPLE"})]),
    Group(f"{PAGE}#principal-users", f"""
        allow user/user-name-1 {SEND}
        allow user/user-name-2 {SEND}
        none  user/User-Name-1 {SEND}
        none  user/user-name-3 {SEND}
        """, resource=[allow("sqs:*", "*", {
            "AWS": [f"arn:aws:iam::{OWN}:user/user-name-1", f"arn:aws:iam::{OWN}:user/user-name-2"]})]),
    Group(f"{PAGE}#principal-users", f"""
        none  user/ann {SEND}
        none  user/anything {SEND}
        """, resource=[allow("sqs:*", "*", {"AWS": f"arn:aws:iam::{OWN}:user/*"})]),
    Group(f"{PAGE}#principal-services", f"""
        allow sns.amazonaws.com {SEND}
        allow s3.amazonaws.com {SEND}
        none  events.amazonaws.com {SEND}
        none  user/ann {SEND}
        """, resource=[allow("sqs:*", "*", {"Service": ["sns.amazonaws.com", "s3.amazonaws.com"]})]),
    Group(f"{PAGE}#principal-anonymous", f"""
        allow nobody {SEND}
        allow user/ann {SEND}
        allow sns.amazonaws.com {SEND}
        none  {OTHER}:user/ann {SEND}
        """, resource=[allow("sqs:*", "*", "*")]),
    Group(f"{PAGE}#principal-anonymous", f"""
        allow nobody {SEND}
        allow {OTHER}:user/ann {SEND}
        """, identity=MAY, resource=[allow("sqs:*", "*", {"AWS": "*"})]),
    Group(f"{NOT}#specifying-notprincipal", f"""
        allow {OTHER}:user/Bob {BUCKET}
        allow {OTHER}:user/Ann {BUCKET}
        deny  user/Bob {BUCKET}
        deny  555555555555:user/Bob {BUCKET}
        deny  nobody {BUCKET}
        """, identity=MAY, resource=[
            allow("s3:*", "*", "*"), {**deny("s3:*", "*"), "NotPrincipal": {"AWS": BOB}},
        ], owner="555555555556"),
    Group(f"{NOT}#specifying-notprincipal", f"""
        allow {OTHER}:role/cross-account-read-only-role/cross-account-audit-app {BUCKET}
        deny  555555555555:role/cross-account-read-only-role/cross-account-audit-app {BUCKET}
        deny  s3.amazonaws.com {BUCKET}
        """, identity=MAY, resource=[
            allow("s3:*", "*", {"AWS": OTHER}), {**deny("s3:*", "*"), "NotPrincipal": {"AWS": AUDIT}},
        ]),
    Group(f"{NOT}#specifying-notprincipal-allow", f"""
        allow nobody {BUCKET}
        none  {OTHER}:user/Bob {BUCKET}
        """, identity=MAY, resource=[{**allow("s3:*", "*"), "NotPrincipal": {"AWS": f"arn:aws:iam::{OTHER}:user/Bob"}}]),
    Group("reference_policies_condition-keys.html#condition-keys-principalisawsservice", f"""
        deny  user/ann {SEND}
        allow sns.amazonaws.com {SEND}
        """, identity=MAY, resource=[
            allow("sqs:*", "*", "*"), deny("sqs:*", "*", "*", Bool={"aws:PrincipalIsAWSService": "false"})]),
    Group("reference_policies_condition-keys.html#condition-keys-principalaccount", f"""
        allow {OTHER}:user/ann {SEND}
        none  555555555555:user/ann {SEND}
        none  nobody {SEND}
        """, identity=MAY, resource=[allow("sqs:*", "*", "*", StringEquals={"aws:PrincipalAccount": OTHER})]),
    Group("reference_policies_condition-keys.html#condition-keys-principaltype", f"""
        allow user/ann {SEND}
        none  role/r/s {SEND}
        none  federated/ann {SEND}
        """, identity=[allow("*", "*", StringEquals={"aws:PrincipalType": "User"})]),
    Group("reference_policies_condition-keys.html#condition-keys-principalarn", f"""
        deny  user/ann {SEND}
        allow role/admin/s {SEND}
        """, identity=[
            allow("*", "*"), deny("*", "*", ArnNotLike={"aws:PrincipalArn": f"arn:aws:iam::{OWN}:role/adm*"})]),
    Group("confused-deputy.html", f"""
        allow sns.amazonaws.com {SEND} aws:SourceArn=arn:aws:sns:us-east-1:{OWN}:t aws:SourceAccount={OWN}
        none  sns.amazonaws.com {SEND} aws:SourceArn=arn:aws:sns:us-east-1:{OTHER}:t aws:SourceAccount={OTHER}
        none  sns.amazonaws.com {SEND}
        """, resource=[allow("sqs:*", "*", {"Service": "sns.amazonaws.com"},
                             ArnLike={"aws:SourceArn": f"arn:aws:sns:*:{OWN}:*"},
                             StringEquals={"aws:SourceAccount": OWN})]),
    # Trust policies
    Group("id_roles_create_for-user_externalid.html", f"""
        allow {OTHER}:user/x {ASSUME} sts:ExternalId=12345
        none  {OTHER}:user/x {ASSUME} sts:ExternalId=123456
        none  {OTHER}:user/x {ASSUME}
        none  555555555555:user/x {ASSUME} sts:ExternalId=12345
        """, identity=MAY,
        trust=[allow("sts:AssumeRole", None, {"AWS": OTHER}, StringEquals={"sts:ExternalId": "12345"})]),
    Group("id_roles_use_permissions-to-switch.html", f"""
        none  user/ann {ASSUME}
        none  role/r/s {ASSUME}
        allow root {ASSUME}
        """, trust=[allow("sts:AssumeRole", None, {"AWS": f"arn:aws:iam::{OWN}:root"})]),
    Group("id_roles_use_permissions-to-switch.html", f"""
        allow user/ann {ASSUME}
        none  user/ann sts:AssumeRole arn:aws:iam::{OWN}:role/other
        """, identity=[allow("sts:AssumeRole", ROLE)],
        trust=[allow("sts:AssumeRole", None, {"AWS": f"arn:aws:iam::{OWN}:root"})]),
    Group("id_roles_use_permissions-to-switch.html", f"""
        allow user/ann {ASSUME}
        none  user/bob {ASSUME}
        none  {OTHER}:user/ann {ASSUME}
        """, trust=[allow("sts:AssumeRole", None, {"AWS": f"arn:aws:iam::{OWN}:user/ann"})]),
    Group("id_roles_compare-resource-policies.html", f"""
        none  user/ann {ASSUME}
        none  root {ASSUME}
        allow lambda.amazonaws.com {ASSUME}
        none  ec2.amazonaws.com {ASSUME}
        """, identity=MAY, trust=[allow("sts:AssumeRole", None, {"Service": "lambda.amazonaws.com"})]),
    Group("reference_policies_elements_principal.html#principal-federated-web-identity", f"""
        allow nobody sts:AssumeRoleWithWebIdentity {ROLE} aws:FederatedProvider=accounts.google.com
        none  nobody sts:AssumeRoleWithWebIdentity {ROLE} aws:FederatedProvider=graph.facebook.com
        none  user/ann sts:AssumeRoleWithWebIdentity {ROLE}
        """, identity=MAY, trust=[allow("sts:AssumeRoleWithWebIdentity", None, {"Federated": "accounts.google.com"})]),
    Group("id_session-tags.html#id_session-tags_permissions-required", f"""
        allow user/ann {ASSUME}
        none  user/ann sts:TagSession {ROLE} aws:RequestTag/team=red
        """, identity=MAY, trust=[allow("sts:AssumeRole", None, {"AWS": OWN})]),
    Group("id_session-tags.html#id_session-tags_permissions-required", f"""
        allow user/ann sts:TagSession {ROLE} aws:RequestTag/team=red
        none  user/ann sts:TagSession {ROLE} aws:RequestTag/team=blue
        """, identity=MAY, trust=[
            allow(["sts:AssumeRole", "sts:TagSession"], None, {"AWS": OWN}, StringEquals={"aws:RequestTag/team": "red"})]),
    Group("id_credentials_mfa_configure-api-require.html", f"""
        none  {OTHER}:user/x {ASSUME}
        allow {OTHER}:user/x {ASSUME} aws:MultiFactorAuthPresent=true
        """, identity=MAY, trust=[
            allow("sts:AssumeRole", None, {"AWS": OTHER}, Bool={"aws:MultiFactorAuthPresent": "true"})]),
    Group("id_roles_use_revoke-sessions.html", f"""
        deny  role/r/s {SEND} aws:TokenIssueTime=2026-07-01T00:00:00Z
        allow role/r/s {SEND} aws:TokenIssueTime=2026-07-02T00:00:01Z
        """, identity=[allow("*", "*"), deny("*", "*", DateLessThan={"aws:TokenIssueTime": "2026-07-02T00:00:00.000Z"})]),
]  # fmt: skip
