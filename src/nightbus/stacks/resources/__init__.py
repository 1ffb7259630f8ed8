"""Lists the resource types of CloudFormation: each has a file in its service's folder and a line in a dict here."""

from __future__ import annotations

from nightbus.stacks.interface import ResourceType
from nightbus.stacks.resources.cdk.metadata import CdkMetadata
from nightbus.stacks.resources.cloudformation.custom_resource import CloudFormationCustomResource
from nightbus.stacks.resources.cloudformation.macro import CloudFormationMacro
from nightbus.stacks.resources.cloudformation.stack import CloudFormationStack
from nightbus.stacks.resources.cloudformation.stack_set import CloudFormationStackSet
from nightbus.stacks.resources.cloudformation.wait_condition import CloudFormationWaitCondition
from nightbus.stacks.resources.cloudformation.wait_condition_handle import CloudFormationWaitConditionHandle
from nightbus.stacks.resources.ecr.repository import EcrRepository
from nightbus.stacks.resources.events.api_destination import EventsApiDestination
from nightbus.stacks.resources.events.archive import EventsArchive
from nightbus.stacks.resources.events.connection import EventsConnection
from nightbus.stacks.resources.events.endpoint import EventsEndpoint
from nightbus.stacks.resources.events.event_bus import EventsEventBus
from nightbus.stacks.resources.events.event_bus_policy import EventsEventBusPolicy
from nightbus.stacks.resources.events.rule import EventsRule
from nightbus.stacks.resources.iam.access_key import IamAccessKey
from nightbus.stacks.resources.iam.group import IamGroup
from nightbus.stacks.resources.iam.instance_profile import IamInstanceProfile
from nightbus.stacks.resources.iam.managed_policy import IamManagedPolicy
from nightbus.stacks.resources.iam.policy import (
    IAM_GROUP_POLICY,
    IAM_ROLE_POLICY,
    IAM_USER_POLICY,
    IamPolicy,
)
from nightbus.stacks.resources.iam.role import IamRole
from nightbus.stacks.resources.iam.user import IamUser
from nightbus.stacks.resources.iam.user_to_group_addition import IamUserToGroupAddition
from nightbus.stacks.resources.kms.alias import KmsAlias
from nightbus.stacks.resources.kms.key import KmsKey
from nightbus.stacks.resources.kms.replica_key import KmsReplicaKey
from nightbus.stacks.resources.lambda_.alias import LambdaAlias
from nightbus.stacks.resources.lambda_.event_invoke_config import LambdaEventInvokeConfig
from nightbus.stacks.resources.lambda_.event_source_mapping import LambdaEventSourceMapping
from nightbus.stacks.resources.lambda_.function import LambdaFunction
from nightbus.stacks.resources.lambda_.layer_version import LambdaLayerVersion
from nightbus.stacks.resources.lambda_.layer_version_permission import LambdaLayerVersionPermission
from nightbus.stacks.resources.lambda_.permission import LambdaPermission
from nightbus.stacks.resources.lambda_.url import LambdaUrl
from nightbus.stacks.resources.lambda_.version import LambdaVersion
from nightbus.stacks.resources.logs.log_group import LogsLogGroup
from nightbus.stacks.resources.logs.log_stream import LogsLogStream
from nightbus.stacks.resources.logs.query_definition import LogsQueryDefinition
from nightbus.stacks.resources.logs.resource_policy import LogsResourcePolicy
from nightbus.stacks.resources.s3.bucket import S3Bucket
from nightbus.stacks.resources.s3.bucket_policy import S3BucketPolicy
from nightbus.stacks.resources.secretsmanager.resource_policy import SecretsManagerResourcePolicy
from nightbus.stacks.resources.secretsmanager.rotation_schedule import SecretsManagerRotationSchedule
from nightbus.stacks.resources.secretsmanager.secret import SecretsManagerSecret
from nightbus.stacks.resources.sns.subscription import SnsSubscription
from nightbus.stacks.resources.sns.topic import SnsTopic
from nightbus.stacks.resources.sns.topic_policy import SNS_TOPIC_INLINE_POLICY, SNS_TOPIC_POLICY
from nightbus.stacks.resources.sqs.queue import SqsQueue
from nightbus.stacks.resources.sqs.queue_policy import SQS_QUEUE_INLINE_POLICY, SQS_QUEUE_POLICY
from nightbus.stacks.resources.ssm.parameter import SsmParameter

_CUSTOM = "Custom::"


