"""Lists the resource types of CloudFormation: each has a file in its service's folder and a line in a dict here.

A type's module is loaded when a template, or whoever lists all types, first asks for the type: most nodes need few.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nightbus.stacks.interface import ResourceType

_CUSTOM = "Custom::"
_CUSTOM_RESOURCE = "AWS::CloudFormation::CustomResource"


class ResourceTypes(Mapping[str, "ResourceType"]):
    """The types by name. Each name that begins with `Custom::` is one of a custom resource.

    `places` has each type's module in this package and its class, or its instance, in the module.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._loaded: dict[str, ResourceType] = {}  # at most one for each place

    def __getitem__(self, name: str) -> ResourceType:
        """Return the type. Raises KeyError."""
        if name not in self._loaded and name in self._places:
            loaded = self._named(name)
            self._loaded[name] = loaded() if isinstance(loaded, type) else loaded
        if name not in self._places and name.startswith(_CUSTOM):
            custom: ResourceType = self._named(_CUSTOM_RESOURCE)(name)
            return custom
        return self._loaded[name]

    def _named(self, name: str) -> Any:
        module, _, member = self._places[name].partition(":")
        return getattr(import_module(f"{__name__}.{module}"), member)

    def __contains__(self, name: object) -> bool:
        return name in self._places or (isinstance(name, str) and name.startswith(_CUSTOM))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


RESOURCE_TYPES = ResourceTypes(
    {
        "AWS::CDK::Metadata": "cdk.metadata:CdkMetadata",
        "AWS::CloudFormation::CustomResource": "cloudformation.custom_resource:CloudFormationCustomResource",
        "AWS::CloudFormation::Macro": "cloudformation.macro:CloudFormationMacro",
        "AWS::CloudFormation::Stack": "cloudformation.stack:CloudFormationStack",
        "AWS::CloudFormation::StackSet": "cloudformation.stack_set:CloudFormationStackSet",
        "AWS::CloudFormation::WaitCondition": "cloudformation.wait_condition:CloudFormationWaitCondition",
        "AWS::CloudFormation::WaitConditionHandle": "cloudformation.wait_condition_handle:WaitConditionHandle",
        "AWS::CloudTrail::Trail": "cloudtrail.trail:CloudTrailTrail",
        "AWS::ECR::Repository": "ecr.repository:EcrRepository",
        "AWS::EventSchemas::Registry": "eventschemas.registry:EventSchemasRegistry",
        "AWS::EventSchemas::RegistryPolicy": "eventschemas.registry_policy:EventSchemasRegistryPolicy",
        "AWS::EventSchemas::Schema": "eventschemas.schema:EventSchemasSchema",
        "AWS::Events::ApiDestination": "events.api_destination:EventsApiDestination",
        "AWS::Events::Archive": "events.archive:EventsArchive",
        "AWS::Events::Connection": "events.connection:EventsConnection",
        "AWS::Events::Endpoint": "events.endpoint:EventsEndpoint",
        "AWS::Events::EventBus": "events.event_bus:EventsEventBus",
        "AWS::Events::EventBusPolicy": "events.event_bus_policy:EventsEventBusPolicy",
        "AWS::Events::Rule": "events.rule:EventsRule",
        "AWS::IAM::AccessKey": "iam.access_key:IamAccessKey",
        "AWS::IAM::Group": "iam.group:IamGroup",
        "AWS::IAM::GroupPolicy": "iam.policy:IAM_GROUP_POLICY",
        "AWS::IAM::InstanceProfile": "iam.instance_profile:IamInstanceProfile",
        "AWS::IAM::ManagedPolicy": "iam.managed_policy:IamManagedPolicy",
        "AWS::IAM::OIDCProvider": "iam.oidc_provider:IamOidcProvider",
        "AWS::IAM::Policy": "iam.policy:IamPolicy",
        "AWS::IAM::Role": "iam.role:IamRole",
        "AWS::IAM::RolePolicy": "iam.policy:IAM_ROLE_POLICY",
        "AWS::IAM::SAMLProvider": "iam.saml_provider:IamSamlProvider",
        "AWS::IAM::ServiceLinkedRole": "iam.service_linked_role:IamServiceLinkedRole",
        "AWS::IAM::User": "iam.user:IamUser",
        "AWS::IAM::UserPolicy": "iam.policy:IAM_USER_POLICY",
        "AWS::IAM::UserToGroupAddition": "iam.user_to_group_addition:IamUserToGroupAddition",
        "AWS::KMS::Alias": "kms.alias:KmsAlias",
        "AWS::KMS::Key": "kms.key:KmsKey",
        "AWS::KMS::ReplicaKey": "kms.replica_key:KmsReplicaKey",
        "AWS::Lambda::Alias": "lambda_.alias:LambdaAlias",
        "AWS::Lambda::EventInvokeConfig": "lambda_.event_invoke_config:LambdaEventInvokeConfig",
        "AWS::Lambda::EventSourceMapping": "lambda_.event_source_mapping:LambdaEventSourceMapping",
        "AWS::Lambda::Function": "lambda_.function:LambdaFunction",
        "AWS::Lambda::LayerVersion": "lambda_.layer_version:LambdaLayerVersion",
        "AWS::Lambda::LayerVersionPermission": "lambda_.layer_version_permission:LambdaLayerVersionPermission",
        "AWS::Lambda::Permission": "lambda_.permission:LambdaPermission",
        "AWS::Lambda::Url": "lambda_.url:LambdaUrl",
        "AWS::Lambda::Version": "lambda_.version:LambdaVersion",
        "AWS::Logs::LogGroup": "logs.log_group:LogsLogGroup",
        "AWS::Logs::LogStream": "logs.log_stream:LogsLogStream",
        "AWS::Logs::QueryDefinition": "logs.query_definition:LogsQueryDefinition",
        "AWS::Logs::ResourcePolicy": "logs.resource_policy:LogsResourcePolicy",
        "AWS::Logs::SubscriptionFilter": "logs.subscription_filter:LogsSubscriptionFilter",
        "AWS::S3::Bucket": "s3.bucket:S3Bucket",
        "AWS::S3::BucketPolicy": "s3.bucket_policy:S3BucketPolicy",
        "AWS::SecretsManager::ResourcePolicy": "secretsmanager.resource_policy:SecretsManagerResourcePolicy",
        "AWS::SecretsManager::RotationSchedule": "secretsmanager.rotation_schedule:SecretsManagerRotationSchedule",
        "AWS::SecretsManager::Secret": "secretsmanager.secret:SecretsManagerSecret",
        "AWS::SNS::Subscription": "sns.subscription:SnsSubscription",
        "AWS::SNS::Topic": "sns.topic:SnsTopic",
        "AWS::SNS::TopicInlinePolicy": "sns.topic_policy:SNS_TOPIC_INLINE_POLICY",
        "AWS::SNS::TopicPolicy": "sns.topic_policy:SNS_TOPIC_POLICY",
        "AWS::SQS::Queue": "sqs.queue:SqsQueue",
        "AWS::SQS::QueueInlinePolicy": "sqs.queue_policy:SQS_QUEUE_INLINE_POLICY",
        "AWS::SQS::QueuePolicy": "sqs.queue_policy:SQS_QUEUE_POLICY",
        "AWS::SSM::Parameter": "ssm.parameter:SsmParameter",
    }
)
