// Hooks of pages: what is loaded, what is live, what the address says, what the browser remembers.
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from './html.js'
import { get } from './api.js'
import { liveState, subscribe, watchLive } from './live.js'
import { ofBrowser } from './memory.js'
import { currentPath, currentQuery, currentScope, go, href, onNavigation } from './router.js'

const EVERY_PAGES = 3

/** Draws again when the address changes; returns `{path, query, scope}`. */
export function useAddress() {
  const [, draw] = useState(0)
  useEffect(() => onNavigation(() => draw(n => n + 1)), [])
  return { path: currentPath(), query: currentQuery(), scope: currentScope() }
}

/** `[query, change]`: `change({bus: 'orders'})` sets parameters of the address without an entry in the history. */
export function useQuery() {
  const { query } = useAddress()
  const change = useCallback((changes, options = { replace: true }) => {
    go(href(currentPath(), { ...currentQuery(), ...changes }), options)
  }, [])
  return [query, change]
}

/**
 * Loads a path of the API: `{data, error, loading, reload}`. Loads again when path, params or scope change; `every` (ms)
 * loads again by itself while the page is visible. Data stay while newer ones load. No path: nothing is loaded.
 */
export function useLoad(path, params = {}, { every = 0, pages = 1, read = get } = {}) {
  const { account, region } = currentScope()
  const key = JSON.stringify([path, params, account, region, pages])
  const [answer, setAnswer] = useState({ key: '', data: null, error: null })
  const [turn, setTurn] = useState(0)
  const reload = useCallback(() => setTurn(n => n + 1), [])
  useLayoutEffect(() => {  // before the browser paints: an answer that is there already is in the first frame
    if (!path) return undefined
    const abort = new AbortController()
    read(path, params, { signal: abort.signal }).then(
      data => setAnswer({ key, data, error: null }),
      error => {
        if (error.name !== 'AbortError') setAnswer(old => ({ key, data: old.key === key ? old.data : null, error }))
      },
    )
    return () => abort.abort()
  }, [key, turn])
  useEffect(() => {
    if (!every || !path) return undefined
    const timer = setInterval(() => { if (!document.hidden) reload() }, every)
    return () => clearInterval(timer)
  }, [every, key])
  const fresh = answer.key === key
  const samePath = answer.key && JSON.parse(answer.key)[0] === path
  return {
    data: fresh || samePath ? answer.data : null,
    error: fresh ? answer.error : null,
    loading: Boolean(path) && !fresh,
    reload,
  }
}

/**
 * As `useLoad`, of a list whose rows are the answer's `member`: with `more()`, which loads one page more, where `data.next` is not null.
 * Loading again loads all these pages, and goes on by itself while they are few.
 */
export function usePages(path, member, params = {}, { every = 0 } = {}) {
  const key = JSON.stringify([path, params, currentScope()])
  const [asked, setAsked] = useState({ key, pages: 1 })
  const pages = asked.key === key ? asked.pages : 1
  const read = async (...call) => {
    const rows = []
    let next = ''
    for (let page = 0; page < pages && next !== null; page++) {
      const answer = await get(call[0], { ...call[1], next }, call[2])
      rows.push(...answer[member])
      next = answer.next
    }
    return { [member]: rows, next }
  }
  return { ...useLoad(path, params, { every: pages > EVERY_PAGES ? 0 : every, pages, read }), more: () => setAsked({ key, pages: pages + 1 }) }
}

/** Calls `handler(data, topic)` for live messages while the component is there; `topic` may be `resync` (see live.js). No topics: nothing. */
export function useLive(topics, params, handler) {
  const latest = useRef(handler)
  latest.current = handler
  useEffect(() => {
    if (!topics.length) return undefined
    return subscribe(topics, params, (data, topic) => latest.current(data, topic))
  }, [JSON.stringify([topics, params])])
}

/** The state of the live connection: `off`, `connecting`, `live`, `lost`. */
export function useLiveState() {
  const [state, setState] = useState(liveState())
  useEffect(() => {
    setState(liveState())  // it may have changed since this was drawn
    return watchLive(setState)
  }, [])
  return state
}

/** A value that the browser remembers between visits. */
export function usePref(name, initial) {
  const [value, setValue] = useState(() => {
    try { return JSON.parse(ofBrowser.get(name)) ?? initial } catch { return initial }
  })
  const keep = useCallback(next => {
    setValue(old => {
      const chosen = typeof next === 'function' ? next(old) : next
      ofBrowser.set(name, JSON.stringify(chosen))
      return chosen
    })
  }, [name])
  return [value, keep]
}

/** Draws again every `period` ms, for ages ("3 s ago"); returns the time. */
export function useNow(period = 1000) {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) setNow(Date.now()) }, period)
    return () => clearInterval(timer)
  }, [period])
  return now
}

/** `value`, but only after it has not changed for `delay` ms. */
export function useSettled(value, delay = 250) {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), delay)
    return () => clearTimeout(timer)
  }, [value, delay])
  return settled
}

/** Whether a media query holds; the console's narrow layout is `useMedia('(max-width: 760px)')`. */
export function useMedia(query) {
  const [holds, setHolds] = useState(() => matchMedia(query).matches)
  useEffect(() => {
    const list = matchMedia(query)
    const told = () => setHolds(list.matches)
    list.addEventListener('change', told)
    return () => list.removeEventListener('change', told)
  }, [query])
  return holds
}
export const useNarrow = () => useMedia('(max-width: 760px)')
