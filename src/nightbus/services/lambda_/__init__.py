"""Registers the operations of AWS Lambda, its workers and its duties."""

from __future__ import annotations

from nightbus.services.context import Handler, JobQueueMaker, Worker
from nightbus.services.lambda_ import aliases, functions, updates, versions
from nightbus.services.lambda_.access import permissions
from nightbus.services.lambda_.code import package_sweep
from nightbus.services.lambda_.concurrency import provisioned, ready_environments, reserved
from nightbus.services.lambda_.function_urls import configs
from nightbus.services.lambda_.invocations import asynchronous, destination_jobs, prewarming
from nightbus.services.lambda_.invocations import invoke as invocation
from nightbus.services.lambda_.invocations import invoke_with_response_stream as streamed_invocation
from nightbus.services.lambda_.layers import policies
from nightbus.services.lambda_.layers import versions as versions_of_layers
from nightbus.services.lambda_.lifecycle import preparation, snapshots
from nightbus.services.lambda_.queue_sources import mappings
from nightbus.services.lambda_.queue_sources import operations as event_sources
from nightbus.services.lambda_.settings import (
    code_signing,
    event_invoke_configs,
    recursion,
    runtime_management,
    tags,
)

HANDLERS: dict[str, Handler] = {
    "AddLayerVersionPermission": policies.add_layer_version_permission,
    "AddPermission": permissions.add_permission,
    "CreateAlias": aliases.create_alias,
    "CreateEventSourceMapping": event_sources.create_event_source_mapping,
    "CreateFunction": functions.create_function,
    "CreateFunctionUrlConfig": configs.create_function_url_config,
    "DeleteAlias": aliases.delete_alias,
    "DeleteEventSourceMapping": event_sources.delete_event_source_mapping,
    "DeleteFunction": functions.delete_function,
    "DeleteFunctionCodeSigningConfig": code_signing.delete_function_code_signing_config,
    "DeleteFunctionConcurrency": reserved.delete_function_concurrency,
    "DeleteFunctionEventInvokeConfig": event_invoke_configs.delete_function_event_invoke_config,
    "DeleteFunctionUrlConfig": configs.delete_function_url_config,
    "DeleteLayerVersion": versions_of_layers.delete_layer_version,
    "DeleteProvisionedConcurrencyConfig": provisioned.delete_provisioned_concurrency_config,
    "GetAccountSettings": reserved.get_account_settings,
    "GetAlias": aliases.get_alias,
    "GetCodeSigningConfig": code_signing.get_code_signing_config,
    "GetEventSourceMapping": event_sources.get_event_source_mapping,
    "GetFunction": functions.get_function,
    "GetFunctionCodeSigningConfig": code_signing.get_function_code_signing_config,
    "GetFunctionConcurrency": reserved.get_function_concurrency,
    "GetFunctionConfiguration": functions.get_function_configuration,
    "GetFunctionEventInvokeConfig": event_invoke_configs.get_function_event_invoke_config,
    "GetFunctionRecursionConfig": recursion.get_function_recursion_config,
    "GetFunctionUrlConfig": configs.get_function_url_config,
    "GetLayerVersion": versions_of_layers.get_layer_version,
    "GetLayerVersionByArn": versions_of_layers.get_layer_version_by_arn,
    "GetLayerVersionPolicy": policies.get_layer_version_policy,
    "GetPolicy": permissions.get_policy,
    "GetProvisionedConcurrencyConfig": provisioned.get_provisioned_concurrency_config,
    "GetRuntimeManagementConfig": runtime_management.get_runtime_management_config,
    "Invoke": invocation.invoke,
    "InvokeAsync": invocation.invoke_async,
    "InvokeWithResponseStream": streamed_invocation.invoke_with_response_stream,
    "ListAliases": aliases.list_aliases,
    "ListCodeSigningConfigs": code_signing.list_code_signing_configs,
    "ListEventSourceMappings": event_sources.list_event_source_mappings,
    "ListFunctionEventInvokeConfigs": event_invoke_configs.list_function_event_invoke_configs,
    "ListFunctionUrlConfigs": configs.list_function_url_configs,
    "ListFunctions": functions.list_functions,
    "ListFunctionsByCodeSigningConfig": code_signing.list_functions_by_code_signing_config,
    "ListLayerVersions": versions_of_layers.list_layer_versions,
    "ListLayers": versions_of_layers.list_layers,
    "ListProvisionedConcurrencyConfigs": provisioned.list_provisioned_concurrency_configs,
    "ListTags": tags.list_tags,
    "ListVersionsByFunction": versions.list_versions_by_function,
    "PublishLayerVersion": versions_of_layers.publish_layer_version,
    "PublishVersion": versions.publish_version,
    "PutFunctionCodeSigningConfig": code_signing.put_function_code_signing_config,
    "PutFunctionConcurrency": reserved.put_function_concurrency,
    "PutFunctionEventInvokeConfig": event_invoke_configs.put_function_event_invoke_config,
    "PutFunctionRecursionConfig": recursion.put_function_recursion_config,
    "PutProvisionedConcurrencyConfig": provisioned.put_provisioned_concurrency_config,
    "PutRuntimeManagementConfig": runtime_management.put_runtime_management_config,
    "RemoveLayerVersionPermission": policies.remove_layer_version_permission,
    "RemovePermission": permissions.remove_permission,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "UpdateAlias": aliases.update_alias,
    "UpdateEventSourceMapping": event_sources.update_event_source_mapping,
    "UpdateFunctionCode": updates.update_function_code,
    "UpdateFunctionConfiguration": updates.update_function_configuration,
    "UpdateFunctionEventInvokeConfig": event_invoke_configs.update_function_event_invoke_config,
    "UpdateFunctionUrlConfig": configs.update_function_url_config,
}

WORKERS: list[Worker] = [
    asynchronous.invoke_asynchronously,
    preparation.prepare_functions,
    prewarming.prewarm_runtimes,
    mappings.poll_queues,
    ready_environments.keep_environments_ready,
    snapshots.make_snapshots,
    package_sweep.sweep_packages,
]
JOB_QUEUES: list[JobQueueMaker] = [destination_jobs.DestinationJobs]
