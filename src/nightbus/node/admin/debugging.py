"""Lets a function wait for a debugger, for whoever runs the node: `debug`."""

from __future__ import annotations

from typing import Any

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import is_account, is_region
from nightbus.node.admin.operator import require_operator
from nightbus.node.admin.request import AdminRequest, body_text

_PORTS = range(1024, 65536)


async def debug_function(request: AdminRequest) -> dict[str, Any]:
    """Body: `account`, `region`, `function` (its name), and `port`; without a port it is not debugged any more.

    From then on each environment of the function listens on that port of 127.0.0.1 and waits for a debugger before it
    imports the function's module; its time limits are suspended, and its invocations run one after another. Nothing of
    this is kept: it ends with the node. The caller must show the operator key. Raises AwsError.
    """
    require_operator(request, "nightbus dev --debug")
    body = await request.read_json()
    account, region, name = (body_text(body, member) for member in ("account", "region", "function"))
    if not is_account(account) or not is_region(region):
        raise AwsError("ValidationException", "`account` and `region` say whose function it is.")
    port = body.get("port")
    if port is not None and (not isinstance(port, int) or port not in _PORTS):
        raise AwsError("ValidationException", f"`port` must be a number from {_PORTS[0]} to {_PORTS[-1]}.")
    platform, scope = request.node.platform, Scope(account, region)
    call = Call(scope, Caller.root(account), request.node.endpoint, trusted=True)
    config = await platform.operations.call(
        "lambda", "GetFunctionConfiguration", {"FunctionName": name}, call
    )
    await platform.functions.debug(scope, config["FunctionName"], config["Runtime"], port)
    return {"function": config["FunctionName"], "port": port}
