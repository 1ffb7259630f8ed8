"""The lives of the types of Secrets Manager."""

from __future__ import annotations

from type_lives import Drift, Life

LIVES = [
    Life(
        "AWS::SecretsManager::Secret",
        {"SecretString": "one", "Description": "one", "Tags": [{"Key": "a", "Value": "1"}]},
        update={"SecretString": "two", "Description": "two"},
        replacement={"Name": "NAME-other"},
        failing={"Name": "no name?"},
        drift=Drift(
            lambda client, id, name: client("secretsmanager").update_secret(
                SecretId=id, Description="changed"
            ),
            "/Description",
        ),
    ),
]
