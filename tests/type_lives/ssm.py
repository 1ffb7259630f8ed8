"""The lives of the types of Systems Manager."""

from __future__ import annotations

from type_lives import Drift, Life

LIVES = [
    Life(
        "AWS::SSM::Parameter",
        {"Type": "String", "Value": "one", "Tags": {"a": "1"}},
        update={"Value": "two"},
        replacement={"Name": "/NAME/other"},
        failing={"AllowedPattern": "^[0-9]+$"},
        drift=Drift(
            lambda client, id, name: client("ssm").put_parameter(Name=id, Value="changed", Overwrite=True),
            "/Value",
        ),
    ),
]
