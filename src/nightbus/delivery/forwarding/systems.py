"""Systems Manager, Redshift, Inspector: a command, an automation, a statement or an assessment."""

from __future__ import annotations

from typing import Any

from nightbus.delivery.forwarding.interface import ServiceCall
from nightbus.delivery.forwarding.material import Material

_SQL = {
    "Database": "Database",
    "DbUser": "DbUser",
    "SecretManagerArn": "SecretArn",
    "StatementName": "StatementName",
    "WithEvent": "WithEvent",
}


def send_command(material: Material) -> ServiceCall:
    params: dict[str, Any] = {
        "DocumentName": material.arn.resource.removeprefix("document/"),
        "Targets": material.settings("RunCommandParameters")["RunCommandTargets"],
    }
    if values := _document_parameters(material):
        params["Parameters"] = values
    return ServiceCall("ssm", "SendCommand", params)


def start_automation(material: Material) -> ServiceCall:
    name, _, version = material.arn.resource.removeprefix("automation-definition/").partition(":")
    params: dict[str, Any] = {"DocumentName": name, "ClientToken": material.once()}
    if version:
        params["DocumentVersion"] = version
    if values := _document_parameters(material):
        params["Parameters"] = values
    return ServiceCall("ssm", "StartAutomationExecution", params)


def _document_parameters(material: Material) -> dict[str, list[Any]]:
    """A document's parameters are lists; the input may give a single value as it is."""
    given = material.chosen_object()
    return {name: value if isinstance(value, list) else [value] for name, value in given.items()}


def execute_sql(material: Material) -> ServiceCall:
    """On a cluster, or in a workgroup of Redshift Serverless."""
    given = material.settings("RedshiftDataParameters")
    params = {wire: given[name] for name, wire in _SQL.items() if name in given}
    params["ClientToken"] = material.once()
    if material.arn.service == "redshift-serverless":
        params["WorkgroupName"] = str(material.target["Arn"])
    else:
        params["ClusterIdentifier"] = material.arn.resource.removeprefix("cluster:")
    if given.get("Sqls"):
        return ServiceCall("redshift-data", "BatchExecuteStatement", {**params, "Sqls": given["Sqls"]})
    return ServiceCall("redshift-data", "ExecuteStatement", {**params, "Sql": given.get("Sql", "")})


def start_assessment(material: Material) -> ServiceCall:
    params = {"assessmentTemplateArn": str(material.target["Arn"])}
    return ServiceCall("inspector", "StartAssessmentRun", params)
