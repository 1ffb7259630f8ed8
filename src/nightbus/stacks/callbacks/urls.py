"""Makes and checks the presigned URLs by which custom resources respond and wait conditions are signalled. Pure.

They look as AWS's do, with the bucket in the path: `<node>/cloudformation-custom-resource-response-useast1/<stack id>|
<logical id>|<id>?AWSAccessKeyId=…&Expires=…&Signature=…`. The signature is an HMAC with the node's secret over all of
it, so a URL is good for one request of one resource of one stack, until it expires.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.stacks.records import is_stack_id

RESPONSES = "cloudformation-custom-resource-response-"
SIGNALS = "cloudformation-waitcondition-"
PREFIXES = (f"/{RESPONSES}", f"/{SIGNALS}")
_KEY = "CLOUDFORMATION"


@dataclass(frozen=True)
class Callback:
    """What a URL stands for. `kind` is RESPONSES or SIGNALS, `id` that of the request or of the handle."""

    kind: str
    stack_id: str
    logical_id: str
    id: str

    @property
    def scope(self) -> Scope:
        arn = Arn.parse(self.stack_id)
        return Scope(arn.account, arn.region)

    @property
    def path(self) -> str:
        region = self.scope.region.replace("-", "")
        return f"/{self.kind}{region}/{self.stack_id}|{self.logical_id}|{self.id}"


class CallbackUrls:
    """`secret` signs the URLs; `endpoint` is the node's own, by which functions reach it."""

    def __init__(self, secret: bytes, endpoint: str) -> None:
        self._secret = secret
        self._endpoint = endpoint

    def url(self, callback: Callback, expires: int) -> str:
        """Return the URL, which is good until `expires` (UTC seconds)."""
        query = {
            "AWSAccessKeyId": _KEY,
            "Expires": str(expires),
            "Signature": self._signature(callback, expires),
        }
        return f"{self._endpoint}{quote(callback.path)}?{urlencode(query)}"

    def callback(self, path: str, query: str, now: int) -> Callback:
        """Return what a request's path, percent-decoded, and query stand for at `now` (UTC seconds).

        Raises AwsError as S3 does for a presigned URL.
        """
        values = dict(parse_qsl(query))
        callback, expires = parsed_path(path), values.get("Expires", "")
        if callback is None or not expires.isascii() or not expires.isdecimal():
            raise AwsError("AccessDenied", "Access Denied", 403)
        if not hmac.compare_digest(
            self._signature(callback, int(expires)).encode(), values.get("Signature", "").encode()
        ):
            raise AwsError(
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. Check your key and "
                "signing method.",
                403,
            )
        if int(expires) < now:
            raise AwsError("AccessDenied", "Request has expired", 403)
        return callback

    def _signature(self, callback: Callback, expires: int) -> str:
        text = f"cloudformation-callback\n{callback.path}\n{expires}"
        return base64.b64encode(hmac.digest(self._secret, text.encode(), hashlib.sha256)).decode()


def parsed_path(path: str) -> Callback | None:
    """Return what a percent-decoded path stands for, without a look at its signature; None for another path."""
    bucket, _, key = path.lstrip("/").partition("/")
    parts = key.split("|")
    kind = next((one for one in (RESPONSES, SIGNALS) if bucket.startswith(one)), None)
    if kind is None or len(parts) != 3 or not is_stack_id(parts[0]):
        return None
    callback = Callback(kind, *parts)
    return callback if callback.path == path else None
