"""The lives of the types of ECR."""

from __future__ import annotations

from type_lives import Drift, Life

LIVES = [
    Life(
        "AWS::ECR::Repository",
        {"ImageScanningConfiguration": {"ScanOnPush": "false"}, "Tags": [{"Key": "a", "Value": "1"}]},
        update={"ImageTagMutability": "IMMUTABLE", "ImageScanningConfiguration": {"ScanOnPush": "true"}},
        replacement={"RepositoryName": "NAME-other"},
        failing={"LifecyclePolicy": {"LifecyclePolicyText": "nonsense"}},
        drift=Drift(
            lambda client, id, name: client("ecr").put_image_tag_mutability(
                repositoryName=id, imageTagMutability="MUTABLE"
            ),
            "/ImageTagMutability",
        ),
    ),
]
