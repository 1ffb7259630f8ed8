"""Decisions about the example policies of S3, SQS, SNS, Lambda, KMS, EventBridge, Secrets Manager, ECR and IAM."""

from __future__ import annotations

from decisions import OTHER, OWN, Group, allow, but, deny

S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/"
SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
SNS = "https://docs.aws.amazon.com/sns/latest/dg/"
LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/"
KMS = "https://docs.aws.amazon.com/kms/latest/developerguide/"
EVENTS = "https://docs.aws.amazon.com/eventbridge/latest/userguide/"
BUCKET = "arn:aws:s3:::amzn-s3-demo-bucket"
QUEUE = f"arn:aws:sqs:us-east-2:{OWN}:queue1"
TOPIC = f"arn:aws:sns:us-east-2:{OWN}:MyTopic"
FUNCTION = f"arn:aws:lambda:us-west-2:{OWN}:function:my-function"
KEY = f"arn:aws:kms:us-west-2:{OWN}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ROOT = {"AWS": f"arn:aws:iam::{OWN}:root"}
EXAMPLE_ROLE = {"AWS": f"arn:aws:iam::{OWN}:role/ExampleRole"}
MAY = [allow("*", "*")]
DEFAULT_KEY = [allow("kms:*", "*", ROOT)]
BUS = f"arn:aws:events:us-east-1:{OWN}:event-bus/central"
SECRET = f"arn:aws:secretsmanager:us-east-1:{OWN}:secret:TestEnv/db-AbCdEf"
REPOSITORY = f"arn:aws:ecr:us-east-1:{OWN}:repository/app"

