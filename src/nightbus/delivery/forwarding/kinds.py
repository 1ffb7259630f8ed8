"""Lists the targets of other services, each with the module that makes its calls.

A kind is known by its target's ARN; `setting` is the name under which the user says where its service is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.delivery.forwarding import calls, compute, http, pipelines, systems
from nightbus.delivery.forwarding.interface import HttpCall, ServiceCall
from nightbus.delivery.forwarding.material import Material

Make = Callable[[Material], ServiceCall | HttpCall]


@dataclass(frozen=True, slots=True)
class Kind:
    """`parameters` is the target's own block of settings, which it may, or with `required` must, have.

    `again`: the error by which a repeated call says that the first one was heard. `role`: the target must have one.
    """

    service: str
    resource: str
    setting: str
    make: Make
    action: str  # that the role needs, "" for what is not judged
    parameters: str = ""
    required: bool = False
    again: str = ""
    role: bool = True
    judged: str = (
        ""  # the member of `parameters` with the ARN on which the role needs the action; else the target's
    )


KINDS: tuple[Kind, ...] = (
    Kind(
        "states", "stateMachine:", "states", calls.start_execution, "states:StartExecution",
        again="ExecutionAlreadyExists",
    ),
    Kind("kinesis", "stream/", "kinesis", calls.put_kinesis_record, "kinesis:PutRecord", "KinesisParameters"),
    Kind("firehose", "deliverystream/", "firehose", calls.put_firehose_record, "firehose:PutRecord"),
    Kind(
        "ecs", "cluster/", "ecs", compute.run_task, "ecs:RunTask", "EcsParameters", required=True,
        judged="TaskDefinitionArn",
    ),
    Kind(
        "batch", "job-queue/", "batch", compute.submit_job, "batch:SubmitJob", "BatchParameters", required=True
    ),
    Kind(
        "ssm", "document/", "ssm", systems.send_command, "ssm:SendCommand", "RunCommandParameters", required=True
    ),
    Kind("ssm", "automation-definition/", "ssm", systems.start_automation, "ssm:StartAutomationExecution"),
    Kind("codebuild", "project/", "codebuild", pipelines.start_build, "codebuild:StartBuild"),
    Kind(
        "codepipeline", "", "codepipeline", pipelines.start_code_pipeline, "codepipeline:StartPipelineExecution"
    ),
    Kind("glue", "workflow/", "glue", pipelines.start_workflow, "glue:notifyEvent"),
    Kind(
        "sagemaker", "pipeline/", "sagemaker", pipelines.start_sagemaker_pipeline,
        "sagemaker:StartPipelineExecution", "SageMakerPipelineParameters",
    ),
    Kind(
        "redshift", "cluster:", "redshift-data", systems.execute_sql, "redshift-data:ExecuteStatement",
        "RedshiftDataParameters", required=True,
    ),
    Kind(
        "redshift-serverless", "workgroup/", "redshift-data", systems.execute_sql,
        "redshift-data:ExecuteStatement", "RedshiftDataParameters", required=True,
    ),
    Kind("inspector", "target/", "inspector", systems.start_assessment, "inspector:StartAssessmentRun"),
    Kind("execute-api", "", "execute-api", http.invoke_api, "", "HttpParameters", role=False),
    Kind(
        "appsync", "endpoints/graphql-api/", "appsync", http.run_graphql, "", "AppSyncParameters", required=True
    ),
)  # fmt: skip
SETTINGS = tuple(dict.fromkeys(kind.setting for kind in KINDS))


def kind_of(target_arn: str) -> Kind | None:
    try:
        parsed = Arn.parse(target_arn)
    except ValueError:
        return None
    for kind in KINDS:
        if parsed.service == kind.service and parsed.resource.startswith(kind.resource):
            return kind
    return None


def parameters_of(target: Mapping[str, Any]) -> frozenset[str]:
    """The blocks of settings that a target of this ARN may have."""
    kind = kind_of(target["Arn"])
    return frozenset({kind.parameters} if kind is not None and kind.parameters else ())
