"""What an AWS client is told when it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, int, str]:
    """Code, HTTP status and message. Fails when the call goes through."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    error = response["Error"]
    return error["Code"], response["ResponseMetadata"]["HTTPStatusCode"], error.get("Message", "")


def code_and_status(call: Callable[..., Any], **params: Any) -> tuple[str, int]:
    return refusal(call, **params)[:2]
