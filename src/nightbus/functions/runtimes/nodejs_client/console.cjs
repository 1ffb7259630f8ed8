// Makes console.log and its like write log events as on AWS, in text or in JSON.
//
// With _LAMBDA_TELEMETRY_LOG_FD each message is one frame on that descriptor (type, length, microseconds, text), so that
// a message of many lines stays one log event. Without it a message is one line of standard output.
'use strict'

const { writeSync } = require('node:fs')
const { format } = require('node:util')
const { formatted, intoError } = require('./errors.cjs')

const LEVELS = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 }
const FRAME_TEXT = 0xa55a0003
const FRAME_JSON = 0xa55a0002
const REQUEST_ID = Symbol.for('aws.lambda.runtime.requestId')
const TENANT_ID = Symbol.for('aws.lambda.runtime.tenantId')
const pause = new Int32Array(new SharedArrayBuffer(4))

let isJson = false
let noRequest // what stands for the request id before the first invocation

// Which invocation the messages from now on are of.
function setInvocation(requestId, tenantId) {
  globalThis[REQUEST_ID] = requestId
  globalThis[TENANT_ID] = tenantId
}

// Log an error of the function under a title of the platform's.
function logError(title, error) {
  if (isJson) console.error(intoError(error))
  else console.error(title, formatted(intoError(error)))
}

function patchConsole(requestIdBefore) {
  noRequest = requestIdBefore
  isJson = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON'
  const descriptor = process.env._LAMBDA_TELEMETRY_LOG_FD
  delete process.env._LAMBDA_TELEMETRY_LOG_FD
  const write = descriptor === undefined ? writeLine : frameWriter(Number(descriptor))
  const least = LEVELS[process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()] ?? LEVELS.TRACE
  for (const [name, level] of Object.entries(LEVELS)) {
    const silent = level < least && name !== 'FATAL'
    console[name.toLowerCase()] = silent ? () => {} : (...params) => write(name, level, new Date(), params)
  }
  console.log = console.info
}

function writeLine(name, level, date, params) {
  process.stdout.write(message(name, date, params).replace(/\n/g, '\r') + '\n')
}

function frameWriter(descriptor) {
  return (name, level, date, params) => {
    const text = Buffer.from(isJson ? message(name, date, params) : message(name, date, params) + '\n')
    const frame = Buffer.allocUnsafe(16 + text.length)
    frame.writeUInt32BE(((isJson ? FRAME_JSON : FRAME_TEXT) | (level << 2)) >>> 0, 0)
    frame.writeUInt32BE(text.length, 4)
    frame.writeBigInt64BE(BigInt(date.valueOf()) * 1000n, 8)
    text.copy(frame, 16)
    writeAll(descriptor, frame)
  }
}

// Node.js may have made the pipe non-blocking, which it shares with standard output: wait while it is full.
function writeAll(descriptor, data) {
  for (let written = 0; written < data.length; ) {
    try {
      written += writeSync(descriptor, data, written)
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
      Atomics.wait(pause, 0, 0, 1)
    }
  }
}

function message(level, date, params) {
  const requestId = globalThis[REQUEST_ID] ?? noRequest
  if (isJson) return jsonMessage(level, date, requestId, params)
  return `${date.toISOString()}\t${requestId}\t${level}\t${format(params[0], ...params.slice(1))}`
}

function jsonMessage(level, date, requestId, params) {
  const entry = { timestamp: date.toISOString(), level, requestId }
  if (globalThis[TENANT_ID]) entry.tenantId = globalThis[TENANT_ID]
  if (params.length === 1) {
    try {
      return JSON.stringify({ ...entry, message: params[0] }, (_key, value) => withStack(value))
    } catch {
      return JSON.stringify({ ...entry, message: format(params[0]) })
    }
  }
  entry.message = format(...params)
  const error = params.find((param) => param instanceof Error)
  if (error) Object.assign(entry, errorFields(error), { stackTrace: error.stack?.split?.('\n') ?? [] })
  return JSON.stringify(entry)
}

function withStack(value) {
  return value instanceof Error ? { ...errorFields(value), stackTrace: value.stack?.split?.('\n'), ...value } : value
}

function errorFields(error) {
  return { errorType: error.constructor?.name ?? 'UnknownError', errorMessage: error.message }
}

module.exports = { setInvocation, logError, patchConsole }
