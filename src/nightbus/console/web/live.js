// One EventSource for the whole page. Subscriptions are joined into one address; the source is opened again when they change.
// The browser reconnects by itself and names the last position, so that nothing is missed meanwhile.
import { address, parse } from './api.js'
import { onNavigation } from './router.js'

const subscriptions = new Set()
const watchers = new Set()
let source = null
let opened = ''
let planned = false
let state = 'off'

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

function receive(topic, message) {
  let data
  try { data = parse(message.data) } catch { return }
  become('live')
  for (const one of [...subscriptions]) if (one.topics.includes(topic)) one.handler(data, topic)
}

function reopen() {
  planned = false
  const wanted = wantedAddress()
  if (wanted === opened && source && source.readyState !== EventSource.CLOSED) return
  source?.close()
  opened = wanted
  source = null
  if (!wanted) return become('off')
  become('connecting')
  source = new EventSource(wanted)
  source.onopen = () => become('live')
  source.onerror = () => {
    become('lost')
    // The browser gives up at an answer that is not a stream (a node that starts); it is asked again.
    if (source?.readyState === EventSource.CLOSED) setTimeout(plan, 2000)
  }
  for (const topic of new URL(wanted, location.href).searchParams.get('topics').split(','))
    source.addEventListener(topic, message => receive(topic, message))
}

function plan() {
  if (planned) return
  planned = true
  queueMicrotask(reopen)
}

/** Hands each message of the topics to `handler(data, topic)`; returns what ends it. `params` filter on the node's side. */
export function subscribe(topics, params, handler) {
  const one = { topics, params: params ?? {}, handler }
  subscriptions.add(one)
  plan()
  return () => { subscriptions.delete(one); plan() }
}

/** `off`, `connecting`, `live` or `lost`; `watchLive(listener)` tells of changes. */
export const liveState = () => state
export const watchLive = listener => { watchers.add(listener); return () => watchers.delete(listener) }

onNavigation(plan)  // another scope is another stream
addEventListener('pagehide', () => { source?.close(); source = null; opened = '' })
addEventListener('pageshow', event => { if (event.persisted) plan() })
