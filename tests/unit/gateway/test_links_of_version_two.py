"""Links of S3 with signatures of version 2: no parameter that makes another operation of one goes unsigned."""

from __future__ import annotations

from urllib.parse import urlsplit

from botocore.session import get_session

from nightbus.aws.errors import AwsError
from nightbus.gateway.request import WireRequest
from nightbus.gateway.signatures.version_two import hmac_sha1, string_to_sign, verify_link


def test_a_link_of_version_two_signs_all_that_makes_another_operation_of_it() -> None:
    """Or it is refused with it. `list-type` chooses between two forms of one list, with one permission."""
    operations = get_session().get_service_model("s3")
    parameters = {
        part.partition("=")[0]
        for name in operations.operation_names
        for part in urlsplit(operations.operation_model(name).http["requestUri"]).query.split("&")
        if part
    }
    assert {name for name in parameters if is_accepted_unsigned(name)} == {"list-type"}


def is_accepted_unsigned(name: str) -> bool:
    """Return whether a link with one more parameter, that its signer did not see, is accepted."""
    plain = {"AWSAccessKeyId": "a", "Expires": "1"}
    signature = hmac_sha1("secret", string_to_sign(WireRequest("GET", "/b/k", plain, {}, raw_path="/b/k")))
    changed = {**plain, "Signature": signature, name: ""}
    try:
        verify_link(WireRequest("GET", "/b/k", changed, {}, raw_path="/b/k"), "secret")
    except AwsError:
        return False
    return True
