// Makes `import` find packages in the folders of NODE_PATH, as AWS's Node.js does: layers, and what /var/runtime has.
'use strict'

const nodeModule = require('node:module')
const { pathToFileURL } = require('node:url')

// From Node.js 22.15 on hooks run in this thread. Older ones start a thread for them, which takes some 30 ms: there only
// functions whose handler is an ES module find layers by `import`.
function lookInNodePath(isModule) {
  if (nodeModule.registerHooks) nodeModule.registerHooks({ resolve: resolveSync })
  else if (isModule) nodeModule.register?.(pathToFileURL(__filename))
}

function resolveSync(specifier, context, next) {
  try {
    return next(specifier, context)
  } catch (error) {
    for (const parentURL of parents(specifier, error)) {
      try {
        return next(specifier, { ...context, parentURL })
      } catch {
        continue
      }
    }
    throw error
  }
}

async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context)
  } catch (error) {
    for (const parentURL of parents(specifier, error)) {
      try {
        return await next(specifier, { ...context, parentURL })
      } catch {
        continue
      }
    }
    throw error
  }
}

// Files beside the folders of NODE_PATH: what they could import is found. None where `specifier` names no package.
function parents(specifier, error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || /^(\.{0,2}\/|[a-z]+:)/.test(specifier)) return []
  const folders = (process.env.NODE_PATH ?? '').split(':').filter((folder) => /\/node_modules\/?$/.test(folder))
  return folders.map((folder) => pathToFileURL(folder.replace(/node_modules\/?$/, 'any.mjs')).href)
}

module.exports = { lookInNodePath, resolve }
