// The lines of a log group that a page shows: the newest page, older pages on demand, and what comes live.
import { useCallback, useEffect, useMemo, useRef, useState } from './html.js'
import { get } from './api.js'
import { useLive } from './hooks.js'
import { append, MOST_LINES, prepend } from './log_lines.js'

const PAGE = 500
const NOTHING = { chunks: [], next: null, cut: false, error: null, loading: true }

/**
 * `{chunks, next, cut, error, loading, older, reads}`: chunks of lines, the oldest first. `older()` loads the page before them, if there
 * is a `next`. `cut`: the oldest were let go, because there may be `MOST_LINES`; twice as many while `reads.current`,
 * that is, while somebody reads above and must not lose the place. `span` in ms, 0 for all times.
 */
export function useLines({ group, stream, filter, request }, span, tail) {
  const wanted = useMemo(
    () => ({ group, stream, filter, request, from: span ? Date.now() - span : '' }),
    [group, stream, filter, span, request],
  )
  const [state, setState] = useState(NOTHING)
  const [turn, setTurn] = useState(0)
  const reads = useRef(false)
  const loading = useRef(null)
  useEffect(() => {
    const abort = new AbortController()
    loading.current = abort.signal
    setState(NOTHING)
    get('/logs/events', { ...wanted, limit: PAGE }, { signal: abort.signal }).then(
      page =>
        setState(old => ({
          ...NOTHING,
          chunks: append([], merged(page.events, old.chunks)),
          next: page.next,
          loading: false,
        })),
      error => error.name !== 'AbortError' && setState({ ...NOTHING, error, loading: false }),
    )
    return () => abort.abort()
  }, [wanted, turn])
  useLive(tail ? ['logs'] : [], { group, filter }, (data, topic) => {
    if (topic === 'resync') return setTurn(n => n + 1)
    const fresh = data.filter(
      line => line.group === group && (!stream || line.stream === stream) && (!request || line.request_id === request),
    )
    if (fresh.length) setState(old => withLines(old, fresh, reads.current ? 2 * MOST_LINES : MOST_LINES))
  })
  const older = useCallback(async () => {
    const signal = loading.current
    try {
      const page = await get('/logs/events', { ...wanted, limit: PAGE, next: state.next }, { signal })
      setState(old => ({ ...old, ...limited(prepend(old.chunks, [...page.events].reverse()), page.next) }))
    } catch (error) {
      if (error.name !== 'AbortError') setState(old => ({ ...old, error }))
    }
  }, [wanted, state.next])
  return { ...state, older, reads }
}

function withLines(state, fresh, most) {
  const chunks = append(state.chunks, unknown(fresh, state.chunks), most)
  const cut = state.chunks.length > 0 && chunks[0][0].id !== state.chunks[0][0].id
  return { ...state, chunks, cut: state.cut || cut, next: cut ? null : state.next }
}

/** No more older lines are offered when there are as many as may be. */
function limited(chunks, next) {
  const full = chunks.reduce((sum, chunk) => sum + chunk.length, 0) >= MOST_LINES
  return { chunks, next: full ? null : next, cut: full && Boolean(next) }
}

/** A page, which has the newest line first, and the lines that came live meanwhile. */
function merged(page, chunks) {
  const lines = [...page].reverse()
  const known = new Set(lines.map(line => line.id))
  return [...lines, ...chunks.flat().filter(line => !known.has(line.id))]
}

function unknown(lines, chunks) {
  const known = new Set(chunks.slice(-5).flatMap(chunk => chunk.map(line => line.id)))
  return lines.filter(line => !known.has(line.id))
}
