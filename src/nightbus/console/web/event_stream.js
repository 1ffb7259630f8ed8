// The rows of the events page: those of the history and those that arrive live, joined by id, the newest first. Pure but for `useEventStream`.
import { useCallback, useEffect, useMemo, useRef, useState } from './html.js'
import { get } from './api.js'
import { useLive } from './hooks.js'
import { currentScope } from './router.js'

const MOST = 5000      // rows kept in the browser
const PAGE = 100

/** A live message's event as a row, as `GET /events` has them. `body` is the text that the text filter searches. */
export function rowOf(message) {
  const event = message.event ?? message
  const detail = event.detail === undefined ? message.preview ?? '' : JSON.stringify(event.detail)
  const rules = message.rules ?? []
  return {
    id: event.id, time: message.time ?? Date.parse(event.time), bus: message.bus, source: event.source,
    detail_type: event['detail-type'] ?? event.detail_type, account: event.account, region: event.region,
    rules, state: message.state ?? (rules.length ? 'waiting' : 'unmatched'),
    preview: detail.slice(0, 300), body: message.event ? detail : undefined,
  }
}

/** The state after one more outcome of a delivery; a failure stays. */
export function stateAfter(state, outcome) {
  if (outcome === 'failed' || state === 'failed') return 'failed'
  if (outcome === 'delivered') return 'delivered'
  return 'waiting'
}

/** Whether a live row passes what the node does not filter by. */
export function passes(row, { bus, text, state }) {
  if (bus && row.bus !== bus) return false
  if (state && row.state !== state) return false
  if (!text) return true
  const low = text.toLowerCase()
  return [row.id, row.source, row.detail_type, row.body ?? row.preview, ...row.rules].some(part => part?.toLowerCase().includes(low))
}

/** Source, detail type and pattern as one pattern, which the node filters the stream by; null if the pattern is not JSON. */
export function joinedPattern({ source, detail_type: detailType, pattern }) {
  let joined = {}
  if (pattern) {
    try { joined = JSON.parse(pattern) } catch { return null }
    if (joined === null || typeof joined !== 'object' || Array.isArray(joined)) return null
  }
  if (source && !joined.source) joined.source = [source]
  if (detailType && !joined['detail-type']) joined['detail-type'] = [detailType]
  return Object.keys(joined).length ? JSON.stringify(joined) : ''
}

/** Puts newer rows before older ones; an id stands once. */
export function joined(newer, older) {
  const known = new Set(older.map(row => row.id))
  const fresh = newer.filter(row => !known.has(row.id) && known.add(row.id))
  return fresh.length ? [...fresh, ...older] : older
}

/**
 * `{rows, waiting, error, loading, more(), resume()}`: `waiting` is how many arrived while `paused`. `filters` are the address's.
 */
export function useEventStream(filters, paused) {
  const [state, setState] = useState({ rows: [], next: null, loading: true, error: null, cut: false })
  const [waiting, setWaiting] = useState(0)
  const buffer = useRef({ rows: [], outcomes: new Map(), timer: 0 })
  const pausedNow = useRef(paused)
  pausedNow.current = paused
  const { account, region } = currentScope()
  const key = JSON.stringify([filters, account, region])
  const pattern = joinedPattern(filters)
  const query = useMemo(() => Object.fromEntries(Object.entries(filters).filter(([, value]) => value)), [key])

  const load = useCallback(async (params, signal) => {
    try {
      const answer = await get('/events', { ...query, limit: PAGE, ...params }, { signal })
      setState(old => ({ ...old, rows: joined(old.rows, []).concat(answer.events.filter(row => !old.rows.some(one => one.id === row.id))), next: answer.next, loading: false, error: null, cut: false }))
    } catch (error) {
      if (error.name !== 'AbortError') setState(old => ({ ...old, loading: false, error }))
    }
  }, [query])

  useEffect(() => {
    const abort = new AbortController()
    buffer.current.rows = []
    setWaiting(0)
    setState({ rows: [], next: null, loading: true, error: null, cut: false })
    load({}, abort.signal)
    return () => abort.abort()
  }, [key])

  const flush = useCallback(() => {
    const { rows: arrived, outcomes } = buffer.current
    buffer.current.timer = 0
    if (pausedNow.current) return setWaiting(arrived.length)
    buffer.current.rows = []
    buffer.current.outcomes = new Map()
    setWaiting(0)
    setState(old => {
      let rows = joined(arrived, old.rows)
      if (outcomes.size) rows = rows.map(row => (outcomes.has(row.id) ? { ...row, state: outcomes.get(row.id).reduce(stateAfter, row.state === 'unmatched' ? 'waiting' : row.state) } : row))
      if (rows.length > MOST) return { ...old, rows: rows.slice(0, MOST), cut: true }
      return { ...old, rows }
    })
  }, [])

  const receive = useCallback((data, topic) => {
    const held = buffer.current
    const list = Array.isArray(data) ? data : [data]
    if (topic === 'events') {
      held.rows = list.map(rowOf).filter(row => passes(row, { ...filters, state: '' })).reverse().concat(held.rows)
      if (held.rows.length > MOST) held.rows.length = MOST
    } else {
      for (const one of list) {
        const outcome = one.delivery?.outcome
        if (outcome) held.outcomes.set(one.event_id, [...(held.outcomes.get(one.event_id) ?? []), outcome])
      }
      if (held.outcomes.size > 2 * MOST) held.outcomes.clear()
    }
    if (!held.timer) held.timer = setTimeout(() => requestAnimationFrame(flush), 100)
  }, [key])
  useLive(pattern === null ? [] : ['events', 'deliveries'], { bus: filters.bus, pattern }, receive)
  useEffect(() => { if (!paused && !buffer.current.timer) flush() }, [paused])

  const more = useCallback(() => {
    setState(old => {
      if (old.loading || !old.rows.length || (!old.next && !old.cut)) return old
      load(old.next && !old.cut ? { next: old.next } : { before: old.rows[old.rows.length - 1].time + 1 })
      return { ...old, loading: true }
    })
  }, [load])
  const shown = useMemo(() => (filters.state ? state.rows.filter(row => row.state === filters.state) : state.rows), [state.rows, filters.state])
  return { rows: shown, waiting, error: state.error, loading: state.loading, next: state.next, more, patternWrong: pattern === null }
}
