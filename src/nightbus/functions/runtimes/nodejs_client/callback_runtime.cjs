// Runs invocations as runtimes before nodejs24.x do: a handler may return a promise, take a callback, or call the
// context's done, succeed and fail. What is returned and is not a promise is ignored.
//
// A callback's result is sent when the event loop is empty, unless callbackWaitsForEmptyEventLoop is false; that of a
// promise, of done, succeed and fail at once. A handler that does none of it has ended, with null, when the event loop
// is empty. Node.js says that by 'beforeExit', since the connection to the Runtime API does not count meanwhile.
'use strict'

const { logError, setInvocation } = require('./console.cjs')
const { describe } = require('./errors.cjs')
const { contextOf, isPromise } = require('./invocation.cjs')

let whenIdle = () => {}
process.on('beforeExit', () => whenIdle())

class Runtime {
  constructor(api, handler, streams, reports) {
    this.api = api
    this.handler = handler
    this.streams = streams
    this.reports = reports
    this.handleOnce = streams ? this.handleOnceStreaming : this.handleOnceNonStreaming
  }

  scheduleIteration() {
    setImmediate(() => {
      this.handleOnce().catch((error) => {
        console.log(`Unexpected Top Level Error: ${error}`)
        this.reports.failed(error, 129)
      })
    })
  }

  async handleOnceNonStreaming() {
    const { id, headers, body } = await this.#next()
    const [callback, members] = this.#endings(id)
    try {
      const result = this.handler(JSON.parse(body), contextOf(headers, members), callback)
      if (isPromise(result)) result.then(members.succeed, members.fail).catch(members.fail)
    } catch (error) {
      callback(error)
    }
  }

  async handleOnceStreaming() {
    const { id, headers, body } = await this.#next()
    whenIdle = () => this.scheduleIteration()
    const { ResponseStream } = require('./response_stream.cjs')
    const stream = new ResponseStream(this.api.streamTarget(id), this.streams)
    let waits = true
    const next = () => {
      whenIdle = () => {}
      if (waits) whenIdle = () => setImmediate(() => this.scheduleIteration())
      else this.scheduleIteration()
    }
    const members = {
      get callbackWaitsForEmptyEventLoop() {
        return waits
      },
      set callbackWaitsForEmptyEventLoop(value) {
        waits = value
      },
    }
    try {
      const result = this.handler(JSON.parse(body), stream.writable, contextOf(headers, members))
      await stream.finishedBy(result)
    } catch (error) {
      logError('Invoke Error', error)
      await stream.fail(error)
    }
    next()
  }

  async #next() {
    const { headers, body } = await this.api.next()
    const id = headers['lambda-runtime-aws-request-id']
    setInvocation(id, headers['lambda-runtime-aws-tenant-id'])
    this.reports.failed = (error, status) => this.api.lastError(id, describe(error)).then(() => process.exit(status))
    return { id, headers, body }
  }

  // The callback of an invocation, and the context's members by which it ends as well. The first call counts.
  #endings(id) {
    let waits = true
    let ended = false
    let reported = false
    const succeed = (result) => {
      if (reported) {
        console.error(
          'Invocation has already been reported as done. Cannot call complete more than once per invocation.',
        )
        return
      }
      reported = true
      this.api.respond(id, serialized(result))
      this.scheduleIteration()
    }
    const finish = (error, result, later) => {
      if (ended) return
      whenIdle = () => {}
      if (error !== undefined && error !== null) {
        logError('Invoke Error', error)
        this.api.fail(id, describe(error))
        this.scheduleIteration()
      } else if (later) whenIdle = () => setImmediate(succeed, result)
      else succeed(result)
      ended = true // not where the result could not be serialized: that is an error of this invocation
    }
    whenIdle = () => {
      ended = true
      whenIdle = () => {}
      succeed(null)
    }
    const members = {
      get callbackWaitsForEmptyEventLoop() {
        return waits
      },
      set callbackWaitsForEmptyEventLoop(value) {
        waits = value
      },
      succeed: (result) => finish(null, result, false),
      fail: (error) => finish(error ?? 'handled', null, false),
      done: (error, result) => finish(error, result, false),
    }
    return [(error, result) => finish(error, result, waits), members]
  }
}

function serialized(result) {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? 'null'
  } catch {
    throw new Error('Unable to stringify response body')
  }
}

module.exports = { Runtime }
