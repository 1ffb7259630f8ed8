"""Lists the resources of a type, for the Cloud Control API: by which operation, and with which identifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightbus.stacks.interface import ResourceContext
from nightbus.stacks.schemas import primary_identifier


@dataclass(frozen=True)
class Listing:
    """`operation` replies with a list under `member`; each element, or its `id_member`, is the last value of a primary
    identifier. `needs` are the properties by which a list of resources of one owner is asked for."""

    service: str
    operation: str
    member: str
    id_member: str | Callable[[Mapping[str, Any]], str] = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    token: tuple[str, str] = ("NextToken", "NextToken")  # of the reply and of the request
    needs: Mapping[str, str] = field(default_factory=dict)  # property: member of the request

    def identifier(self, type_name: str, last: str, model: Mapping[str, Any]) -> dict[str, str]:
        names = primary_identifier(type_name)
        return {**{name: str(model[name]) for name in names[:-1]}, names[-1]: last}

    def id_of(self, element: Any) -> str:
        if callable(self.id_member):
            return self.id_member(element)
        return str(element[self.id_member] if self.id_member else element)


async def listed_ids(listing: Listing, model: Mapping[str, Any], ctx: ResourceContext) -> list[str]:
    """Return the last values of the primary identifiers of all resources, in the order of the service."""
    request = {**listing.request, **{member: model[name] for name, member in listing.needs.items()}}
    found: list[str] = []
    token: Any = None
    while True:
        more = {listing.token[1]: token} if token else {}
        reply = await ctx.operation(listing.service, listing.operation, **request, **more)
        found += [listing.id_of(element) for element in reply.get(listing.member) or ()]
        token = reply.get(listing.token[0])
        if not token:
            return found


_MARKER = ("Marker", "Marker")
_NEXT_MARKER = ("NextMarker", "Marker")
_LOWER = ("nextToken", "nextToken")
_OF_A_FUNCTION = {"FunctionName": "FunctionName"}

LISTINGS: Mapping[str, Listing] = {
    "AWS::CloudFormation::Stack": Listing("cloudformation", "DescribeStacks", "Stacks", "StackId"),
    "AWS::CloudFormation::StackSet": Listing("cloudformation", "ListStackSets", "Summaries", "StackSetId"),
    "AWS::CloudTrail::Trail": Listing("cloudtrail", "ListTrails", "Trails", "Name"),
    "AWS::ECR::Repository": Listing(
        "ecr", "DescribeRepositories", "repositories", "repositoryName", token=_LOWER
    ),
    "AWS::EventSchemas::Registry": Listing("schemas", "ListRegistries", "Registries", "RegistryArn"),
    "AWS::EventSchemas::Schema": Listing(
        "schemas", "ListSchemas", "Schemas", "SchemaArn", needs={"RegistryName": "RegistryName"}
    ),
    "AWS::Events::ApiDestination": Listing("events", "ListApiDestinations", "ApiDestinations", "Name"),
    "AWS::Events::Archive": Listing("events", "ListArchives", "Archives", "ArchiveName"),
    "AWS::Events::Connection": Listing("events", "ListConnections", "Connections", "Name"),
    "AWS::Events::Endpoint": Listing("events", "ListEndpoints", "Endpoints", "Name"),
    "AWS::Events::EventBus": Listing("events", "ListEventBuses", "EventBuses", "Name"),
    "AWS::Events::Rule": Listing("events", "ListRules", "Rules", "Arn"),
    "AWS::IAM::Group": Listing("iam", "ListGroups", "Groups", "GroupName", token=_MARKER),
    "AWS::IAM::InstanceProfile": Listing(
        "iam", "ListInstanceProfiles", "InstanceProfiles", "InstanceProfileName", token=_MARKER
    ),
    "AWS::IAM::ManagedPolicy": Listing(
        "iam", "ListPolicies", "Policies", "Arn", {"Scope": "Local"}, token=_MARKER
    ),
    "AWS::IAM::OIDCProvider": Listing(
        "iam", "ListOpenIDConnectProviders", "OpenIDConnectProviderList", "Arn"
    ),
    "AWS::IAM::Role": Listing("iam", "ListRoles", "Roles", "RoleName", token=_MARKER),
    "AWS::IAM::SAMLProvider": Listing("iam", "ListSAMLProviders", "SAMLProviderList", "Arn"),
    "AWS::IAM::User": Listing("iam", "ListUsers", "Users", "UserName", token=_MARKER),
    "AWS::KMS::Alias": Listing("kms", "ListAliases", "Aliases", "AliasName", token=_NEXT_MARKER),
    "AWS::KMS::Key": Listing("kms", "ListKeys", "Keys", "KeyId", token=_NEXT_MARKER),
    "AWS::Lambda::Alias": Listing(
        "lambda", "ListAliases", "Aliases", "AliasArn", token=_NEXT_MARKER, needs=_OF_A_FUNCTION
    ),
    "AWS::Lambda::EventSourceMapping": Listing(
        "lambda", "ListEventSourceMappings", "EventSourceMappings", "UUID", token=_NEXT_MARKER
    ),
    "AWS::Lambda::Function": Listing(
        "lambda", "ListFunctions", "Functions", "FunctionName", token=_NEXT_MARKER
    ),
    "AWS::Lambda::Url": Listing(
        "lambda",
        "ListFunctionUrlConfigs",
        "FunctionUrlConfigs",
        "FunctionArn",
        token=_NEXT_MARKER,
        needs={"TargetFunctionArn": "FunctionName"},
    ),
    "AWS::Lambda::Version": Listing(
        "lambda",
        "ListVersionsByFunction",
        "Versions",
        "FunctionArn",
        token=_NEXT_MARKER,
        needs=_OF_A_FUNCTION,
    ),
    "AWS::Logs::LogGroup": Listing("logs", "DescribeLogGroups", "logGroups", "logGroupName", token=_LOWER),
    "AWS::Logs::QueryDefinition": Listing(
        "logs", "DescribeQueryDefinitions", "queryDefinitions", "queryDefinitionId", token=_LOWER
    ),
    "AWS::Logs::ResourcePolicy": Listing(
        "logs", "DescribeResourcePolicies", "resourcePolicies", "policyName", token=_LOWER
    ),
    "AWS::S3::Bucket": Listing("s3", "ListBuckets", "Buckets", "Name"),
    "AWS::SNS::Subscription": Listing("sns", "ListSubscriptions", "Subscriptions", "SubscriptionArn"),
    "AWS::SNS::Topic": Listing("sns", "ListTopics", "Topics", "TopicArn"),
    "AWS::SQS::Queue": Listing("sqs", "ListQueues", "QueueUrls", request={"MaxResults": 1000}),
    "AWS::SSM::Parameter": Listing("ssm", "DescribeParameters", "Parameters", "Name"),
    "AWS::SecretsManager::Secret": Listing("secretsmanager", "ListSecrets", "SecretList", "ARN"),
}
