"""`nightbus check` says what of a template a node does, refuses or forwards, without a node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nightbus.cli.main import run

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:Ship"
RULE = {
    "Type": "AWS::Events::Rule",
    "Properties": {
        "EventPattern": {"source": ["shop"]},
        "Targets": [{"Id": "ship", "Arn": MACHINE, "RoleArn": "arn:aws:iam::000000000000:role/r"}],
    },
}
EXAMPLE = Path(__file__).parents[3] / "examples" / "order-to-invoice" / "template.yaml"


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    status = run(["check", "--json", *arguments])
    return status, json.loads(capsys.readouterr().out)["templates"]


def write(folder: Path, document: dict[str, Any], name: str = "template.json") -> str:
    (folder / name).write_text(json.dumps(document))
    return str(folder / name)


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {one["logical_id"]: one["verdict"] for one in report["resources"]}


def test_the_example_is_made_whole(capsys: pytest.CaptureFixture[str]) -> None:
    status, (report,) = checked(capsys, str(EXAMPLE))
    assert status == 0
    assert report["supported"] is True
    assert set(verdicts(report).values()) == {"made"}
    assert verdicts(report)["OrderFunction"] == "made"


def test_every_refusal_is_named_not_only_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    function = {"Code": {"ZipFile": "x"}, "Role": "r", "Handler": "a.b", "Runtime": "java21"}
    resources = {
        "Table": {"Type": "AWS::Glue::Table"},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueNam": "orders", "DelaySeconds": {"a": 1}}},
        "Rule": RULE,
        "Topic": {"Type": "AWS::SNS::Topic"},
    }
    status, (report,) = checked(capsys, write(tmp_path, {"Resources": resources}))
    assert status == 1
    assert verdicts(report) == {
        "Table": "refused",
        "Function": "refused",
        "Queue": "invalid",
        "Rule": "refused",
        "Topic": "made",
    }
    by_name = {one["logical_id"]: one for one in report["resources"]}
    assert "java21" in by_name["Function"]["refusals"][0]
    assert {"QueueNam" in text or "DelaySeconds" in text for text in by_name["Queue"]["errors"]} == {True}
    assert len(by_name["Queue"]["errors"]) == 2
    assert "--forward states=URL" in by_name["Rule"]["refusals"][0]


def test_a_forwarded_target_lies_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, {"Resources": {"Rule": RULE}})
    status, (report,) = checked(capsys, file, "--forward", "states=http://127.0.0.1:8083")
    assert status == 0
    assert verdicts(report) == {"Rule": "elsewhere"}
    assert report["resources"][0]["elsewhere"] == [f"Target {MACHINE} lies at http://127.0.0.1:8083."]


def test_parameters_decide_about_conditions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = {
        "Parameters": {"Stage": {"Type": "String", "AllowedValues": ["dev", "prod"]}},
        "Conditions": {"Prod": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}},
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Table": {"Type": "AWS::Glue::Table", "Condition": "Prod"},
        },
    }
    file = write(tmp_path, document)
    status, (report,) = checked(capsys, file)
    assert (status, report["assumed_parameters"]) == (0, {"Stage": "dev"})
    assert verdicts(report) == {"Topic": "made", "Table": "skipped"}
    status, (report,) = checked(capsys, file, "--parameter-overrides", "Stage=prod")
    assert (status, report["assumed_parameters"]) == (1, {})
    status, (report,) = checked(capsys, file, "--parameter-overrides", "Stage=moon")
    assert status == 1
    assert "must be one of AllowedValues" in report["error"]


def test_a_template_that_cloudformation_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "No"}}}}}
    status, (report,) = checked(capsys, write(tmp_path, broken))
    assert (status, report["resources"]) == (1, [])
    assert "Unresolved resource dependencies [No]" in report["error"]


def test_nested_templates_are_checked_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"Resources": {"Table": {"Type": "AWS::Glue::Table"}}}, "inner.json")
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "inner.json"}}
    status, (outer, inner) = checked(capsys, write(tmp_path, {"Resources": {"Inner": nested}}))
    assert status == 1
    assert verdicts(outer) == {"Inner": "made"}
    assert inner["template"].endswith("/ Inner")
    assert verdicts(inner) == {"Table": "refused"}


def test_the_output_of_cdk_synth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "cdk.out"
    output.mkdir()
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "Shop.template.json"}}
    write(output, {"artifacts": {"Shop": {**stack, "displayName": "Shop"}}}, "manifest.json")
    write(output, {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}, "Shop.template.json")
    monkeypatch.chdir(tmp_path)
    status, (report,) = checked(capsys)
    assert (status, report["template"], verdicts(report)) == (0, "Shop", {"Topic": "made"})


def test_a_manifest_names_no_file_outside_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "../secret.json"}}
    output = tmp_path / "out"
    output.mkdir()
    write(output, {"artifacts": {"Shop": stack}}, "manifest.json")
    assert run(["check", str(output)]) == 1
    assert "outside its folder" in capsys.readouterr().err


def test_what_a_person_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    resources = {"Table": {"Type": "AWS::Glue::Table"}, "Topic": {"Type": "AWS::SNS::Topic"}}
    assert run(["check", write(tmp_path, {"Resources": resources})]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown[1:4:2]] == ["refused", "made"]
    assert shown[-1].strip() == "1 of 2 resources are made here, 1 refused."


def test_what_a_macro_changes_is_not_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"Fn::Transform": {"Name": "Named", "Parameters": {}}}}
    document = {"Transform": ["DeadLetters", "AWS::LanguageExtensions"], "Resources": {"Topic": topic}}
    status, (report,) = checked(capsys, write(tmp_path, document))
    assert (status, verdicts(report)) == (0, {"Topic": "made"})
    assert report["unchecked_macros"] == ["DeadLetters", "Named"]


def test_a_custom_resource_takes_any_property(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    topic = "arn:aws:sns:us-east-1:000000000000:seeds"
    seed = {"Type": "Custom::Seed", "Properties": {"ServiceToken": topic, "Flags": [True, 1], "Text": "x"}}
    status, (report,) = checked(capsys, write(tmp_path, {"Resources": {"Seed": seed}}))
    assert (status, verdicts(report)) == (0, {"Seed": "made"})


def test_a_nested_template_gets_the_parameters_of_its_stack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = {"Fn::Select": ["1", {"Ref": "Names"}]}
    parameters = {
        "Names": {"Type": "CommaDelimitedList"},
        "Known": {"Type": "String"},
        "Later": {"Type": "String"},
    }
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}
    write(tmp_path, {"Parameters": parameters, "Resources": {"Queue": queue}}, "queue.json")
    topic = {"Type": "AWS::SNS::Topic"}
    given = {"Names": {"Ref": "Names"}, "Known": {"Ref": "Known"}, "Later": {"Ref": "Topic"}}
    nested = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": "queue.json", "Parameters": given},
    }
    document = {
        "Parameters": {"Names": parameters["Names"], "Known": {"Type": "String", "Default": "k"}},
        "Resources": {"Topic": topic, "Nested": nested},
    }
    status, (root, child) = checked(capsys, write(tmp_path, document))
    assert (status, verdicts(child)) == (0, {"Queue": "made"})
    assert list(root["assumed_parameters"]) == ["Names"]
    assert list(child["assumed_parameters"]) == ["Later"]
