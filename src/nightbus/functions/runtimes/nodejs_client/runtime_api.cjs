// Speaks the Lambda Runtime API over one kept connection: one message out and one in for each invocation.
//
// A result carries the header Nightbus-Next, which asks for the next invocation in the same request and says the most
// memory that the process has used (see `runtime_client.py`, which does the same for Python). The connection keeps the
// event loop alive only while an answer is awaited, so that a function whose event loop is empty is seen to have ended.
'use strict'

const net = require('node:net')
const { MARK, reachCallbacks } = require('./stack_callbacks.cjs')

const PREFIX = '/2018-06-01/runtime/'
const END_OF_HEAD = Buffer.from('\r\n\r\n')

class RuntimeApi {
  #address
  #socket = null
  #exchange = null // the request whose answer is awaited
  #next = null // the answer that will bring the next invocation
  #chunks = []
  #received = 0
  #ends = false

  // `address`: the value of AWS_LAMBDA_RUNTIME_API.
  constructor(address) {
    this.#address = address
  }

  // The next invocation: { headers, body }, with header names in lower case.
  async next() {
    const asked = this.#next
    this.#next = null
    let answer = await (asked ?? this.#ask(this.#request('GET', 'invocation/next')))
    if (answer.status !== 200 && asked) answer = await this.#ask(this.#request('GET', 'invocation/next'))
    if (answer.status !== 200) throw new Error('Failed to get next invocation')
    if (answer.body.includes(MARK)) reachCallbacks(answer.body)
    return answer
  }

  // Hand in the result of an invocation; `body` is JSON.
  respond(id, body) {
    this.#next = this.#ask(this.#request('POST', `invocation/${id}/response`, body, nextHeader()))
  }

  // Hand in an error, and ask for the next invocation.
  fail(id, description) {
    this.#next = this.#ask(this.#request('POST', `invocation/${id}/error`, JSON.stringify(description), nextHeader()))
  }

  // Hand in an error as the last thing that this process does. What the handler still hands in is not sent: it would
  // take the place of the answer after which the process ends.
  lastError(id, description) {
    const answer = this.#ask(this.#request('POST', `invocation/${id}/error`, JSON.stringify(description)))
    this.#ends = true
    return answer
  }

  initError(description) {
    const type = String(description.errorType).replace(/[^\x20-\x7e]/g, '?')
    const header = `Lambda-Runtime-Function-Error-Type: ${type}\r\n`
    return this.#ask(this.#request('POST', 'init/error', JSON.stringify(description), header))
  }

  // Where a response is streamed to: options of http.request.
  streamTarget(id) {
    const [host, port] = this.#address.split(':')
    return { method: 'POST', host, port, path: `${PREFIX}invocation/${id}/response` }
  }

  // Nightbus-Next comes first and Content-Length last, which the node knows at a glance.
  #request(method, path, body, header = '') {
    const head = `${method} ${PREFIX}${path} HTTP/1.1\r\nHost: ${this.#address}\r\n${header}`
    return body === undefined ? `${head}\r\n` : `${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  }

  #ask(request) {
    if (this.#ends) return new Promise(() => {})
    return new Promise((resolve, reject) => {
      this.#exchange = { request, resolve, reject, again: true }
      this.#send()
    })
  }

  #send() {
    this.#chunks = []
    this.#received = 0
    if (this.#socket === null) this.#connect()
    this.#socket.ref()
    this.#socket.write(this.#exchange.request)
  }

  #connect() {
    const [host, port] = this.#address.split(':')
    const socket = (this.#socket = net.connect({ host, port: Number(port), noDelay: true }))
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', () => {}) // 'close' follows
    socket.on('close', () => this.#lost(socket))
  }

  // Once more on another connection, where the answer did not come.
  #lost(socket) {
    if (this.#socket === socket) this.#socket = null
    const exchange = this.#exchange
    if (exchange === null) return
    if (exchange.again) {
      exchange.again = false
      this.#send()
    } else {
      this.#exchange = null
      exchange.reject(new Error('The Runtime API cannot be reached'))
    }
  }

  #read(chunk) {
    this.#chunks.push(chunk)
    this.#received += chunk.length
    const exchange = this.#exchange
    if (exchange === null) return
    if (exchange.whole === undefined) {
      const data = this.#data()
      const end = data.indexOf(END_OF_HEAD)
      if (end < 0) return
      Object.assign(exchange, head(data.utf8Slice(0, end)))
      exchange.begin = end + END_OF_HEAD.length
      exchange.whole = exchange.begin + Number(exchange.headers['content-length'] ?? 0)
    }
    if (this.#received < exchange.whole) return
    const { resolve, status, headers, begin, whole } = exchange
    const body = this.#data().utf8Slice(begin, whole)
    this.#exchange = null
    this.#chunks = []
    this.#socket.unref()
    resolve({ status, headers, body })
  }

  #data() {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0]
  }
}

function nextHeader() {
  return `Nightbus-Next: ${process.resourceUsage().maxRSS}\r\n`
}

function head(text) {
  const [first, ...lines] = text.split('\r\n')
  const headers = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  return { status: Number(first.split(' ')[1]), headers }
}

module.exports = { RuntimeApi }
