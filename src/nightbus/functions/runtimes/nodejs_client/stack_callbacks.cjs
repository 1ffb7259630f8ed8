// Lets functions answer a stack by the https module, although the node speaks HTTP.
//
// AWS's URLs of responses are https, and the helpers that everybody uses (cfn-response, those of the CDK) take host and
// path of such a URL and call https.request without its port, or with 443. Once an event has a URL of the node, requests
// to this host and path go to the node, whoever makes them. Other requests are as before, and without such an event the
// https module is not loaded.
'use strict'

const MARK = '/cloudformation-' // as in stacks/callbacks/urls.py
const URLS = /http:\/\/(\[[0-9a-f:]+\]|[^/:"\\\s]+):?(\d*)\/cloudformation-(?:custom-resource-response|waitcondition)-/g
const PATH = /^\/cloudformation-(custom-resource-response|waitcondition)-/
const ports = new Map()

// Let requests to the hosts of all such URLs in `text` through.
function reachCallbacks(text) {
  for (const [, host, port] of text.matchAll(URLS)) {
    if (ports.size === 0) patchAgent()
    ports.set(host, Number(port || 80))
  }
}

// All requests of the https module go through this method of an agent.
function patchAgent() {
  const http = require('node:http')
  const https = require('node:https')
  const addRequest = https.Agent.prototype.addRequest
  https.Agent.prototype.addRequest = function (request, options, ...rest) {
    const port = PATH.test(request.path) ? ports.get(options.host) : undefined
    if (port === undefined) return addRequest.call(this, request, options, ...rest)
    return http.globalAgent.addRequest(request, { ...options, port, defaultPort: 80 }, ...rest)
  }
}

module.exports = { MARK, reachCallbacks }
