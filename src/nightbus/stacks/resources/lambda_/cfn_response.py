"""Holds the helper for custom resources that CloudFormation adds to inline code.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-lambda-function-code-cfnresponsemodule.html says what
it does: `cfnresponse` for Python, `cfn-response` for Node.js. Inline code has it where its text names it.
"""

from __future__ import annotations

_PYTHON = '''"""Sends the response of a custom resource."""

import json
from urllib.request import Request, urlopen

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(event, context, responseStatus, responseData, physicalResourceId=None, noEcho=False, reason=None):
    response = {
        "Status": responseStatus,
        "Reason": reason or "See the details in CloudWatch Log Stream: " + context.log_stream_name,
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    body = json.dumps(response).encode()
    headers = {"content-type": "", "content-length": str(len(body))}
    try:
        with urlopen(Request(event["ResponseURL"], data=body, headers=headers, method="PUT")) as answer:
            print("Status code:", answer.status)
    except Exception as failure:
        print("send(..) failed executing the request:", failure)
'''

_NODEJS = """// Sends the response of a custom resource.
'use strict'

exports.SUCCESS = 'SUCCESS'
exports.FAILED = 'FAILED'

exports.send = function (event, context, responseStatus, responseData, physicalResourceId, noEcho) {
  return new Promise((resolve) => {
    const body = JSON.stringify({
      Status: responseStatus,
      Reason: 'See the details in CloudWatch Log Stream: ' + context.logStreamName,
      PhysicalResourceId: physicalResourceId || context.logStreamName,
      StackId: event.StackId,
      RequestId: event.RequestId,
      LogicalResourceId: event.LogicalResourceId,
      NoEcho: noEcho || false,
      Data: responseData,
    })
    const ended = () => {
      if (context.done) context.done()
      resolve()
    }
    const url = new URL(event.ResponseURL)
    const headers = { 'content-type': '', 'content-length': Buffer.byteLength(body) }
    const request = require(url.protocol.slice(0, -1)).request(url, { method: 'PUT', headers }, (response) => {
      console.log('Status code: ' + response.statusCode)
      response.resume()
      ended()
    })
    request.on('error', (error) => {
      console.log('send(..) failed executing request(..): ' + error)
      ended()
    })
    request.end(body)
  })
}
"""


def helper_file(source: str, runtime: str) -> tuple[str, str] | None:
    """Return the name and the text of the helper that inline code of the runtime uses, or None if it uses none."""
    if runtime.startswith("python"):
        return ("cfnresponse.py", _PYTHON) if "cfnresponse" in source else None
    return ("node_modules/cfn-response/index.js", _NODEJS) if "cfn-response" in source else None
