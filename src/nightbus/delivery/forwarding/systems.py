"""Systems Manager, Redshift, Inspector: a command, an automation, a statement or an assessment."""

from __future__ import annotations

from typing import Any

from nightbus.delivery.forwarding.interface import ServiceCall, Unforwardable
from nightbus.delivery.forwarding.material import Material

_COMMAND = {"DocumentName", "DocumentVersion", "Parameters"}
_SQL = {
    "Database": "Database",
    "DbUser": "DbUser",
    "SecretManagerArn": "SecretArn",
    "StatementName": "StatementName",
    "WithEvent": "WithEvent",
}


def send_command(material: Material) -> ServiceCall:
    """The input is the document's parameters, or an object that has them as `Parameters`, and says which document.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html#targets-specifics-ssm-run-command
    """
    chosen = material.chosen_object()
    whole = bool(chosen) and set(chosen) <= _COMMAND
    params: dict[str, Any] = {
        "DocumentName": material.arn.resource.removeprefix("document/"),
        "Targets": material.settings("RunCommandParameters")["RunCommandTargets"],
    }
    if whole:
        params |= {name: chosen[name] for name in ("DocumentName", "DocumentVersion") if name in chosen}
    if values := _document_parameters(chosen.get("Parameters") or {} if whole else chosen):
        params["Parameters"] = values
    return ServiceCall("ssm", "SendCommand", params)


def start_automation(material: Material) -> ServiceCall:
    name, _, version = material.arn.resource.removeprefix("automation-definition/").partition(":")
    params: dict[str, Any] = {"DocumentName": name, "ClientToken": material.once()}
    if version:
        params["DocumentVersion"] = version
    if values := _document_parameters(material.chosen_object()):
        params["Parameters"] = values
    return ServiceCall("ssm", "StartAutomationExecution", params)


def _document_parameters(value_by_name: Any) -> dict[str, list[Any]]:
    """A document's parameters are lists; the input may give a single value as it is. Raises Unforwardable."""
    if not isinstance(value_by_name, dict):
        raise Unforwardable("The parameters of a document must be a JSON object.")
    return {name: value if isinstance(value, list) else [value] for name, value in value_by_name.items()}


def execute_sql(material: Material) -> ServiceCall:
    """On a cluster, or in a workgroup of Redshift Serverless."""
    settings = material.settings("RedshiftDataParameters")
    params = {wire: settings[name] for name, wire in _SQL.items() if name in settings}
    params["ClientToken"] = material.once()
    if material.arn.service == "redshift-serverless":
        params["WorkgroupName"] = str(material.target["Arn"])
    else:
        params["ClusterIdentifier"] = material.arn.resource.removeprefix("cluster:")
    if settings.get("Sqls"):
        return ServiceCall("redshift-data", "BatchExecuteStatement", {**params, "Sqls": settings["Sqls"]})
    return ServiceCall("redshift-data", "ExecuteStatement", {**params, "Sql": settings.get("Sql", "")})


def start_assessment(material: Material) -> ServiceCall:
    params = {"assessmentTemplateArn": str(material.target["Arn"])}
    return ServiceCall("inspector", "StartAssessmentRun", params)
