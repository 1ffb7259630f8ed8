"""API Gateway and AppSync: an HTTP request, signed by SigV4 where the target has a role, with its input as the body."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from nightbus.bus.json_text import parse_json, write_json
from nightbus.delivery.forwarding.interface import HttpCall, Unforwardable
from nightbus.delivery.forwarding.material import Material

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-gateway-target.html
_API_SECONDS = 5


def invoke_api(material: Material) -> HttpCall:
    """`api-id/stage/METHOD/path/with/*`: the stars are filled from PathParameterValues, in order."""
    api, _, rest = material.arn.resource.partition("/")
    stage, _, rest = rest.partition("/")
    method, _, path = rest.partition("/")
    settings = material.settings("HttpParameters")
    values = list(settings.get("PathParameterValues") or ())
    parts = []
    for part in path.split("/") if path else ():
        if part == "*" and not values:
            raise Unforwardable(f"Target {material.target['Id']} has fewer path parameter values than stars.")
        parts.append(quote(values.pop(0), safe="") if part == "*" else part)
    query = urlencode(
        settings.get("QueryStringParameters") or {}, quote_via=quote
    )  # a plus would break the signature
    headers = settings.get("HeaderParameters") or {}
    typed = any(name.lower() == "content-type" for name in headers)
    return HttpCall(
        service="execute-api",
        url=f"https://{api}.execute-api.{material.arn.region}.amazonaws.com/{stage}",
        path="/" + "/".join(parts) + (f"?{query}" if query else ""),
        method="POST" if method in ("", "*") else method,
        headers=headers if typed else {"Content-Type": "application/json", **headers},
        body=material.input,
        address={"api": api, "stage": stage},
        signed=bool(material.target.get("RoleArn")),
        seconds=_API_SECONDS,
    )


def run_graphql(material: Material) -> HttpCall:
    """The operation is the target's; its variables are the input."""
    api = material.arn.resource.removeprefix("endpoints/graphql-api/")
    query = material.settings("AppSyncParameters").get("GraphQLOperation", "")
    body = write_json({"query": query, "variables": parse_json(material.input)})
    return HttpCall(
        service="appsync",
        url=f"https://{api}.appsync-api.{material.arn.region}.amazonaws.com",
        path="/graphql",
        method="POST",
        headers={"Content-Type": "application/json"},
        body=body,
        address={"api": api},
    )
