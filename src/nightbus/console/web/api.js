// Calls of the JSON API. Each carries the scope of the address; changing ones carry the session's token.
import { currentScope } from './router.js'

export const API = '/_nightbus/api'

/** An answer that is an error, or no answer at all (status 0). `code` is AWS's or the API's name of it. */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message)
    this.status = status
    this.code = code
  }
}

const MAYBE_INEXACT = /[\d.]{16}|\d[eE][+-]?\d{3}/  // a text without it has no number that a double cannot hold
const digits = number => number.replace(/[eE].*$/, '').replace(/\D/g, '').replace(/^0+|0+$/g, '')
const isExact = (value, written) => Number.isFinite(value) && digits(written) === digits(value.toExponential())

/** Parses JSON. Numbers that a double cannot hold stay as they are written (`JSON.rawJSON`), where the browser can. */
export function parse(text) {
  if (!MAYBE_INEXACT.test(text) || !JSON.rawJSON) return JSON.parse(text)
  return JSON.parse(text, (key, value, context) =>
    (typeof value === 'number' && !isExact(value, context.source) ? JSON.rawJSON(context.source) : value))
}

// What early.js has asked for: the first call of the same takes the answer, unless it is old by then.
const early = window.nightbusAnswers ?? new Map()
setTimeout(() => early.clear(), 5000)

let token = ''
let clustered = false
const signedOut = new Set()

/** Calls `listener` when the API says that nobody is signed in. */
export const onSignedOut = listener => { signedOut.add(listener); return () => signedOut.delete(listener) }

/** To be called by who else learns that nobody is signed in. */
export const tellSignedOut = () => { for (const listener of signedOut) listener() }

/** The address of a path of the API with its parameters and the scope; empty values are left out, lists are repeated. */
export function address(path, params = {}) {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries({ ...currentScope(), ...params })) {
    if (value === undefined || value === null || value === '') continue
    for (const each of Array.isArray(value) ? value : [value]) search.append(key, each)
  }
  return `${API}${path}?${search}`
}

/** Another tab may have signed in anew: a changing call that is refused is made once more if there is another token now. */
async function call(method, path, params, body, signal, read = parse) {
  const sent = token
  try {
    return await callOnce(method, path, params, body, signal, read)
  } catch (error) {
    if (method === 'GET' || error.status !== 403) throw error
    const session = await callOnce('GET', '/session', {}, undefined, signal, parse).catch(() => null)
    if (!session?.token || session.token === sent) throw error
    token = session.token
    return callOnce(method, path, params, body, signal, read)
  }
}

async function callOnce(method, path, params, body, signal, read) {
  const headers = { accept: 'application/json' }
  if (method !== 'GET') headers['x-nightbus-token'] = token
  if (body !== undefined) headers['content-type'] = 'application/json'
  const url = address(path, params)
  let response, text
  try {
    const asked = method === 'GET' && early.get(url)
    if (asked) {
      early.delete(url)
      ;({ response, text } = await asked)
      signal?.throwIfAborted()
    } else {
      response = await fetch(url, {
        method, headers, signal, credentials: 'same-origin', cache: 'no-store',
        body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
      })
      text = await response.text()
    }
  } catch (failure) {
    if (failure.name === 'AbortError') throw failure
    throw new ApiError(0, 'Unreachable', 'The node does not answer. Is it running?')
  }
  let data = null
  try { data = text ? (response.ok ? read : parse)(text) : null } catch { /* said below */ }
  if (response.ok) return data
  early.clear()  // who signs in is answered anew
  if (response.status === 401) tellSignedOut()
  throw new ApiError(response.status, data?.error ?? `HTTP ${response.status}`,
    data?.message ?? `The node answered with status ${response.status}.`)
}

/** `await get('/events', {bus})` → the answer. Throws `ApiError`. */
export const get = (path, params, { signal } = {}) => call('GET', path, params, undefined, signal)

/** The answer as its JSON text, in which numbers stand as they were written. Throws `ApiError`. */
export const getText = path => call('GET', path, {}, undefined, undefined, text => text)

/** `await post('/events', {…})` → the answer; a string is sent as the JSON text that it is. Throws `ApiError`. */
export const post = (path, body = {}, { params, signal } = {}) => call('POST', path, params, body, signal)

/** `await remove('/session')`: a DELETE. Throws `ApiError`. */
export const remove = (path, params, { signal } = {}) => call('DELETE', path, params, undefined, signal)

/** Who is signed in and at which node; must be called once before anything else. */
export async function openSession() {
  const session = await get('/session')
  token = session.token ?? ''
  clustered = session.settings.shared_store
  return session
}

/** Whether the node shares its store with others, so that what it counted itself is not all that happened. */
export const isClustered = () => clustered