GROUPS = [
    Group(f"{S3}example-bucket-policies.html", f"""
        allow nobody s3:GetObject {BUCKET}/photo.jpg
        allow user/ann s3:GetObject {BUCKET}/a/b
        none  nobody s3:PutObject {BUCKET}/photo.jpg
        none  nobody s3:ListBucket {BUCKET}
        """, resource=[allow(["s3:GetObject", "s3:GetObjectVersion"], f"{BUCKET}/*", "*")]),
    Group(f"{S3}example-bucket-policies.html", f"""
        deny  user/ann s3:GetObject {BUCKET}/k aws:SecureTransport=false
        allow user/ann s3:GetObject {BUCKET}/k aws:SecureTransport=true
        """, identity=MAY, resource=[deny("s3:*", [BUCKET, f"{BUCKET}/*"], "*", Bool={"aws:SecureTransport": "false"})]),
    Group(f"{S3}example-bucket-policies.html", f"""
        allow user/ann s3:GetObject {BUCKET}/k aws:SourceIp=192.0.2.9
        allow user/ann s3:GetObject {BUCKET}/k aws:SourceIp=2001:db8:1234:5678::9
        deny  user/ann s3:GetObject {BUCKET}/k aws:SourceIp=203.0.113.9
        deny  root s3:GetObject {BUCKET}/k aws:SourceIp=203.0.113.9
        """, identity=MAY, resource=[deny("s3:*", [BUCKET, f"{BUCKET}/*"], "*", NotIpAddress={
            "aws:SourceIp": ["192.0.2.0/24", "2001:DB8:1234:5678::/64"]})]),
    Group(f"{S3}example-bucket-policies.html", f"""
        deny  user/ann s3:GetObject {BUCKET}/taxdocuments/k
        deny  user/ann s3:GetObject {BUCKET}/taxdocuments/k aws:MultiFactorAuthAge=
        allow user/ann s3:GetObject {BUCKET}/taxdocuments/k aws:MultiFactorAuthAge=300
        allow user/ann s3:GetObject {BUCKET}/other/k
        """, identity=MAY, resource=[
            deny("s3:*", f"{BUCKET}/taxdocuments/*", "*", Null={"aws:MultiFactorAuthAge": True})]),
    Group(f"{S3}example-bucket-policies.html", f"""
        deny  user/ann s3:GetObject {BUCKET}/taxdocuments/k aws:MultiFactorAuthAge=3601
        allow user/ann s3:GetObject {BUCKET}/taxdocuments/k aws:MultiFactorAuthAge=3600
        """, identity=MAY, resource=[
            deny("s3:*", f"{BUCKET}/taxdocuments/*", "*", NumericGreaterThan={"aws:MultiFactorAuthAge": 3600})]),
    Group(f"{S3}amazon-s3-policy-keys.html", f"""
        allow user/Dave s3:ListBucket {BUCKET} s3:prefix=projects
        none  user/Dave s3:ListBucket {BUCKET} s3:prefix=finance
        none  user/Dave s3:ListBucket {BUCKET}
        """, resource=[allow("s3:ListBucket", BUCKET, {"AWS": f"arn:aws:iam::{OWN}:user/Dave"},
                             StringEquals={"s3:prefix": "projects"})]),
    Group(f"{S3}amazon-s3-policy-keys.html", f"""
        deny  user/Dave s3:ListBucket {BUCKET} s3:prefix=finance
        deny  user/Dave s3:ListBucket {BUCKET}
        allow user/Dave s3:ListBucket {BUCKET} s3:prefix=projects
        """, identity=[allow("s3:ListBucket", BUCKET),
                       deny("s3:ListBucket", BUCKET, StringNotEquals={"s3:prefix": "projects"})]),
    Group(f"{S3}grant-destinations-permissions-to-s3.html", f"""
        allow s3.amazonaws.com sqs:SendMessage {QUEUE} aws:SourceArn={BUCKET} aws:SourceAccount={OWN}
        none  s3.amazonaws.com sqs:SendMessage {QUEUE} aws:SourceArn={BUCKET} aws:SourceAccount={OTHER}
        none  s3.amazonaws.com sqs:SendMessage {QUEUE} aws:SourceArn=arn:aws:s3:::other aws:SourceAccount={OWN}
        none  s3.amazonaws.com sqs:ReceiveMessage {QUEUE} aws:SourceArn={BUCKET} aws:SourceAccount={OWN}
        """, resource=[allow("SQS:SendMessage", QUEUE, {"Service": "s3.amazonaws.com"},
                             ArnLike={"aws:SourceArn": "arn:aws:s3:*:*:amzn-s3-demo-bucket"},
                             StringEquals={"aws:SourceAccount": OWN})]),
    Group("reference_policies_examples_s3_home-directory-console.html", f"""
        allow user/ann s3:ListBucket {BUCKET} s3:prefix=''
        allow user/ann s3:ListBucket {BUCKET} s3:prefix=home/ann/x
        none  user/ann s3:ListBucket {BUCKET} s3:prefix=home/bob/x
        allow user/ann s3:DeleteObject {BUCKET}/home/ann/x
        allow user/ann s3:PutObject {BUCKET}/home/ann
        none  user/ann s3:PutObject {BUCKET}/home/anna/x
        """, identity=[
            allow("s3:ListBucket", BUCKET, StringLike={"s3:prefix": ["", "home/", "home/${aws:username}/*"]}),
            allow("s3:*", [f"{BUCKET}/home/${{aws:username}}", f"{BUCKET}/home/${{aws:username}}/*"]),
        ]),
    Group(f"{SQS}sqs-basic-examples-of-sqs-policies.html", f"""
        allow {OTHER}:user/x sqs:SendMessage {QUEUE}
        allow {OTHER}:role/r/s sqs:ReceiveMessage {QUEUE}
        none  {OTHER}:user/x sqs:DeleteQueue {QUEUE}
        none  777788889999:user/x sqs:SendMessage {QUEUE}
        """, identity=MAY, resource=[
            allow(["sqs:SendMessage", "sqs:ReceiveMessage"], QUEUE, {"AWS": [OTHER]})]),
    Group(f"{SQS}sqs-basic-examples-of-sqs-policies.html", f"""
        allow {OTHER}:role/role1/s sqs:SendMessage {QUEUE}
        allow {OTHER}:user/username1 sqs:ReceiveMessage {QUEUE}
        none  {OTHER}:user/username2 sqs:ReceiveMessage {QUEUE}
        """, identity=MAY, resource=[allow("sqs:*", QUEUE, {
            "AWS": [f"arn:aws:iam::{OTHER}:role/role1", f"arn:aws:iam::{OTHER}:user/username1"]})]),
    Group(f"{SQS}sqs-basic-examples-of-sqs-policies.html", f"""
        allow nobody sqs:ReceiveMessage {QUEUE} aws:CurrentTime=2009-01-31T13:00:00Z
        none  nobody sqs:ReceiveMessage {QUEUE} aws:CurrentTime=2009-01-31T15:30:00Z
        none  nobody sqs:SendMessage {QUEUE} aws:CurrentTime=2009-01-31T13:00:00Z
        """, resource=[allow("sqs:ReceiveMessage", QUEUE, "*",
                             DateGreaterThan={"aws:CurrentTime": "2009-01-31T12:00Z"},
                             DateLessThan={"aws:CurrentTime": "2009-01-31T15:00Z"})], version="2008-10-17"),
    Group(f"{SQS}sqs-basic-examples-of-sqs-policies.html", f"""
        allow nobody sqs:SendMessage {QUEUE} aws:SourceIp=192.0.2.77
        deny  nobody sqs:SendMessage {QUEUE} aws:SourceIp=192.0.2.188
        none  nobody sqs:SendMessage {QUEUE} aws:SourceIp=203.0.113.1
        """, resource=[allow("sqs:*", QUEUE, "*", IpAddress={"aws:SourceIp": "192.0.2.0/24"}),
                       deny("sqs:*", QUEUE, "*", IpAddress={"aws:SourceIp": "192.0.2.188/32"})]),
    Group(f"{SQS}sqs-basic-examples-of-identity-based-policies.html", f"""
        allow user/ann sqs:CreateQueue {QUEUE}
        allow user/ann sqs:DeleteQueue arn:aws:sqs:eu-west-1:{OWN}:queue1-x
        none  user/ann sqs:CreateQueue arn:aws:sqs:us-east-2:{OWN}:other
        """, identity=[allow("sqs:*", f"arn:aws:sqs:*:{OWN}:queue1*")]),
    Group(f"{SNS}sns-access-policy-use-cases.html", f"""
        allow {OTHER}:user/x sns:Publish {TOPIC}
        none  {OTHER}:user/x sns:Subscribe {TOPIC}
        none  777788889999:user/x sns:Publish {TOPIC}
        """, identity=MAY, resource=[allow("sns:Publish", TOPIC, {"AWS": OTHER})]),
    Group(f"{SNS}sns-access-policy-use-cases.html", f"""
        allow {OTHER}:user/x sns:Subscribe {TOPIC} sns:Protocol=https
        none  {OTHER}:user/x sns:Subscribe {TOPIC} sns:Protocol=sqs
        """, identity=MAY, resource=[allow("sns:Subscribe", TOPIC, {"AWS": OTHER}, StringEquals={"sns:Protocol": "https"})]),
    Group(f"{SNS}sns-access-policy-use-cases.html", f"""
        allow s3.amazonaws.com sns:Publish {TOPIC} aws:SourceAccount={OWN} aws:SourceArn=arn:aws:s3:::b
        none  s3.amazonaws.com sns:Publish {TOPIC} aws:SourceAccount={OTHER} aws:SourceArn=arn:aws:s3:::b
        none  events.amazonaws.com sns:Publish {TOPIC} aws:SourceAccount={OWN}
        """, resource=[allow("sns:Publish", TOPIC, {"Service": "s3.amazonaws.com"}, StringEquals={"AWS:SourceAccount": OWN})]),
    Group(f"{SNS}subscribe-sqs-queue-to-sns-topic.html", f"""
        allow sns.amazonaws.com sqs:SendMessage {QUEUE} aws:SourceArn={TOPIC}
        none  sns.amazonaws.com sqs:SendMessage {QUEUE} aws:SourceArn={TOPIC}2
        none  user/ann sqs:SendMessage {QUEUE}
        """, resource=[allow("sqs:SendMessage", QUEUE, {"Service": "sns.amazonaws.com"}, ArnEquals={"aws:SourceArn": TOPIC})]),
    Group(f"{SNS}sns-access-policy-language-using-identity-based.html", f"""
        allow user/ann sns:Publish {TOPIC}
        allow user/ann SNS:Publish {TOPIC}_2
        none  user/ann sns:Publish arn:aws:sns:us-east-2:{OWN}:Other
        """, identity=[allow("sns:Publish", f"arn:aws:sns:*:{OWN}:MyTopic*")]),
    Group(f"{LAMBDA}permissions-function-services.html", f"""
        allow sns.amazonaws.com lambda:InvokeFunction {FUNCTION} aws:SourceArn={TOPIC}
        none  sns.amazonaws.com lambda:InvokeFunction {FUNCTION} aws:SourceArn={TOPIC}x
        none  sns.amazonaws.com lambda:InvokeFunction {FUNCTION}:live aws:SourceArn={TOPIC}
        none  sns.amazonaws.com lambda:GetFunction {FUNCTION} aws:SourceArn={TOPIC}
        """, resource=[allow("lambda:InvokeFunction", FUNCTION, {"Service": "sns.amazonaws.com"},
                             ArnLike={"AWS:SourceArn": TOPIC})]),
    Group(f"{LAMBDA}permissions-function-cross-account.html", f"""
        allow {OTHER}:role/r/s lambda:InvokeFunction {FUNCTION}:prod
        none  {OTHER}:role/r/s lambda:InvokeFunction {FUNCTION}
        """, identity=MAY, resource=[allow("lambda:InvokeFunction", f"{FUNCTION}:prod", {"AWS": f"arn:aws:iam::{OTHER}:root"})]),
    Group(f"{LAMBDA}urls-auth.html", f"""
        allow nobody lambda:InvokeFunctionUrl {FUNCTION} lambda:FunctionUrlAuthType=NONE
        none  nobody lambda:InvokeFunctionUrl {FUNCTION} lambda:FunctionUrlAuthType=AWS_IAM
        none  nobody lambda:InvokeFunction {FUNCTION} lambda:FunctionUrlAuthType=NONE
        """, resource=[allow("lambda:InvokeFunctionUrl", FUNCTION, "*", StringEquals={"lambda:FunctionUrlAuthType": "NONE"})]),
    Group(f"{LAMBDA}permissions-user-function.html", f"""
        allow user/ann lambda:Invoke {FUNCTION}
        allow user/ann lambda:UpdateFunctionCode arn:aws:lambda:us-west-2:{OWN}:function:my-other
        none  user/ann lambda:UpdateFunctionCode arn:aws:lambda:us-west-2:{OWN}:function:other
        """, identity=[allow("lambda:*", f"arn:aws:lambda:us-west-2:{OWN}:function:my-*")]),
    Group(f"{LAMBDA}lambda-api-permissions-ref.html", f"""
        allow user/ann lambda:CreateEventSourceMapping * lambda:FunctionArn={FUNCTION}
        none  user/ann lambda:CreateEventSourceMapping * lambda:FunctionArn={FUNCTION}-x
        none  user/ann lambda:CreateEventSourceMapping *
        """, identity=[allow("lambda:CreateEventSourceMapping", "*", ArnEquals={"lambda:FunctionArn": FUNCTION})]),
    Group(f"{LAMBDA}permissions-layer-cross-account.html", f"""
        allow {OTHER}:user/x lambda:GetLayerVersion arn:aws:lambda:us-west-2:{OWN}:layer:l:1
        none  777788889999:user/x lambda:GetLayerVersion arn:aws:lambda:us-west-2:{OWN}:layer:l:1
        """, identity=MAY, resource=[
            allow("lambda:GetLayerVersion", f"arn:aws:lambda:us-west-2:{OWN}:layer:l:1", {"AWS": f"arn:aws:iam::{OTHER}:root"})]),
    Group(f"{KMS}key-policy-default.html", f"""
        allow root kms:Encrypt {KEY}
        none  user/ann kms:Encrypt {KEY}
        none  nobody kms:Encrypt {KEY}
        none  {OTHER}:root kms:Encrypt {KEY}
        """, resource=DEFAULT_KEY),
    Group(f"{KMS}key-policy-default.html", f"""
        allow user/ann kms:Encrypt {KEY}
        allow role/r/s kms:Decrypt {KEY}
        none  {OTHER}:user/ann kms:Encrypt {KEY}
        """, identity=[allow("kms:*", "*")], resource=DEFAULT_KEY),
    Group(f"{KMS}key-policy-default.html", f"""
        none  user/ann kms:Encrypt {KEY}
        none  root kms:Encrypt {KEY}
        allow role/ExampleRole/s kms:Encrypt {KEY}
        none  role/ExampleRole/s kms:ScheduleKeyDeletion {KEY}
        """, identity=[allow("kms:*", "*")], resource=[allow(["kms:Encrypt", "kms:Decrypt"], "*", EXAMPLE_ROLE)]),
    Group(f"{KMS}key-policy-default.html#key-policy-default-allow-users", f"""
        allow role/ExampleRole/s kms:GenerateDataKey {KEY}
        none  role/ExampleRole/s kms:DisableKey {KEY}
        none  role/Other/s kms:GenerateDataKey {KEY}
        """, resource=[*DEFAULT_KEY, allow(["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"], "*", EXAMPLE_ROLE)]),
    Group(f"{KMS}conditions-kms.html#conditions-kms-grant-is-for-aws-resource", f"""
        allow role/ExampleRole/s kms:CreateGrant {KEY} kms:GrantIsForAWSResource=true
        none  role/ExampleRole/s kms:CreateGrant {KEY} kms:GrantIsForAWSResource=false
        none  role/ExampleRole/s kms:CreateGrant {KEY}
        """, resource=[allow("kms:CreateGrant", "*", EXAMPLE_ROLE, Bool={"kms:GrantIsForAWSResource": True})]),
    Group(f"{KMS}conditions-kms.html#conditions-kms-via-service", f"""
        allow role/ExampleRole/s kms:Decrypt {KEY} kms:ViaService=sqs.us-west-2.amazonaws.com
        none  role/ExampleRole/s kms:Decrypt {KEY} kms:ViaService=s3.us-west-2.amazonaws.com
        none  role/ExampleRole/s kms:Decrypt {KEY}
        """, resource=[allow("kms:*", "*", EXAMPLE_ROLE, StringEquals={"kms:ViaService": "sqs.us-west-2.amazonaws.com"})]),
    Group(f"{KMS}conditions-kms.html#conditions-kms-encryption-context", f"""
        allow role/ExampleRole/s kms:Encrypt {KEY} kms:EncryptionContext:AppName=ExampleApp
        none  role/ExampleRole/s kms:Encrypt {KEY} kms:EncryptionContext:AppName=Other
        none  role/ExampleRole/s kms:Encrypt {KEY}
        """, resource=[allow("kms:Encrypt", "*", EXAMPLE_ROLE, StringEquals={"kms:EncryptionContext:AppName": "ExampleApp"})]),
    Group(f"{KMS}conditions-kms.html#conditions-kms-caller-account", f"""
        allow {OTHER}:user/x kms:Decrypt {KEY} kms:CallerAccount={OTHER}
        none  777788889999:user/x kms:Decrypt {KEY} kms:CallerAccount=777788889999
        """, identity=MAY, resource=[allow("kms:Decrypt", "*", {"AWS": "*"}, StringEquals={"kms:CallerAccount": OTHER})]),
    Group(f"{KMS}key-policy-modifying-external-accounts.html", f"""
        allow {OTHER}:role/ExampleRole/s kms:Decrypt {KEY}
        none  {OTHER}:role/ExampleRole/s kms:GenerateDataKey {KEY}
        none  {OTHER}:role/ExampleRole/s kms:DescribeKey {KEY}
        """, identity=[allow(["kms:Decrypt", "kms:GenerateDataKey"], KEY)],
        resource=[*DEFAULT_KEY, allow(["kms:Decrypt", "kms:DescribeKey"], "*", {"AWS": f"arn:aws:iam::{OTHER}:root"})]),
    Group(f"{KMS}iam-policies-best-practices.html", f"""
        allow user/ann kms:DescribeKey {KEY}
        none  user/ann kms:ListKeys *
        allow user/ann kms:Decrypt {KEY} kms:RequestAlias=alias/finance-key
        none  user/ann kms:Decrypt {KEY} kms:RequestAlias=alias/other
        none  user/ann kms:Decrypt {KEY}
        """, identity=[allow("kms:DescribeKey", f"arn:aws:kms:*:{OWN}:key/*"),
                       allow("kms:Decrypt", f"arn:aws:kms:*:{OWN}:key/*", StringLike={"kms:RequestAlias": "alias/finance-*"})],
        resource=DEFAULT_KEY),
    Group(f"{EVENTS}eb-event-bus-perms.html", f"""
        allow {OTHER}:user/x events:PutEvents {BUS} events:source=com.exampleCorp.webStore events:detail-type=newOrderCreated
        none  {OTHER}:user/x events:PutEvents {BUS} events:source=com.other events:detail-type=newOrderCreated
        none  {OTHER}:user/x events:PutEvents {BUS} events:source=com.exampleCorp.webStore events:detail-type=x
        none  {OTHER}:user/x events:PutRule arn:aws:events:us-east-1:{OWN}:rule/central/r
        """, identity=MAY, resource=[allow("events:PutEvents", BUS, {"AWS": OTHER}, StringEquals={
            "events:detail-type": "newOrderCreated", "events:source": "com.exampleCorp.webStore"})]),
    Group(f"{EVENTS}eb-event-bus-perms.html", f"""
        allow {OTHER}:user/x events:PutRule arn:aws:events:us-east-1:{OWN}:rule/central/r
        allow {OTHER}:user/x events:PutTargets arn:aws:events:us-east-1:{OWN}:rule/central/r events:creatorAccount={OTHER}
        none  {OTHER}:user/x events:PutTargets arn:aws:events:us-east-1:{OWN}:rule/central/r events:creatorAccount={OWN}
        """, identity=MAY, resource=[
            allow("events:*", f"arn:aws:events:us-east-1:{OWN}:rule/central/*", {"AWS": OTHER},
                  StringEqualsIfExists={"events:creatorAccount": "${aws:PrincipalAccount}"})]),
    Group(f"{EVENTS}eb-policies-iam-policy.html", f"""
        allow user/ann events:PutRule arn:aws:events:us-east-1:{OWN}:rule/r events:source=aws.ec2
        none  user/ann events:PutRule arn:aws:events:us-east-1:{OWN}:rule/r events:source=aws.s3
        none  user/ann events:PutRule arn:aws:events:us-east-1:{OWN}:rule/r
        """, identity=[allow("events:PutRule", "*", StringEquals={"events:source": "aws.ec2"})]),
    Group("https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples.html", f"""
        allow user/ann secretsmanager:GetSecretValue {SECRET}
        none  user/ann secretsmanager:GetSecretValue arn:aws:secretsmanager:us-east-1:{OWN}:secret:Prod/db-AbCdEf
        none  user/ann secretsmanager:PutSecretValue {SECRET}
        """, identity=[allow("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:us-east-1:{OWN}:secret:TestEnv/*")]),
    Group("https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples.html", f"""
        allow user/ann secretsmanager:GetSecretValue arn:aws:secretsmanager:us-east-1:{OWN}:secret:MySecret-a1B2c3
        none  user/ann secretsmanager:GetSecretValue arn:aws:secretsmanager:us-east-1:{OWN}:secret:MySecret-a1B2c
        none  user/ann secretsmanager:GetSecretValue arn:aws:secretsmanager:us-east-1:{OWN}:secret:MySecretary-a1B2c3
        """, identity=[allow("secretsmanager:*", f"arn:aws:secretsmanager:us-east-1:{OWN}:secret:MySecret-??????")]),
    Group("https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html", f"""
        allow {OTHER}:user/push-pull-user-1 ecr:BatchGetImage {REPOSITORY}
        none  {OTHER}:user/other ecr:BatchGetImage {REPOSITORY}
        none  {OTHER}:user/push-pull-user-1 ecr:DeleteRepository {REPOSITORY}
        """, identity=MAY, resource=[allow(["ecr:BatchGetImage", "ecr:PutImage"], None, {
            "AWS": f"arn:aws:iam::{OTHER}:user/push-pull-user-1"})]),
    Group("reference_policies_examples_iam-passrole-service.html", f"""
        allow user/ann iam:PassRole arn:aws:iam::{OWN}:role/app iam:PassedToService=lambda.amazonaws.com
        none  user/ann iam:PassRole arn:aws:iam::{OWN}:role/app iam:PassedToService=ec2.amazonaws.com
        none  user/ann iam:PassRole arn:aws:iam::{OWN}:role/app
        """, identity=[allow("iam:PassRole", "*", StringEquals={"iam:PassedToService": "lambda.amazonaws.com"})]),
    Group("reference_policies_examples_iam_users-manage-group.html", f"""
        allow user/ann iam:CreateAccessKey arn:aws:iam::{OWN}:user/ann
        deny  user/ann iam:DeleteUser arn:aws:iam::{OWN}:user/ann
        deny  user/ann iam:CreateUser arn:aws:iam::{OWN}:user/bob
        allow user/ann iam:DeleteUser arn:aws:iam::{OWN}:user/ann aws:MultiFactorAuthPresent=true
        none  user/ann iam:DeleteUser arn:aws:iam::{OWN}:user/bob aws:MultiFactorAuthPresent=true
        """, identity=[
            allow("iam:*", "arn:aws:iam::*:user/${aws:username}"),
            but(deny(["iam:CreateAccessKey", "iam:GetUser"], "*", BoolIfExists={"aws:MultiFactorAuthPresent": "false"}),
                "Action")]),
    Group("reference_policies_examples_lambda-access-dynamodb.html", f"""
        allow role/f/s dynamodb:GetItem arn:aws:dynamodb:us-east-1:{OWN}:table/T
        allow role/f/s logs:PutLogEvents arn:aws:logs:us-east-1:{OWN}:log-group:/aws/lambda/f:log-stream:x
        none  role/f/s logs:DeleteLogGroup arn:aws:logs:us-east-1:{OWN}:log-group:/aws/lambda/f
        """, identity=[allow(["dynamodb:BatchGetItem", "dynamodb:GetItem"], "arn:aws:dynamodb:*:*:table/T"),
                       allow(["logs:CreateLogStream", "logs:PutLogEvents"], "arn:aws:logs:*:*:*")]),
]  # fmt: skip
