// The rows of the events page: those of the history and those that arrive live, joined by id, the newest first. Pure but for `useEventStream`.
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from './html.js'
import { get } from './api.js'
import { useLive } from './hooks.js'
import { currentScope } from './router.js'

const MOST = 5000      // rows kept in the browser
const PAGE = 100
const ENOUGH = 30      // rows that fill the view
const FURTHER = 10     // answers that are asked for by themselves until the view is full
const FLUSH = 100      // ms between two drawings

const ENDINGS = ['delivered', 'failed']
const targetOf = one => JSON.stringify([one.rule, one.target, one.arn])

/** The row after outcomes of its deliveries, each of which replaces the one before at the same target; the row itself where nothing changed. */
export function withOutcomes(row, outcomes) {
  const states = new Map(row.deliveries.map(one => [targetOf(one), one]))
  let changed = false
  for (const { rule, target, arn, outcome } of outcomes) {
    const one = { rule, target, arn, state: ENDINGS.includes(outcome) ? outcome : 'waiting' }
    if (states.get(targetOf(one))?.state === one.state) continue
    states.set(targetOf(one), one)
    changed = true
  }
  if (!changed) return row
  const deliveries = [...states.values()]
  const state = ['failed', 'waiting'].find(name => deliveries.some(one => one.state === name)) ?? 'delivered'
  return { ...row, deliveries, state }
}

/** Whether a text is a JSON object, as a pattern must be. */
export function isObject(text) {
  try {
    const value = JSON.parse(text)
    return value !== null && typeof value === 'object' && !Array.isArray(value)
  } catch { return false }
}

/** Puts newer rows before older ones; an id stands once. An event that was replayed moves to the place of its last replay. */
export function joined(newer, older) {
  const known = new Map(older.map(row => [row.id, row]))
  const fresh = new Map()
  for (const row of newer) {
    const before = known.get(row.id)
    if (!fresh.has(row.id) && !(before?.time >= row.time)) fresh.set(row.id, before ? withEarlier(row, before) : row)
  }
  return fresh.size ? [...fresh.values(), ...older.filter(row => !fresh.has(row.id))] : older
}

/** The row of a replay, with what became of the event's deliveries to other targets before. */
function withEarlier(row, before) {
  const again = new Set(row.deliveries.map(targetOf))
  const others = before.deliveries.filter(one => !again.has(targetOf(one)))
  return withOutcomes(row, others.map(one => ({ ...one, outcome: one.state })))
}

/** The rows with what became of their deliveries: `outcomes` has lists by event id. */
export function updated(rows, outcomes) {
  if (!outcomes.size) return rows
  let changed = false
  const next = rows.map(row => {
    const news = outcomes.get(row.id)?.filter(one => one.bus === row.bus)
    const after = news?.length ? withOutcomes(row, news) : row
    if (after !== row) changed = true
    return after
  })
  return changed ? next : rows
}

/** Keeps the last outcome of each target by event id, of the `most` events that were noted last. */
export function noteOutcomes(outcomes, news, most) {
  for (const { event_id: id, bus, rule, target, arn, outcome } of news) {
    const one = { bus, rule, target, arn, outcome }
    const others = (outcomes.get(id) ?? []).filter(old => old.bus !== bus || targetOf(old) !== targetOf(one))
    outcomes.set(id, [...others, one])
  }
  for (const id of outcomes.keys()) {
    if (outcomes.size <= most) break
    outcomes.delete(id)
  }
}

const NOTHING = { rows: [], next: null, loading: true, error: null, cut: false }

/**
 * `{rows, waiting, error, loading, next, more(), patternWrong}`: `waiting` is how many arrived while `paused`. `filters` are the address's: bus,
 * source, detail_type, text, pattern, state. `page`: how many rows are loaded at a time.
 */
