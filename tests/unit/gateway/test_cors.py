"""CORS headers: S3's by the rules of a bucket's configuration, the others' for every request."""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.gateway.cors import CorsRequest, bucket_headers, general_headers

PAGE = "http://localhost:3000"


def rule(**members: Any) -> dict[str, Any]:
    return {"AllowedOrigins": [PAGE], "AllowedMethods": ["GET", "PUT"], **members}


@pytest.mark.parametrize(
    ("origins", "shown"),
    [
        ([PAGE], PAGE),
        (["*"], "*"),
        (["http://*:3000"], PAGE),
        (["http://other", "http://local*"], PAGE),
        (["http://localhost:300"], None),
        (["http://localhost:3000*0"], None),
    ],
)
def test_a_rule_fits_an_origin_with_at_most_one_wildcard(origins: list[str], shown: str | None) -> None:
    headers = bucket_headers([rule(AllowedOrigins=origins)], CorsRequest(PAGE, "GET"))
    assert (headers or {}).get("access-control-allow-origin") == shown
    assert (headers or {}).get("access-control-allow-credentials") == (
        None if shown in ("*", None) else "true"
    )


def test_every_requested_header_must_be_allowed() -> None:
    some = rule(AllowedHeaders=["Content-*", "x-amz-date"])
    asked = CorsRequest(PAGE, "PUT", ["content-type", "x-amz-date"])
    headers = bucket_headers([some], asked)
    assert headers is not None
    assert headers["access-control-allow-headers"] == "content-type, x-amz-date"
    assert bucket_headers([some], CorsRequest(PAGE, "PUT", ["authorization"])) is None
    assert bucket_headers([rule()], asked) is None


def test_the_first_rule_that_fits_answers() -> None:
    rules = [rule(AllowedMethods=["POST"]), rule(MaxAgeSeconds=5, ExposeHeaders=["ETag", "x-amz-id-2"])]
    headers = bucket_headers(rules, CorsRequest(PAGE, "GET"))
    assert headers is not None
    assert headers["access-control-max-age"] == "5"
    assert headers["access-control-expose-headers"] == "ETag, x-amz-id-2"
    assert headers["access-control-allow-methods"] == "GET, PUT"


def test_other_services_say_yes_to_the_page_that_the_settings_admit() -> None:
    asked = CorsRequest(PAGE, "POST", ["authorization", "x-amz-target"])
    headers = general_headers(asked, preflight=True)
    assert headers["access-control-allow-origin"] == PAGE
    assert headers["access-control-allow-methods"] == "POST"
    assert headers["access-control-allow-headers"] == "authorization, x-amz-target"
    assert "access-control-max-age" not in general_headers(asked, preflight=False)
