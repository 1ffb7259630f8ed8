// Runs invocations as nodejs24.x and later do: a handler returns its result or a promise of it, and that ends the
// invocation.
'use strict'

const { setImmediate: nextTurn } = require('node:timers/promises')
const { logError, setInvocation } = require('./console.cjs')
const { JSONStringifyError, describe } = require('./errors.cjs')
const { contextOf } = require('./invocation.cjs')

class Runtime {
  constructor(api, handler, streams) {
    this.api = api
    this.handler = handler
    this.streams = streams
  }

  async start() {
    for (;;) {
      const { headers, body } = await this.api.next()
      const id = headers['lambda-runtime-aws-request-id']
      setInvocation(id, headers['lambda-runtime-aws-tenant-id'])
      const context = contextOf(headers, { xRayTraceId: headers['lambda-runtime-trace-id'] })
      await (this.streams ? this.#runStreaming(id, body, context) : this.#run(id, body, context))
    }
  }

  async #run(id, body, context) {
    try {
      const result = await this.handler(JSON.parse(body), context)
      await nextTurn()
      this.api.respond(id, serialized(result))
    } catch (error) {
      await nextTurn()
      logError('Invoke Error', error)
      this.api.fail(id, describe(error))
    }
  }

  async #runStreaming(id, body, context) {
    const { ResponseStream } = require('./response_stream.cjs')
    const stream = new ResponseStream(this.api.streamTarget(id), this.streams)
    try {
      await stream.finishedBy(this.handler(JSON.parse(body), stream.writable, context))
    } catch (error) {
      await nextTurn()
      logError('Invoke Error', error)
      await stream.fail(error)
    }
  }
}

function serialized(result) {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? 'null'
  } catch {
    throw new JSONStringifyError('Unable to stringify response body')
  }
}

module.exports = { Runtime }
