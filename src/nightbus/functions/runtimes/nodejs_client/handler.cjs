// Finds the function that a handler's name means ("index.handler", "src/app.handler", "dir/index.mod.handler").
//
// Before nodejs24.x a CommonJS module is required and an ES module imported, by extension and by "type" in package.json;
// from then on both are imported, and what a CommonJS module exports may be found under `default`.
'use strict'

const { existsSync, readFileSync, realpathSync } = require('node:fs')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const {
  HandlerNotFound,
  ImportModuleError,
  MalformedHandlerName,
  MalformedStreamingHandler,
  UserCodeSyntaxError,
} = require('./errors.cjs')

const requireHere = require // and not that of the function
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming')
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')

// The global by which a function says that it streams its response.
function defineAwslambda() {
  if (/^(1|true)$/.test(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA ?? '')) return
  globalThis.awslambda = {
    ...globalThis.awslambda,
    streamifyResponse(handler, options) {
      handler[STREAMING] = 'response'
      if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark)
      return handler
    },
    HttpResponseStream: { from: startHttpResponse },
  }
}

// The first write is preceded by the status and the headers of the HTTP response, and by eight zero bytes.
function startHttpResponse(stream, prelude) {
  stream.setContentType('application/vnd.awslambda.http-integration-response')
  stream._onBeforeFirstWrite = (write) => {
    write(JSON.stringify(prelude))
    write(new Uint8Array(8))
  }
  return stream
}

// null for a handler that returns its response, else { highWaterMark }.
function handlerStreams(handler) {
  if (!handler[STREAMING]) return null
  if (handler[STREAMING] !== 'response') throw new MalformedStreamingHandler('Only response streaming is supported.')
  return { highWaterMark: Number(handler[HIGH_WATER_MARK]) || undefined }
}

async function loadHandler(taskRoot, name, { require, takesCallbacks }) {
  if (name.includes('..')) {
    throw new MalformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    )
  }
  const base = path.basename(name)
  const folder = name.slice(0, name.indexOf(base))
  const [, moduleName, exported] = /^([^.]*)\.(.*)$/.exec(base) ?? []
  if (exported === undefined) throw new MalformedHandlerName('Bad handler')
  const loaded = await load(taskRoot, folder, moduleName, takesCallbacks, require)
  let found = member(loaded, exported)
  if (!found && !takesCallbacks) found = member(loaded?.default, exported)
  if (!found) throw new HandlerNotFound(`${name} is undefined or not exported`)
  if (typeof found !== 'function') throw new HandlerNotFound(`${name} is not a function`)
  return found
}

async function load(taskRoot, folder, moduleName, takesCallbacks, require) {
  const base = path.resolve(taskRoot, folder, moduleName)
  const found = ['', '.js', '.mjs', '.cjs'].map((extension) => base + extension).find(existsSync)
  const isModule = found !== undefined && isModuleFile(found)
  if (packagesElsewhere(taskRoot)) requireHere('./node_path.cjs').lookInNodePath(isModule)
  try {
    if (found === undefined) {
      return require(require.resolve(moduleName, { paths: [taskRoot, path.resolve(taskRoot, folder)] }))
    }
    return isModule || !takesCallbacks ? await import(pathToFileURL(found)) : require(found)
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserCodeSyntaxError(error)
    if (error?.code === 'MODULE_NOT_FOUND') throw new ImportModuleError(error)
    throw error
  }
}

function isModuleFile(file) {
  return file.endsWith('.mjs') || (file.endsWith('.js') && isModuleFolder(path.dirname(file)))
}

// Whether the package.json that is nearest says "type": "module".
function isModuleFolder(folder) {
  if (folder.endsWith('/node_modules')) return false
  const description = path.join(folder, 'package.json')
  if (existsSync(description)) {
    try {
      return JSON.parse(readFileSync(description)).type === 'module'
    } catch (error) {
      console.warn(`${description} cannot be read, it will be ignored for ES module detection purposes.`, error)
      return false
    }
  }
  return folder === '/' ? false : isModuleFolder(path.dirname(folder))
}

function member(object, names) {
  return names.split('.').reduce((nested, key) => nested && nested[key], object)
}

// Whether NODE_PATH has a folder of packages in which `import` does not look by itself, as AWS's Node.js does. In the
// sandbox the folders above the function's code are links to most of them.
function packagesElsewhere(taskRoot) {
  const found = new Set()
  for (let folder = path.dirname(taskRoot); !found.has(folder); folder = path.dirname(folder)) {
    found.add(folder).add(realFolder(path.join(folder, 'node_modules')))
  }
  const folders = (process.env.NODE_PATH ?? '').split(':').filter((folder) => /\/node_modules\/?$/.test(folder))
  return folders.map(realFolder).some((folder) => folder !== null && !found.has(folder))
}

function realFolder(folder) {
  try {
    return realpathSync(folder)
  } catch {
    return null
  }
}

module.exports = { defineAwslambda, handlerStreams, loadHandler }
