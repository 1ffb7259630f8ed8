// One stream of server-sent events for the whole page. Subscriptions are joined into one address, and the stream is opened again when they
// change. After a lost connection it goes on from the last position, so that nothing is missed. A page that is hidden for a while lets go of
// its connection, of which a browser has six for a host; when it is seen again it begins anew, and is told so by the topic `resync`.
//
// It is read by `fetch`, because an EventSource cannot send the position that another one had, and does not tell a refusal from a lost connection.
import { address, parse, tellSignedOut } from './api.js'
import { onNavigation } from './router.js'

const AGAIN = 1000         // ms between attempts
const HIDDEN = 15000       // ms after which a hidden page lets go
const GAP = 30000          // ms after which what was missed is not asked for any more
const TOO_MANY = 429       // there are as many streams as a node has; one of them may end
const OVERLAP = 1000       // ms: the node may have read what was asked for ahead before it read the session's time

const subscriptions = new Set()
const watchers = new Set()
let current = null         // {url, abort, position, heard}
let planned = false
let state = 'off'
let hiddenTimer = 0
let begin = ''             // the position at which the first stream begins

function become(next) {
  if (state === next) return
  state = next
  for (const watcher of watchers) watcher(state)
}

function wantedAddress() {
  const topics = new Set()
  const params = {}
  for (const one of subscriptions) {
    for (const topic of one.topics) topics.add(topic)
    Object.assign(params, one.params)
  }
  return topics.size ? address('/live', { topics: [...topics].sort().join(','), ...params }) : ''
}

function tell(topic, data) {
  for (const one of [...subscriptions]) if (topic === 'resync' || one.topics.includes(topic)) one.handler(data, topic)
}

function receive(stream, block) {
  let topic = 'message'
  const data = []
  for (const line of block.split('\n')) {
    if (line.startsWith('data:')) data.push(line.slice(5).trimStart())
    else if (line.startsWith('event:')) topic = line.slice(6).trim()
    else if (line.startsWith('id:')) stream.position = line.slice(3).trim()
  }
  stream.heard = Date.now()
  if (!data.length) return
  let value
  try { value = parse(data.join('\n')) } catch { return }
  tell(topic, value)
}

async function read(stream) {
  const headers = { accept: 'text/event-stream' }
  if (stream.position) headers['last-event-id'] = stream.position
  const response = await fetch(stream.url, { headers, signal: stream.abort.signal, cache: 'no-store', credentials: 'same-origin' })
  if (!response.ok) return response.status
  become('live')
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return 0
    const blocks = (rest + value).split('\n\n')
    rest = blocks.pop()
    for (const block of blocks) receive(stream, block)
  }
}

async function run(stream) {
  let first = true
  while (current === stream) {
    become(first ? 'connecting' : 'lost')
    first = false
    try {
      const status = await read(stream)
      if (status === 401 && current === stream) tellSignedOut()  // the session ended
      if (status >= 400 && status < 500 && status !== TOO_MANY) return current === stream && become('lost')
    } catch { /* the connection is lost, or let go */ }
    if (current !== stream) return
    become('lost')
    await new Promise(resolve => setTimeout(resolve, AGAIN))
    if (Date.now() - stream.heard > GAP && current === stream) {
      stream.position = ''
      stream.heard = Date.now()
      tell('resync', [])
    }
  }
}

function stop() {
  current?.abort.abort()
  current = null
}

function reopen() {
  planned = false
  const url = document.hidden && !current ? '' : wantedAddress()
  if (current && url === current.url) return
  stop()
  if (!url) return become('off')
  current = { url, abort: new AbortController(), position: begin, heard: Date.now() }
  begin = ''
  run(current)
}

function plan() {
  if (planned) return
  planned = true
  queueMicrotask(reopen)
}

/**
 * Hands each message of the topics to `handler(data, topic)`; returns what ends it. `params` filter on the node's side. With the topic `resync`
 * (and no data) what was loaded before should be loaded again.
 */
export function subscribe(topics, params, handler) {
  const one = { topics, params: params ?? {}, handler }
  subscriptions.add(one)
  plan()
  return () => { subscriptions.delete(one); plan() }
}

/**
 * A stream that is opened soon begins at this time of the node (UTC ms) or a little before, so that nothing is missed after what was asked
 * for ahead. Who listens may hear what it knows already.
 */
export function beginAt(time) {
  begin = JSON.stringify([time - OVERLAP, {}])
  setTimeout(() => { begin = '' }, GAP / 6)
}

/** `off`, `connecting`, `live` or `lost`; `watchLive(listener)` tells of changes. */
export const liveState = () => state
export const watchLive = listener => { watchers.add(listener); return () => watchers.delete(listener) }

function visibilityChanged() {
  clearTimeout(hiddenTimer)
  if (document.hidden) hiddenTimer = setTimeout(() => { stop(); become('off') }, HIDDEN)
  else if (!current && subscriptions.size) {
    tell('resync', [])
    plan()
  }
}

onNavigation(plan)  // another scope is another stream
document.addEventListener('visibilitychange', visibilityChanged)
addEventListener('pagehide', stop)
addEventListener('pageshow', event => { if (event.persisted) visibilityChanged() })