export function useEventStream(filters, paused, page = PAGE) {
  const [state, setState] = useState(NOTHING)
  const [waiting, setWaiting] = useState(0)
  const [turn, setTurn] = useState(0)
  // `known` are outcomes that rows may need which are not loaded yet, `outcomes` those that were not drawn yet.
  const buffer = useRef({ rows: [], outcomes: new Map(), known: new Map(), timer: 0 })
  const further = useRef(0)
  const abort = useRef(null)
  const pausedNow = useRef(paused)
  pausedNow.current = paused
  const { account, region } = currentScope()
  const key = JSON.stringify([filters, account, region])
  const patternWrong = Boolean(filters.pattern) && !isObject(filters.pattern)
  const query = useMemo(() => Object.fromEntries(Object.entries(filters).filter(([, value]) => value)), [key])

  const load = useCallback(async params => {
    const { signal } = abort.current  // the answer to other filters is dropped
    try {
      const answer = await get('/events', { ...query, limit: page, ...params }, { signal })
      const loaded = updated(joined(answer.events, []), buffer.current.known)
      setState(old => ({ rows: [...old.rows, ...loaded.filter(row => !old.rows.some(one => one.id === row.id))], next: answer.next, loading: false, error: null, cut: false }))
    } catch (error) {
      if (error.name !== 'AbortError') setState(old => ({ ...old, loading: false, error }))
    }
  }, [query])

  useLayoutEffect(() => {
    Object.assign(buffer.current, { rows: [], outcomes: new Map(), known: new Map() })
    further.current = 0
    setWaiting(0)
    setState(patternWrong ? { ...NOTHING, loading: false } : NOTHING)
    if (patternWrong) return undefined
    abort.current = new AbortController()
    load({})
    return () => abort.current.abort()
  }, [key, turn])

  const flush = useCallback(() => {
    const held = buffer.current
    held.timer = 0
    if (pausedNow.current) return setWaiting(held.rows.length)
    const { rows: arrived, outcomes } = held
    held.rows = []
    held.outcomes = new Map()
    setWaiting(0)
    setState(old => {
      const rows = joined(updated(arrived, held.known), updated(old.rows, outcomes))
      return rows.length > MOST ? { ...old, rows: rows.slice(0, MOST), cut: true } : rows === old.rows ? old : { ...old, rows }
    })
  }, [])

  useLive(patternWrong || state.error ? [] : ['events', 'deliveries'], { bus: filters.bus, source: filters.source, detail_type: filters.detail_type, text: filters.text, pattern: filters.pattern }, (data, topic) => {
    const held = buffer.current
    if (topic === 'resync') return setTurn(n => n + 1)
    if (topic === 'events') {
      held.rows = [...data].reverse().concat(held.rows)
      if (held.rows.length > MOST) held.rows.length = MOST
    } else {
      noteOutcomes(held.known, data, 2 * MOST)
      noteOutcomes(held.outcomes, data, 2 * MOST)
    }
    if (!held.timer) held.timer = setTimeout(() => requestAnimationFrame(flush), FLUSH)
  })
  useEffect(() => { if (!paused && !buffer.current.timer) flush() }, [paused])

  const more = useCallback(() => {
    setState(old => {
      if (old.loading || (!old.next && !old.cut)) return old
      load(old.next && !old.cut ? { next: old.next } : { before: old.rows[old.rows.length - 1].time + 1 })
      return { ...old, loading: true }
    })
  }, [load])
  // A search for what is rare answers with few rows, or none, and where to go on.
  useEffect(() => {
    if (state.loading || !state.next || state.error || state.rows.length >= Math.min(ENOUGH, page) || further.current >= FURTHER) return
    further.current++
    more()
  }, [state.loading, state.next])
  const shown = useMemo(() => (filters.state ? state.rows.filter(row => row.state === filters.state) : state.rows), [state.rows, filters.state])
  return { rows: shown, waiting, error: state.error, loading: state.loading, next: state.next, more, patternWrong }
}
