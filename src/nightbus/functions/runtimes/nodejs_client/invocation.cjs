// Makes of an answer of the Runtime API what a handler is called with: its event, and its context.
'use strict'


// `members` are the context's own beside those that every handler gets. Throws for headers that are not JSON.
function contextOf(headers, members) {
  const deadline = Number(headers['lambda-runtime-deadline-ms'])
  const trace = headers['lambda-runtime-trace-id']
  if (trace) process.env._X_AMZN_TRACE_ID = trace
  else delete process.env._X_AMZN_TRACE_ID
  return Object.assign(members, {
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed(headers['lambda-runtime-client-context'], 'ClientContext'),
    identity: parsed(headers['lambda-runtime-cognito-identity'], 'CognitoIdentity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  })
}

function parsed(json, name) {
  if (!json) return undefined
  try {
    return JSON.parse(json)
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`)
  }
}

function isPromise(value) {
  return typeof value?.then === 'function'
}

module.exports = { contextOf, isPromise }
