// Runs a Node.js function: loads its handler, and hands it one invocation after the other.
//
// `node /var/runtime/index.cjs` is what an environment executes. Up to Node.js 22 it behaves as AWS's client of that
// time (aws-lambda-ric 3): handlers may take a callback, and an invocation may end when the event loop is empty. From
// nodejs24.x on as aws-lambda-ric 4: promises only. The name of the runtime decides, not the version of Node.js.
//
// These files are CommonJS since Node.js starts some 30 ms later where its first file is an ES module.
'use strict'

const path = require('node:path')
const { createRequire } = require('node:module')
const { logError, patchConsole } = require('./console.cjs')
const { CallbackHandlerDeprecated, UnhandledPromiseRejection, describe } = require('./errors.cjs')
const { defineAwslambda, handlerStreams, loadHandler } = require('./handler.cjs')
const { RuntimeApi } = require('./runtime_api.cjs')

const NO_CALLBACKS =
  'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to ' +
  'modify this function to use a supported handler signature to use Node.js 24 or later. For more information see ' +
  'https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.'

const runtimeName = process.env.AWS_EXECUTION_ENV ?? ''
const takesCallbacks = Number(/nodejs(\d+)/.exec(runtimeName)?.[1] ?? 24) < 24
const api = new RuntimeApi(process.env.AWS_LAMBDA_RUNTIME_API)
const requireOfFunction = createRequire(path.join(__dirname, 'index.mjs')) // AWS's file, which "Require stack" names

patchConsole(takesCallbacks ? undefined : '-')
defineAwslambda()
if (takesCallbacks) runWithCallbacks()
else runWithPromises()

async function runWithCallbacks() {
  const { Runtime } = require('./callback_runtime.cjs')
  const reports = { failed: (error, status) => api.initError(describe(error)).then(() => process.exit(status)) }
  const uncaught = (error) => {
    logError('Uncaught Exception', error)
    reports.failed(error, 129)
  }
  process.on('uncaughtException', uncaught)
  process.on('unhandledRejection', (reason, promise) => {
    const error = new UnhandledPromiseRejection(reason, promise)
    logError('Unhandled Promise Rejection', error)
    reports.failed(error, 128)
  })
  try {
    const handler = await load()
    new Runtime(api, handler, handlerStreams(handler), reports).scheduleIteration()
  } catch (error) {
    uncaught(error)
  }
}

async function runWithPromises() {
  const { Runtime } = require('./promise_runtime.cjs')
  try {
    const handler = await load()
    const streams = handlerStreams(handler)
    if (handler.length >= 3 && !streams) throw new CallbackHandlerDeprecated(NO_CALLBACKS)
    new Runtime(api, handler, streams).start()
  } catch (error) {
    logError('Init Error', error)
    await api.initError(describe(error))
    throw error // which ends the process, as an error that nobody handles
  }
}

function load() {
  return loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER, { require: requireOfFunction, takesCallbacks })
}
