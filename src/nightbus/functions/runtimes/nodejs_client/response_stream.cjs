// Streams a response to the Runtime API: chunked, with an error after the first byte in the trailers.
'use strict'

const http = require('node:http')
const { InvalidStreamingOperation, describe } = require('./errors.cjs')
const { isPromise } = require('./invocation.cjs')

const ERROR_TYPE = 'Lambda-Runtime-Function-Error-Type'
const ERROR_BODY = 'Lambda-Runtime-Function-Error-Body'
const METHODS = [
  'cork', 'destroy', 'end', 'uncork', 'write', 'addListener', 'emit', 'eventNames', 'getMaxListeners', 'listenerCount',
  'listeners', 'off', 'on', 'once', 'prependListener', 'prependOnceListener', 'rawListeners', 'removeAllListeners',
  'removeListener', 'setMaxListeners', 'setContentType',
]
const PROPERTIES = [
  'destroyed', 'writable', '_onBeforeFirstWrite', 'writableFinished', 'writableObjectMode', 'writableBuffer',
  'writableEnded', 'writableNeedDrain', 'writableHighWaterMark', 'writableCorked', 'writableLength',
]

class ResponseStream {
  #request
  #answered

  // `target`: where the response goes, as options of http.request.
  constructor(target, { highWaterMark } = {}) {
    const headers = {
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      Trailer: [ERROR_TYPE, ERROR_BODY],
      'Content-Type': 'application/octet-stream',
      'Transfer-Encoding': 'chunked',
    }
    const request = (this.#request = http.request({ ...target, headers, highWaterMark, agent: false }))
    this.#answered = new Promise((resolve, reject) => {
      request.on('response', (response) => response.resume().on('end', resolve).on('error', reject))
      request.on('error', reject)
    })
    this.#answered.catch(() => {}) // who awaits it gets the error
    let started = false
    const write = request.write.bind(request)
    request.setContentType = (type) => {
      if (started) throw new InvalidStreamingOperation('Cannot set content-type, too late.')
      request.setHeader('Content-Type', type)
    }
    request.write = (chunk, encoding, callback) => {
      const data = typeof chunk === 'string' || chunk instanceof Uint8Array ? chunk : JSON.stringify(chunk)
      if (!started) request._onBeforeFirstWrite?.((first) => write(first))
      started = true
      return write(data, encoding, callback)
    }
    const end = request.end.bind(request)
    request.end = (chunk, encoding, callback) => {
      if (typeof chunk === 'function') return end(chunk)
      if (chunk !== undefined && chunk !== null) request.write(chunk, typeof encoding === 'string' ? encoding : undefined)
      else if (!started) request._onBeforeFirstWrite?.((first) => write(first))
      return end(typeof encoding === 'function' ? encoding : callback)
    }
    this.writable = writableOnly(request)
  }

  // Waits for the handler, whose `result` is a promise, and for the node to have taken the whole stream.
  async finishedBy(result) {
    if (!isPromise(result)) throw 'Streaming does not support non-async handlers.'
    if ((await result) !== undefined) console.warn('Streaming handlers ignore return values.')
    await this.#answered
    if (!this.#request.writableFinished) throw 'Response stream is not finished.'
  }

  async fail(error) {
    const description = describe(error)
    if (!this.#request.writableEnded) {
      this.#request.addTrailers({
        [ERROR_TYPE]: String(description.errorType).replace(/[^\x20-\x7e]/g, '?'),
        [ERROR_BODY]: Buffer.from(JSON.stringify(description)).toString('base64'),
      })
      this.#request.end()
    }
    await this.#answered.catch(() => {})
  }
}

// The request without what would let a function change where it goes.
function writableOnly(request) {
  const writable = Object.fromEntries(METHODS.map((name) => [name, request[name].bind(request)]))
  for (const name of PROPERTIES) {
    Object.defineProperty(writable, name, {
      get: () => request[name],
      set: (value) => {
        if (['destroyed', 'writable', '_onBeforeFirstWrite'].includes(name)) request[name] = value
      },
    })
  }
  return writable
}

module.exports = { ResponseStream }
