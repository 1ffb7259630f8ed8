"""Control characters in what S3 returns as headers become spaces; uvicorn would drop the connection instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize("control", ["\x00", "\x1b", "\x7f", "\r\nx-evil: 1"])
def test_control_characters_in_headers_of_replies(client: Callable[..., Any], control: str) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="hostile-headers")
    s3.put_object(Bucket="hostile-headers", Key="k", Body=b"x")
    reply = s3.get_object(Bucket="hostile-headers", Key="k", ResponseContentDisposition=f"a{control}b")
    assert reply["ContentDisposition"].isprintable()
    assert "x-evil" not in reply["ResponseMetadata"]["HTTPHeaders"]
    deleted = s3.delete_object(Bucket="hostile-headers", Key="k", VersionId=f"v{control}")
    assert deleted["VersionId"].isprintable()
