"""An application of the CDK in Python: an application with what it needs, and one stack in three states of its life."""

from __future__ import annotations

import os
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as functions
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_lambda_nodejs as nodejs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_secretsmanager as secrets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from aws_cdk import custom_resources as custom

HERE = Path(__file__).parent
app = cdk.App()
environment = cdk.Environment(
    account=os.environ["CDK_DEFAULT_ACCOUNT"], region=os.environ["CDK_DEFAULT_REGION"]
)
python = functions.Runtime(app.node.get_context("runtime"), functions.RuntimeFamily.PYTHON)


def function_from(scope: cdk.Stack, name: str, handler: str, folder: str) -> functions.Function:
    code = functions.Code.from_asset(str(HERE / folder))
    return functions.Function(
        scope, name, runtime=python, handler=handler, code=code, timeout=cdk.Duration.seconds(20)
    )


def shop() -> None:
    stack = cdk.Stack(app, "Shop", env=environment)
    stage = cdk.CfnParameter(stack, "Stage", default="dev")
    known = cdk.Fn.condition_contains(["dev", "prod"], stage.value_as_string)
    assertion = cdk.CfnRuleAssertion(assert_=known, assert_description="Stage is dev or prod")
    cdk.CfnRule(stack, "StageIsKnown", assertions=[assertion])

    receiver = function_from(stack, "Receiver", "app.handler", "function")
    orders = sqs.Queue(stack, "Orders", visibility_timeout=cdk.Duration.seconds(60))
    receiver.add_event_source(sources.SqsEventSource(orders))
    topic = sns.Topic(stack, "Topic")
    kind = sns.SubscriptionFilter.string_filter(allowlist=["order"])
    topic.add_subscription(subscriptions.SqsSubscription(orders, filter_policy={"kind": kind}))
    bus = events.EventBus(stack, "Bus")
    events.Rule(
        stack,
        "Placed",
        event_bus=bus,
        event_pattern=events.EventPattern(source=["shop"]),
        targets=[targets.LambdaFunction(receiver)],
    )
    files = s3.Bucket(stack, "Files", removal_policy=cdk.RemovalPolicy.DESTROY, auto_delete_objects=True)
    files.add_event_notification(
        s3.EventType.OBJECT_CREATED,
        notifications.LambdaDestination(receiver),
        s3.NotificationKeyFilter(prefix="in/"),
    )
    greeting = ssm.StringParameter(stack, "Greeting", parameter_name="/shop/greeting", string_value="hello")
    generated = secrets.SecretStringGenerator(
        secret_string_template='{"user": "shop"}', generate_string_key="password"
    )
    secret = secrets.Secret(stack, "Secret", generate_secret_string=generated)
    put = custom.AwsSdkCall(
        service="SSM",
        action="putParameter",
        parameters={"Name": "/shop/told", "Value": "told", "Type": "String", "Overwrite": True},
        physical_resource_id=custom.PhysicalResourceId.of("told"),
    )
    delete = custom.AwsSdkCall(service="SSM", action="deleteParameter", parameters={"Name": "/shop/told"})
    custom.AwsCustomResource(
        stack,
        "Told",
        on_update=put,
        on_delete=delete,
        install_latest_aws_sdk=False,
        policy=custom.AwsCustomResourcePolicy.from_sdk_calls(resources=["*"]),
    )
    answering = function_from(stack, "Answering", "index.handler", "answer")
    provider = custom.Provider(stack, "Provider", on_event_handler=answering)
    answer = cdk.CustomResource(
        stack, "Answer", service_token=provider.service_token, properties={"Question": "tea?"}
    )
    typed = nodejs.NodejsFunction(
        stack,
        "Typed",
        runtime=functions.Runtime.NODEJS_20_X,
        entry=str(HERE / "typed" / "handler.ts"),
        project_root=str(HERE),
        deps_lock_file_path=str(HERE / "package-lock.json"),
        bundling=nodejs.BundlingOptions(bundle_aws_sdk=True),
        environment={"PARAMETER": greeting.parameter_name, "SECRET": secret.secret_name},
        tracing=functions.Tracing.ACTIVE,
        timeout=cdk.Duration.seconds(60),
    )
    greeting.grant_read(typed)
    secret.grant_read(typed)
    for name, value in {
        "ReceiverName": receiver.function_name,
        "TypedName": typed.function_name,
        "QueueUrl": orders.queue_url,
        "TopicArn": topic.topic_arn,
        "BusName": bus.event_bus_name,
        "BucketName": files.bucket_name,
        "AnswerText": answer.get_att_string("Answer"),
    }.items():
        cdk.CfnOutput(stack, name, value=value)


def life(state: str, *, imported: bool, broken: bool) -> None:
    """The stack Life: with what existed before it, and with a rule whose pattern EventBridge refuses."""
    stack = cdk.Stack(app, state, stack_name="Life", env=environment)
    first = ssm.StringParameter(stack, "First", string_value="changed" if broken else "first")
    if imported:
        retain = cdk.RemovalPolicy.RETAIN
        s3.Bucket(stack, "OldBucket", bucket_name="bucket-before", removal_policy=retain)
        sqs.Queue(stack, "OldQueue", queue_name="queue-before", removal_policy=retain)
    if broken:
        rule = events.CfnRule(stack, "Broken", event_pattern={"source": "not a list"})
        rule.node.add_dependency(sqs.Queue(stack, "Whole"), first)


shop()
life("Life", imported=False, broken=False)
life("LifeImported", imported=True, broken=False)
life("LifeBroken", imported=True, broken=True)
app.synth()
