"""`/_nightbus/metrics`: what a node counts and holds, in Prometheus' formats, for those who may read it."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from lambda_rig import allow, code
from nightbus.node.metrics.key import NAME
from nodes import RunningNode
from waiting import wait_for

_EXAMPLE = Path(__file__).parents[2] / "examples" / "grafana"
_OPENMETRICS = "application/openmetrics-text; version=1.0.0"
_EVENT = {"Source": "shop", "DetailType": "Order", "Detail": "{}"}


class Metrics:
    """One scrape of a node, by the key of its data folder."""

    def __init__(self, node: RunningNode, accept: str = "") -> None:
        assert node.folder is not None
        key = (node.folder / NAME).read_text()
        headers = {"authorization": f"Bearer {key}"} | ({"accept": accept} if accept else {})
        request = urllib.request.Request(f"{node.endpoint}/_nightbus/metrics", headers=headers)
        with urllib.request.urlopen(request) as answer:
            self.type = answer.headers["content-type"]
            self.text = answer.read().decode()
        parse: Any = parse_openmetrics if accept else parse_text
        self.families = {family.name: family for family in parse(self.text)}

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels."""
        return sum(
            float(sample.value)
            for family in self.families.values()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    @property
    def names(self) -> set[str]:
        """Of the samples."""
        return {sample.name for family in self.families.values() for sample in family.samples}

    @property
    def without_samples(self) -> set[str]:
        """Families of which there is nothing at the moment."""
        return {name for name, family in self.families.items() if not family.samples}

    def labels(self, name: str) -> set[str]:
        """What samples of that name have."""
        samples = (sample for family in self.families.values() for sample in family.samples)
        return {label for sample in samples if sample.name == name for label in sample.labels}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    node = RunningNode(tmp_path_factory.mktemp("metrics") / "data", dev_credentials=False)
    _use(node)
    yield node
    assert node.stop() == 0


def _use(node: RunningNode) -> None:
    """Three events to a queue, of which the third matches nothing; one to a target that is not there; a function."""
    sqs, events = node.client("sqs"), node.client("events")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}]
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    events.put_rule(Name="orders", EventPattern='{"source": ["shop"]}')
    events.put_targets(Rule="orders", Targets=[{"Id": "q", "Arn": arn}])
    events.put_rule(Name="gone", EventPattern='{"source": ["gone"]}')
    gone = {
        "Id": "q",
        "Arn": f"{arn}-gone",
        "RetryPolicy": {"MaximumRetryAttempts": 0},
        "DeadLetterConfig": {"Arn": arn},
    }
    events.put_targets(Rule="gone", Targets=[gone])
    others = [{**_EVENT, "Source": "other"}, {**_EVENT, "Source": "gone"}]
    assert not events.put_events(Entries=[_EVENT, _EVENT, *others])["FailedEntryCount"]
    with pytest.raises(ClientError):
        events.describe_rule(Name="none")
    _invoke(node)
    wait_for(lambda: Metrics(node).value("nightbus_dead_letters_total", outcome="sent") == 1)


