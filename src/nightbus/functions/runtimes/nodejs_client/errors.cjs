// Says errors as AWS's clients for Node.js do: to the Runtime API, and in the log.
'use strict'

const { types } = require('node:util')

function named(name, Class) {
  Class.prototype.name = `Runtime.${name}`
  return Class
}

const ImportModuleError = named('ImportModuleError', class extends Error {})
const HandlerNotFound = named('HandlerNotFound', class extends Error {})
const MalformedHandlerName = named('MalformedHandlerName', class extends Error {})
const UserCodeSyntaxError = named('UserCodeSyntaxError', class extends Error {})
const MalformedStreamingHandler = named('MalformedStreamingHandler', class extends Error {})
const InvalidStreamingOperation = named('InvalidStreamingOperation', class extends Error {})
const CallbackHandlerDeprecated = named('CallbackHandlerDeprecated', class extends Error {})
const JSONStringifyError = named('JSONStringifyError', class extends Error {})
const UnhandledPromiseRejection = named(
  'UnhandledPromiseRejection',
  class extends Error {
    constructor(reason, promise) {
      super(reason)
      this.reason = reason
      this.promise = promise
    }
  },
)

// What the client of the function gets.
function describe(error) {
  try {
    if (types.isNativeError(error) || looksLikeError(error)) {
      return {
        errorType: printable(error.name),
        errorMessage: printable(error.message),
        trace: printable(error.stack).split('\n'),
      }
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] }
  } catch {
    return {
      errorType: 'handled',
      errorMessage:
        'callback called with Error argument, but there was a problem while retrieving one or more of its message, ' +
        'name, and stack',
    }
  }
}

// What the log gets beside the words that say where it happened.
function formatted(error) {
  try {
    return '\t' + JSON.stringify(error, (_key, value) => withEnumerableProperties(value))
  } catch {
    return '\t' + JSON.stringify(describe(error))
  }
}

function intoError(value) {
  return value instanceof Error ? value : new Error(value)
}

function looksLikeError(value) {
  return [value?.name, value?.message, value?.stack].every((text) => typeof text === 'string' && text)
}

function printable(text) {
  return text?.replaceAll('\x7f', '%7F')
}

function withEnumerableProperties(value) {
  if (!(value instanceof Error)) return value
  const all = { errorType: value.name, errorMessage: value.message, code: value.code, ...value }
  if (typeof value.stack === 'string') all.stack = value.stack.split('\n')
  return all
}

module.exports = {
  ImportModuleError,
  HandlerNotFound,
  MalformedHandlerName,
  UserCodeSyntaxError,
  MalformedStreamingHandler,
  InvalidStreamingOperation,
  CallbackHandlerDeprecated,
  JSONStringifyError,
  UnhandledPromiseRejection,
  describe,
  formatted,
  intoError,
}
