"""CodeBuild, CodePipeline, Glue, SageMaker: something is started; the target's input may say how."""

from __future__ import annotations

from typing import Any

from nightbus.delivery.forwarding.interface import ServiceCall
from nightbus.delivery.forwarding.material import Material


def start_build(material: Material) -> ServiceCall:
    """The input is what StartBuild takes besides the project's name, `environmentVariablesOverride` say.

    With `"buildType": "BATCH"` it is what StartBuildBatch takes.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html#targets-specifics-codebuild
    """
    settings = material.chosen_object()
    operation = "StartBuildBatch" if settings.pop("buildType", "") == "BATCH" else "StartBuild"
    params = {
        **settings,
        "projectName": material.arn.resource.removeprefix("project/"),
        "idempotencyToken": material.once(),
    }
    return ServiceCall("codebuild", operation, params)


def start_code_pipeline(material: Material) -> ServiceCall:
    """The input is what StartPipelineExecution takes besides the name: `variables`, `sourceRevisions`."""
    params = {
        **material.chosen_object(),
        "name": material.arn.resource,
        "clientRequestToken": material.once(),
    }
    return ServiceCall("codepipeline", "StartPipelineExecution", params)


def start_workflow(material: Material) -> ServiceCall:
    name = material.arn.resource.removeprefix("workflow/")
    return ServiceCall("glue", "StartWorkflowRun", {"Name": name})


def start_sagemaker_pipeline(material: Material) -> ServiceCall:
    params: dict[str, Any] = {
        "PipelineName": material.arn.resource.removeprefix("pipeline/"),
        "ClientRequestToken": material.once(),
    }
    values = material.settings("SageMakerPipelineParameters").get("PipelineParameterList")
    if values:
        params["PipelineParameters"] = values
    return ServiceCall("sagemaker", "StartPipelineExecution", params)