def _invoke(node: RunningNode) -> None:
    iam, functions = node.client("iam"), node.client("lambda")
    trust = {
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ]
    }
    role = iam.create_role(RoleName="f", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    allow(iam, "f", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
    divide = code("def handler(event, context):\n    return 1 / event['by']\n")
    functions.create_function(
        FunctionName="divide",
        Runtime="python3.11",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": divide},
    )
    for by in (1, 2, 0):
        functions.invoke(FunctionName="divide", Payload=json.dumps({"by": by}))


def test_what_happened_is_counted(node: RunningNode) -> None:
    now = Metrics(node)
    assert now.value("nightbus_requests_total", service="events", operation="PutEvents", result="ok") == 1
    failed = {"operation": "DescribeRule", "result": "ResourceNotFoundException"}
    assert now.value("nightbus_requests_total", **failed) == 1
    assert now.value("nightbus_request_duration_seconds_count", operation="PutEvents") == 1
    assert now.value("nightbus_events_matched_total") == 3
    assert now.value("nightbus_rule_matches_total", bus="default", rule="orders") == 2
    assert now.value("nightbus_rule_deliveries_total", rule="orders", outcome="delivered") == 2
    assert now.value("nightbus_rule_deliveries_total", rule="gone", outcome="given_up") == 1
    assert now.value("nightbus_deliveries_total", origin="rule", target="sqs", outcome="delivered") == 2
    assert now.value("nightbus_deliveries_total", origin="rule", target="sqs", outcome="given_up") == 1
    assert now.value("nightbus_delivery_wait_seconds_count") == 1
    assert now.value("nightbus_invocations_total", function="divide") == 3
    assert now.value("nightbus_invocation_errors_total", function="divide") == 1
    assert now.value("nightbus_cold_starts_total", function="divide") == 1
    assert now.value("nightbus_invocation_duration_seconds_count", function="divide") == 3
    assert now.value("nightbus_init_duration_seconds_count") == 1
    assert now.value("nightbus_commits_total") > now.value("nightbus_rule_matches_total")
    assert now.value("nightbus_commit_duration_seconds_count") == now.value("nightbus_commit_groups_total")


def test_what_is_held_is_measured(node: RunningNode) -> None:
    now = Metrics(node)
    assert now.value("nightbus_queue_messages", queue="orders", state="visible") == 3
    assert now.value("nightbus_queue_oldest_message_seconds", queue="orders") > 0
    assert now.value("nightbus_resources", kind="rule") == 2
    assert now.value("nightbus_environments", state="idle") == 1
    assert now.value("nightbus_store_bytes") > 4096
    assert now.value("nightbus_backlog") == 0
    assert now.value("process_resident_memory_bytes") > 1_000_000
    assert now.value("nightbus_build") == 1


def test_both_formats_say_the_same(node: RunningNode) -> None:
    text, open_metrics = Metrics(node), Metrics(node, _OPENMETRICS)
    assert text.type.startswith("text/plain") and open_metrics.type.startswith("application/openmetrics-text")
    assert open_metrics.text.endswith("# EOF\n")
    assert open_metrics.names - text.names == set()
    assert text.value("nightbus_events_accepted_total") == open_metrics.value(
        "nightbus_events_accepted_total"
    )


def test_a_deleted_function_has_no_numbers_any_more(node: RunningNode) -> None:
    functions = node.client("lambda")
    before = Metrics(node).value("nightbus_init_duration_seconds_count")
    role = functions.get_function_configuration(FunctionName="divide")["Role"]
    functions.create_function(
        FunctionName="brief", Runtime="python3.11", Role=role, Handler="app.handler", Code={"ZipFile": code()}
    )
    functions.invoke(FunctionName="brief")
    assert Metrics(node).value("nightbus_invocations_total", function="brief") == 1
    functions.delete_function(FunctionName="brief")
    wait_for(lambda: 'function="brief"' not in Metrics(node).text)
    assert Metrics(node).value("nightbus_init_duration_seconds_count") == before + 1


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Bearer ", "Basic {key}", "{key}"])
def test_without_the_key_nobody_reads_them(node: RunningNode, authorization: str) -> None:
    assert node.folder is not None
    key = (node.folder / NAME).read_text()
    assert (node.folder / NAME).stat().st_mode & 0o777 == 0o600
    headers = {"authorization": authorization.format(key=key)} if authorization else {}
    request = urllib.request.Request(f"{node.endpoint}/_nightbus/metrics", headers=headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 401


def test_the_key_opens_nothing_else_and_stays_over_a_restart(tmp_path: Path) -> None:
    keys = []
    for _ in range(2):
        node = RunningNode(tmp_path / "data", dev_credentials=False)
        keys.append((tmp_path / "data" / NAME).read_text())
        request = urllib.request.Request(
            f"{node.endpoint}/_nightbus/sizes", headers={"authorization": f"Bearer {keys[-1]}"}
        )
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request)
        assert node.stop() == 0
    assert keys[0] == keys[1]


def test_they_may_be_open_to_everybody(tmp_path: Path) -> None:
    node = RunningNode(tmp_path / "data", {"NIGHTBUS_METRICS_OPEN": "true"}, dev_credentials=False)
    with urllib.request.urlopen(f"{node.endpoint}/_nightbus/metrics") as answer:
        assert b"nightbus_build" in answer.read()
    assert node.stop() == 0


def test_the_dashboard_asks_for_metrics_that_there_are(node: RunningNode) -> None:
    """Functions and labels of PromQL are taken away; what is left of an expression are names of samples."""
    now = Metrics(node)
    dashboard = json.loads((_EXAMPLE / "nightbus.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    assert len(expressions) > 40
    for expression in expressions:
        bare = re.sub(r"\bby \([^)]*\)|\[[^]]*\]", "", expression)
        for name, selector in re.findall(r"((?:nightbus|process|python)_\w+)\{([^}]*)\}", bare):
            if name in now.without_samples:
                continue
            assert name in now.names, expression
            labels = now.labels(name) | {"job", "instance"}
            asked = {one.split("=")[0].rstrip("!") for one in selector.split(",")}
            assert asked <= labels, expression
        grouped = {one.strip() for by in re.findall(r"\bby \(([^)]*)\)", expression) for one in by.split(",")}
        names = [
            one for one in re.findall(r"(?:nightbus|process)_\w+", bare) if one not in now.without_samples
        ]
        if not names:
            continue
        assert grouped <= set().union(*map(now.labels, names)), expression


def test_the_table_of_the_documentation_has_every_family_and_no_other(node: RunningNode) -> None:
    page = (_EXAMPLE.parents[1] / "docs" / "metrics.md").read_text()
    listed = set(re.findall(r"^\| `(nightbus_\w+)`", page, re.MULTILINE))
    types = dict(re.findall(r"^# TYPE (nightbus_\w+) (\w+)$", Metrics(node).text, re.MULTILINE))
    assert listed == {name for name in types if not name.endswith("_created")}


def test_prometheus_reads_where_the_node_answers() -> None:
    (job,) = yaml.safe_load((_EXAMPLE / "prometheus.yml").read_text())["scrape_configs"]
    assert job["metrics_path"] == "/_nightbus/metrics"
    assert job["authorization"] == {"type": "Bearer", "credentials_file": NAME}