class ResourceTypes(dict[str, ResourceType]):
    """The types by name. Each name that begins with `Custom::` is one of a custom resource."""

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, str) and name.startswith(_CUSTOM))

    def __missing__(self, name: str) -> ResourceType:
        if not name.startswith(_CUSTOM):
            raise KeyError(name)
        return CloudFormationCustomResource(name)


_NAMED: dict[str, ResourceType] = {
    "AWS::CDK::Metadata": CdkMetadata(),
    "AWS::CloudFormation::CustomResource": CloudFormationCustomResource(),
    "AWS::CloudFormation::Macro": CloudFormationMacro(),
    "AWS::CloudFormation::Stack": CloudFormationStack(),
    "AWS::CloudFormation::StackSet": CloudFormationStackSet(),
    "AWS::CloudFormation::WaitCondition": CloudFormationWaitCondition(),
    "AWS::CloudFormation::WaitConditionHandle": CloudFormationWaitConditionHandle(),
    "AWS::ECR::Repository": EcrRepository(),
    "AWS::Events::ApiDestination": EventsApiDestination(),
    "AWS::Events::Archive": EventsArchive(),
    "AWS::Events::Connection": EventsConnection(),
    "AWS::Events::Endpoint": EventsEndpoint(),
    "AWS::Events::EventBus": EventsEventBus(),
    "AWS::Events::EventBusPolicy": EventsEventBusPolicy(),
    "AWS::Events::Rule": EventsRule(),
    "AWS::IAM::AccessKey": IamAccessKey(),
    "AWS::IAM::Group": IamGroup(),
    "AWS::IAM::GroupPolicy": IAM_GROUP_POLICY,
    "AWS::IAM::InstanceProfile": IamInstanceProfile(),
    "AWS::IAM::ManagedPolicy": IamManagedPolicy(),
    "AWS::IAM::Policy": IamPolicy(),
    "AWS::IAM::Role": IamRole(),
    "AWS::KMS::Alias": KmsAlias(),
    "AWS::KMS::Key": KmsKey(),
    "AWS::KMS::ReplicaKey": KmsReplicaKey(),
    "AWS::IAM::RolePolicy": IAM_ROLE_POLICY,
    "AWS::IAM::User": IamUser(),
    "AWS::IAM::UserPolicy": IAM_USER_POLICY,
    "AWS::IAM::UserToGroupAddition": IamUserToGroupAddition(),
    "AWS::Lambda::Alias": LambdaAlias(),
    "AWS::Lambda::EventInvokeConfig": LambdaEventInvokeConfig(),
    "AWS::Lambda::EventSourceMapping": LambdaEventSourceMapping(),
    "AWS::Lambda::Function": LambdaFunction(),
    "AWS::Lambda::LayerVersion": LambdaLayerVersion(),
    "AWS::Lambda::LayerVersionPermission": LambdaLayerVersionPermission(),
    "AWS::Lambda::Permission": LambdaPermission(),
    "AWS::Lambda::Url": LambdaUrl(),
    "AWS::Lambda::Version": LambdaVersion(),
    "AWS::Logs::LogGroup": LogsLogGroup(),
    "AWS::Logs::LogStream": LogsLogStream(),
    "AWS::Logs::QueryDefinition": LogsQueryDefinition(),
    "AWS::Logs::ResourcePolicy": LogsResourcePolicy(),
    "AWS::S3::Bucket": S3Bucket(),
    "AWS::S3::BucketPolicy": S3BucketPolicy(),
    "AWS::SecretsManager::ResourcePolicy": SecretsManagerResourcePolicy(),
    "AWS::SecretsManager::RotationSchedule": SecretsManagerRotationSchedule(),
    "AWS::SecretsManager::Secret": SecretsManagerSecret(),
    "AWS::SNS::Subscription": SnsSubscription(),
    "AWS::SNS::Topic": SnsTopic(),
    "AWS::SNS::TopicInlinePolicy": SNS_TOPIC_INLINE_POLICY,
    "AWS::SNS::TopicPolicy": SNS_TOPIC_POLICY,
    "AWS::SQS::Queue": SqsQueue(),
    "AWS::SQS::QueueInlinePolicy": SQS_QUEUE_INLINE_POLICY,
    "AWS::SQS::QueuePolicy": SQS_QUEUE_POLICY,
    "AWS::SSM::Parameter": SsmParameter(),
}
RESOURCE_TYPES = ResourceTypes(_NAMED)
