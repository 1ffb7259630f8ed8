"""Does a target get exactly the text that its Input, InputPath or InputTransformer asks for?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightbus.bus.json_text import parse_json, write_json
from nightbus.bus.transform import render_input, validate_target_input

EVENT: dict[str, Any] = {
    "version": "0",
    "id": "7bf73129",
    "source": "aws.ec2",
    "detail-type": "State",
    "resources": ["arn:one", "arn:two"],
    "detail": {
        "instance-id": "i-0123456789",
        "state": "RUNNING",
        "cost": 1.5,
        "none": None,
        "tags": {"a/b": "c"},
        "items": [{"sku": "x", "n": 1}, {"sku": "y"}],
        "said": {"it": 'say "hi" \\ é'},
        "all": {"tags": {"a/b": "c"}},
        "line": "one\ntwo",
        "quoted": 'a"b',
    },
}
PATHS = {
    "instance": "$.detail.instance-id",
    "state": "$.detail.state",
    "cost": "$.detail.cost",
    "tags": "$.detail.tags",
    "gone": "$.detail.gone",
    "nothing": "$.detail.none",
    "second": "$.resources[1]",
    "skus": "$.detail.items[*].sku",
    "slash": "$.detail.tags.a/b",
    "said": "$.detail.said",
    "all": "$.detail.all",
    "line": "$.detail.line",
    "quoted": "$.detail.quoted",
}


def render(target: dict[str, Any], event: dict[str, Any] = EVENT) -> str:
    return render_input(
        target,
        event,
        rule_arn="arn:aws:events:us-east-2:123456789012:rule/example",
        rule_name="example",
        ingestion_time="2026-01-02T03:04:05Z",
    )


def transformed(template: str) -> str:
    return render({"InputTransformer": {"InputPathsMap": PATHS, "InputTemplate": template}})


def test_the_whole_event_by_default() -> None:
    assert json.loads(render({})) == EVENT


def test_a_constant_is_given_as_it_is() -> None:
    assert render({"Input": '{ "a" : 1 }'}) == '{ "a" : 1 }'


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("$.detail.state", '"RUNNING"'),
        ("$.detail.cost", "1.5"),
        ("$.detail.none", "null"),
        ("$.detail.tags", '{"a/b":"c"}'),
        ("$.resources[0]", '"arn:one"'),
        ("$.detail.items[*].n", "[1]"),
        ("$.detail.tags.*", '["c"]'),
        ("$.nowhere", "null"),
    ],
)
def test_a_path(path: str, text: str) -> None:
    assert render({"InputPath": path}) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('"instance <instance> is in <state>"', '"instance i-0123456789 is in RUNNING"'),
        ('"instance \\"<instance>\\" is in <state>"', '"instance \\"i-0123456789\\" is in RUNNING"'),
        (
            '{\n  "instance" : <instance>,\n  "state": <state>\n}',
            '{"instance":"i-0123456789","state":"RUNNING"}',
        ),
        (
            '{"instanceStatus": "instance \\"<instance>\\" is in <state>"}',
            '{"instanceStatus":"instance \\"i-0123456789\\" is in RUNNING"}',
        ),
        ('{"state": [ 9, <state>, true ]}', '{"state":[9,"RUNNING",true]}'),
        ('{"c": <cost>, "t": <tags>, "n": <nothing>}', '{"c":1.5,"t":{"a/b":"c"},"n":null}'),
        # As the user guide has it: an object or array in a string loses its quotes, but for what is escaped.
        ('"<cost> <tags>"', '"1.5 {a/b:c}"'),
        ('{"all": "<tags> <skus> <said>"}', '{"all":"{a/b:c} [x,y] {it:say \\"hi\\" \\\\ é}"}'),
        ('"<all>"', '"{tags:{a/b:c}}"'),
        ('{"o": <tags>, "a": [<skus>]}', '{"o":{"a/b":"c"},"a":[["x","y"]]}'),
        ('"<line>" "<quoted>"', '"one\ntwo" "a"b"'),  # "EventBridge doesn't escape values"
        ('{"line": <line>, "quoted": <quoted>}', '{"line":"one\\ntwo","quoted":"a\\"b"}'),
        ('"<second> <slash>"', '"arn:two c"'),
        ("<skus>", '["x","y"]'),
        # Recorded on AWS: what the event does not have is an empty string, in JSON as in a text.
        ('"[<gone>]"', '"[]"'),
        ('{"gone": <gone>, "also": "<gone>"}', '{"gone":"","also":""}'),
        ("<gone>", '""'),
        ('"first <state>"\n"second"', '"first RUNNING"\n"second"'),
        ('"<aws.events.rule-name> triggered"', '"example triggered"'),
        ("[<aws.events.rule-arn>]", '["arn:aws:events:us-east-2:123456789012:rule/example"]'),
        ("<aws.events.event.ingestion-time>", '"2026-01-02T03:04:05Z"'),
        ('"1 < 2 and <a b>"', '"1 < 2 and <a b>"'),
    ],
)
def test_templates(template: str, text: str) -> None:
    assert transformed(template) == text


def test_the_predefined_events() -> None:
    """Recorded on AWS: the event without its detail has other names, and an order of its own."""
    event = {**EVENT, "account": "1", "region": "r", "time": "t"}
    text = render({"InputTransformer": {"InputTemplate": '{"e": <aws.events.event>}'}}, event)
    assert text == (
        '{"e":{"id":"7bf73129","account":"1","detailType":"State","time":"t","source":"aws.ec2","region":"r",'
        '"resources":["arn:one","arn:two"],"version":"0"}}'
    )
    assert json.loads(transformed('{"all": <aws.events.event.json>}')) == {"all": EVENT}


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ({"Input": '{"a": 1}'}, None),
        ({"Input": "{a}"}, "JSON syntax error in input for target t."),
        ({"InputPath": "$.detail"}, None),
        ({"InputPath": "$"}, None),
        ({"InputPath": "$.detail.list[0].*"}, None),
        ({"InputPath": "$.list[*]"}, None),
        *(
            ({"InputPath": path}, "InputPath for target t is invalid.")
            for path in (
                "detail",
                "$.",
                "$.a.",
                "$..a",
                "$.a['b']",
                '$["a"]',
                "$.a[-1]",
                "$.a[",
                "$a",
                "$.a[?(@.b)]",
            )
        ),
        (
            {"InputTransformer": {"InputPathsMap": {"a": "a"}, "InputTemplate": '"<a>"'}},
            "InputPath for target t is invalid.",
        ),
        (
            {"InputTransformer": {"InputPathsMap": {"a": "$.detail['b']"}, "InputTemplate": '"<a>"'}},
            "InputPath for target t is invalid.",
        ),
        ({"InputTransformer": {"InputTemplate": '{"e": <aws.events.event.json>}'}}, None),
        *(
            (
                {"InputTransformer": {"InputTemplate": template}},
                "InputTemplate for target t contains placeholder aws.events.event.json valid only for JSON template.",
            )
            for template in (
                "<aws.events.event.json>",
                "[<aws.events.event.json>]",
                '"<aws.events.event.json>"',
            )
        ),
        (
            {"Input": "1", "InputPath": "$"},
            "Only one of Input, InputPath, or InputTransformer must be provided for target t.",
        ),
        ({"InputTransformer": {"InputTemplate": '"<aws.events.rule-name>"'}}, None),
        ({"InputTransformer": {"InputPathsMap": {"a": "$.a"}, "InputTemplate": '{"k": <a>}'}}, None),
        ({"InputTransformer": {"InputPathsMap": {"a": "$.a"}, "InputTemplate": '"one <a>"\n"two"'}}, None),
        (
            {"InputTransformer": {"InputTemplate": '"<b>"'}},
            "InputTemplate for target t contains invalid placeholder b.",
        ),
        (
            {"InputTransformer": {"InputPathsMap": {"a": "$.a"}, "InputTemplate": "<a> is bare"}},
            'Invalid InputTemplate for target t : [Source: (String)"null is bare"; line: 1, column: 8].',
        ),
        (
            {"InputTransformer": {"InputPathsMap": {"a": "$.a"}, "InputTemplate": "{<a>: 1}"}},
            'Invalid InputTemplate for target t : [Source: (String)"{null: 1}"; line: 1, column: 2].',
        ),
    ],
)
def test_what_is_refused(target: dict[str, Any], reason: str | None) -> None:
    assert validate_target_input({"Id": "t", **target}) == reason


@settings(max_examples=500)
@given(st.text(alphabet='<>ab"\\{}[]:, \n', max_size=20))
def test_any_template_is_judged_and_a_valid_one_is_filled(template: str) -> None:
    target = {"Id": "t", "InputTransformer": {"InputPathsMap": {"a": "$.source"}, "InputTemplate": template}}
    if validate_target_input(target) is None:
        rendered = render(target)
        assert "<a>" not in rendered.replace("\\", "")


def test_numbers_and_characters_survive() -> None:
    text = '{"long":123456789012345678901,"huge":1e400,"fine":0.1000000000000000055,"é":"𐐀"}'
    assert render({}, parse_json(text)) == text


def test_a_lone_surrogate_is_written_as_an_escape() -> None:
    assert write_json(parse_json('{"a":"\\ud800"}')) == '{"a":"\\ud800"}'
