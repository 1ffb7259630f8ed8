// Runs a Node.js function: loads its handler, and hands it one invocation after the other.
//
// `node /var/runtime/index.mjs` is what an environment executes. Up to Node.js 22 it behaves as AWS's client of that
// time (aws-lambda-ric 3): handlers may take a callback, and an invocation may end when the event loop is empty. From
// nodejs24.x on as aws-lambda-ric 4: promises only. The name of the runtime decides, not the version of Node.js.
import { createRequire } from 'node:module'
import { logError, patchConsole } from './console.mjs'
import { CallbackHandlerDeprecated, UnhandledPromiseRejection, describe } from './errors.mjs'
import { defineAwslambda, handlerStreams, loadHandler } from './handler.mjs'
import { RuntimeApi } from './runtime_api.mjs'

const runtimeName = process.env.AWS_EXECUTION_ENV ?? ''
const takesCallbacks = Number(/nodejs(\d+)/.exec(runtimeName)?.[1] ?? 24) < 24
const api = new RuntimeApi(process.env.AWS_LAMBDA_RUNTIME_API)
const require = createRequire(import.meta.url) // of this file, so that "Require stack" reads as on AWS

const NO_CALLBACKS =
  'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to ' +
  'modify this function to use a supported handler signature to use Node.js 24 or later. For more information see ' +
  'https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.'

patchConsole(takesCallbacks ? undefined : '-')
defineAwslambda()
await (takesCallbacks ? runWithCallbacks() : runWithPromises())

async function runWithCallbacks() {
  const { Runtime } = await import('./callback_runtime.mjs')
  const reports = { failed: (error, status) => api.initError(describe(error)).then(() => process.exit(status)) }
  process.on('uncaughtException', (error) => {
    logError('Uncaught Exception', error)
    reports.failed(error, 129)
  })
  process.on('unhandledRejection', (reason, promise) => {
    const error = new UnhandledPromiseRejection(reason, promise)
    logError('Unhandled Promise Rejection', error)
    reports.failed(error, 128)
  })
  const handler = await load()
  new Runtime(api, handler, handlerStreams(handler), reports).scheduleIteration()
}

async function runWithPromises() {
  const { Runtime } = await import('./promise_runtime.mjs')
  let handler, streams
  try {
    handler = await load()
    streams = handlerStreams(handler)
    if (handler.length >= 3 && !streams) throw new CallbackHandlerDeprecated(NO_CALLBACKS)
  } catch (error) {
    logError('Init Error', error)
    await api.initError(describe(error))
    throw error
  }
  new Runtime(api, handler, streams).start()
}

function load() {
  return loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER, { require, takesCallbacks })
}
